"""ClockBehind: one alert a site, with the meters inside whose readings are steadily older than they can be."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING

from services.alerting.model import Sign
from services.alerts.watch.look import SHOWN, place
from services.ledger.meter_clocks import clocks_behind

if TYPE_CHECKING:
    from services.alerting.model import Observation
    from services.alerts.watch.look import Look
    from services.ledger.meter_clocks import ClockBehind
    from services.store.pool import Connection


async def clock_behind(con: Connection, look: Look) -> list[Observation]:
    """Every site with meters that report by a clock that is behind by more than the limit."""
    found = await clocks_behind(con, look.now, look.version.seconds("above"))
    return [_site(look, list(group)) for _, group in groupby(found, key=lambda each: (each.enterprise, each.site))]


def _site(look: Look, registers: list[ClockBehind]) -> Observation:
    """The worst of a meter's registers speaks for it; how far behind in seconds moves with every reading."""
    meters: dict[str, ClockBehind] = {}
    for each in registers:
        if each.meter not in meters or each.behind_s > meters[each.meter].behind_s:
            meters[each.meter] = each
    worst = max(meters.values(), key=lambda each: each.behind_s)
    zh, en = worst.words
    return look.saw(
        f"{worst.enterprise}/{worst.site}",
        Sign.BAD,
        min(each.received_at for each in meters.values()),
        limit=Decimal(look.version.seconds("above")),
        unit="s",
        enterprise=worst.enterprise,
        site=worst.site,
        members={meter: each.received_at for meter, each in meters.items()},
        evidence={**place(asdict(worst)), "count": len(meters), "meters": sorted(meters)[:SHOWN]},
        latest={
            "worst": worst.meter,
            "behind_zh": zh,
            "behind_en": en,
            "behind_s": {meter: each.behind_s for meter, each in list(meters.items())[:SHOWN]},
        },
    )
