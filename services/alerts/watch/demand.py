"""DemandHigh: the mean power of a site's electricity intake over each quarter-hour, against its limit in the rules."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from services.alerting.model import Sign
from services.alerting.thresholds import Thresholds
from services.alerts.watch.look import place
from services.alerts.watch.touched import touched_sites
from services.model import QUARTER_US
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.alerting.model import Observation
    from services.alerts.watch.look import Look
    from services.store.pool import Connection, Row

KNOWN: Final = Decimal("0.95")
"""A quarter-hour whose measured part is smaller is unknown."""


class Demand:
    """The quarter-hours of the sites that have a limit; a subject is a site's code."""

    async def touched(self, con: Connection, look: Look) -> dict[str, int]:
        """Sites with a limit whose ledger changed, and from when on."""
        limits = look.version.map("limits")
        sites = await touched_sites(con, look.since) if limits else {}
        return {site: since for site, since in sites.items() if site in limits}

    async def extents(self, con: Connection, look: Look, subjects: list[str]) -> dict[str, tuple[int, int]]:
        """From the first booked day of the site's intake until now; of a site that was taken off the rule, now."""
        limits = look.version.map("limits")
        rows = await con.fetch(SQL["watch_demand_from"], [each for each in subjects if each in limits])
        first = {row["site"]: row["first_at"] for row in rows if row["first_at"] is not None}
        first |= {each: look.now - QUARTER_US for each in subjects if each not in limits}
        return {site: (at, look.now) for site, at in first.items()}

    def step_us(self, look: Look) -> int:  # noqa: ARG002 - the signature of a watcher
        """A quarter-hour."""
        return QUARTER_US

    async def points(
        self, con: Connection, look: Look, spans: Mapping[str, tuple[int, int]]
    ) -> dict[str, list[Observation]]:
        """Quarter-hours of these sites that end in each site's span."""
        found = {}
        limits = look.version.map("limits")
        for site, (start, until) in spans.items():
            limit = limits.get(site)
            if limit is None:  # it was taken off the rule: nothing is too high any more
                found[site] = [look.saw(site, Sign.GOOD, until)]
                continue
            thresholds = Thresholds(limit, limit * look.version.number("clear_ratio"))
            rows = await con.fetch(SQL["watch_demand"], site, start, until)
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
