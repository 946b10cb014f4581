"""DemandHigh: the mean power of a site's electricity intake over each quarter-hour, against its limit in the rules."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from services.alerting.model import Sign
from services.alerting.thresholds import Thresholds
from services.store.queries import SQL
from services.store.watch.look import place
from services.store.watch.touched import touched_sites

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.alerting.model import Observation
    from services.store.pool import Connection, Row
    from services.store.watch.look import Look

KNOWN: Final = Decimal("0.95")
"""A quarter-hour whose measured part is smaller is unknown."""


class Demand:
    """The quarter-hours of the sites that have a limit; a subject is a site's code."""

    async def touched(self, con: Connection, look: Look) -> dict[str, int]:
        """Sites with a limit whose ledger changed, and from when on."""
        limits = look.version.map("limits")
        sites = await touched_sites(con, look.since) if limits else {}
        return {site: since for site, since in sites.items() if site in limits}

    async def points(self, con: Connection, look: Look, starts: Mapping[str, int]) -> dict[str, list[Observation]]:
        """Quarter-hours of these sites that end after each site's start, up to now."""
        found = {}
        limits = look.version.map("limits")
        for site, start in starts.items():
            limit = limits.get(site)
            if limit is None:  # it was taken off the rule: nothing is too high any more
                found[site] = [look.saw(site, Sign.GOOD, look.now)]
                continue
            thresholds = Thresholds(limit, limit * look.version.number("clear_ratio"))
            rows = await con.fetch(SQL["watch_demand"], site, start, look.now)
            found[site] = [_point(look, site, row, thresholds) for row in rows]
        return found


def _point(look: Look, site: str, row: Row, thresholds: Thresholds) -> Observation:
    is_known = row["demand_kw"] is not None and (row["resolution_ratio"] or 0) >= KNOWN
    value = row["demand_kw"] if is_known else None
    return look.saw(
        site,
        thresholds.sign(value) if is_known else Sign.UNKNOWN,
        row["ends_at"],
        value=value,
        limit=thresholds.raise_at,
        unit="kW",
        enterprise=row["enterprise"],
        site=site,
        evidence=place({**row, "site": site}),
        latest={"value": None if value is None else str(value), "resolution": str(row["resolution_ratio"])},
    )
