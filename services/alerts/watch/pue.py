"""PueHigh, PueImplausible, PueReportedHigh, PueDisagrees: windows of data centres, measured or reported.

The figures are those of report.pue_*; here they only become signs. Unknown and too little load neither raise nor clear.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from services.alerting.model import Sign
from services.alerts.watch.touched import touched_registers
from services.figures.pue import Pue, pue_between
from services.model import HOUR_US, QUARTER_US, iso
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from services.alerting.model import Observation
    from services.alerting.thresholds import Thresholds
    from services.alerts.watch.look import Look
    from services.store.pool import Connection

_WINDOWS_US: Final = {"1h": (QUARTER_US, HOUR_US), "24h": (HOUR_US, 24 * HOUR_US), "30d": (24 * HOUR_US, 720 * HOUR_US)}
"""Of the windows that a rule may look at: how far apart their ends are, and how wide they are."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a rule makes of one window."""

    sign: Sign
    value: Decimal | None = None
    limit: Decimal | None = None


class PueWindows:
    """The windows of the data centres that changed; a subject is a site's code."""

    def __init__(self, judge: Callable[[Look, Pue], Seen], *, measured: bool, reported: bool) -> None:
        self._judge = judge
        self._measured = measured
        self._reported = reported

    async def touched(self, con: Connection, look: Look) -> dict[str, int]:
        """Data centres one of whose registers, or whose boundary, changed, and from when on."""
        found: dict[str, int] = {}
        if self._measured:
            registers = await touched_registers(con, look.since, look.age)
            for row in await con.fetch(SQL["watch_pue_sites"], list(registers), look.since, look.age):
                since = row["since"] if row["since"] is not None else registers[row["register_id"]]
                found[row["site"]] = min(since, found.get(row["site"], since))
        if self._reported:
            for row in await con.fetch(SQL["watch_pue_reported"], look.since, look.age):
                found[row["site"]] = min(row["since"], found.get(row["site"], row["since"]))
        return found

    async def extents(self, con: Connection, look: Look, subjects: list[str]) -> dict[str, tuple[int, int]]:
        """From each site's first day to its newest reading and a window more, or now."""
        _, window_us = _WINDOWS_US[look.version.text("window")]
        return {
            row["site"]: (row["first_at"], min(look.now, (row["newest_at"] or row["first_at"]) + window_us))
            for row in await con.fetch(SQL["watch_pue_extents"], subjects)
        }

    def step_us(self, look: Look) -> int:
        """That of the windows the rule looks at."""
        return _WINDOWS_US[look.version.text("window")][0]

    async def points(
        self, con: Connection, look: Look, spans: Mapping[str, tuple[int, int]]
    ) -> dict[str, list[Observation]]:
        """The windows of these sites that end in each site's span."""
        found: dict[str, list[Observation]] = defaultdict(list)
        window = look.version.text("window")
        first, last = min(start for start, _ in spans.values()) + 1, max(until for _, until in spans.values())
        for pue in await pue_between(con, window, first, last, sites=list(spans)):
            start, until = spans[pue.site]
            if start < pue.ends_at <= until:
                found[pue.site].append(_point(look, window, pue, self._judge(look, pue)))
        return found


def high(look: Look, pue: Pue) -> Seen:
    """The measured PUE against the limit."""
    return _judged(_limits(look, pue), pue.pue_ratio)


def reported_high(look: Look, pue: Pue) -> Seen:
    """The reported PUE against the limit, where no meters are or a side's deliver nothing; where they do, they decide.

    Below 1 it is a data fault, not efficiency.
    """
    if pue.state in {"ok", "high", "implausible"}:
        return Seen(Sign.GOOD)
    if pue.state is not None and pue.total_kwh is not None and pue.it_kwh is not None:
        return Seen(Sign.UNKNOWN)
    is_sound = pue.reported_state in {"ok", "high"}
    return _judged(_limits(look, pue), pue.reported_ratio if is_sound else None)


def disagrees(look: Look, pue: Pue) -> Seen:
    """How far the reported and the measured PUE are apart, where both are known."""
    return _judged(look.version.thresholds, pue.apart_ratio)


def implausible(look: Look, pue: Pue) -> Seen:  # noqa: ARG001 - the signature of a judge
    """IT energy that is not below the total."""
    if pue.state == "implausible":
        return Seen(Sign.BAD)
    return Seen(Sign.GOOD if pue.state in {"ok", "high"} else Sign.UNKNOWN)


def _judged(thresholds: Thresholds, value: Decimal | None) -> Seen:
    return Seen(thresholds.sign(value), value, thresholds.raise_at)


def _limits(look: Look, pue: Pue) -> Thresholds:
    """The rule's thresholds, moved down to the data centre's own limit where that is stricter."""
    rule = look.version.thresholds
    limit = min(rule.raise_at, pue.limit_ratio)
    return replace(rule, raise_at=limit, clear_at=limit - (rule.raise_at - rule.clear_at))


def _point(look: Look, window: str, pue: Pue, seen: Seen) -> Observation:
    return look.saw(
        pue.site,
        seen.sign,
        pue.ends_at,
        value=seen.value,
        limit=seen.limit,
        enterprise=pue.enterprise,
        site=pue.site,
        evidence=_evidence(window, pue),
        latest={
            "window_ends_at": iso(pue.ends_at),
            "value": None if seen.value is None else str(seen.value),
            "sign": seen.sign.value,
            "why": (pue.why or pue.reported_why) if seen.sign is Sign.UNKNOWN else None,
        },
    )


def _meters(pue: Pue) -> dict[str, str]:
    """What the energy meters of the place say of the window, for who is told what its operator reports."""
    if pue.state is None:
        return {"meters_zh": "未接电量表", "meters_en": "no energy is metered there"}
    if pue.total_kwh is None and pue.it_kwh is None:
        return {"meters_zh": "已登记的电量表无数据", "meters_en": "its declared meters deliver nothing"}
    if pue.total_kwh is None or pue.it_kwh is None:
        zh, en = ("总表", "total") if pue.total_kwh is None else ("IT 表", "IT")
        return {"meters_zh": f"{zh}无数据", "meters_en": f"its {en} meters deliver nothing"}
    return {"meters_zh": "电量表有数据", "meters_en": "its meters deliver"}


def _evidence(window: str, pue: Pue) -> dict[str, Any]:
    decimals = {
        "total_kwh": pue.total_kwh,
        "it_kwh": pue.it_kwh,
        "measured": pue.pue_ratio,
        "reported": pue.reported_ratio,
        "total_resolution": pue.total_resolution_ratio,
        "it_resolution": pue.it_resolution_ratio,
        "total_uncertainty": pue.total_uncertainty_ratio,
        "it_uncertainty": pue.it_uncertainty_ratio,
        "reported_resolution": pue.reported_resolution_ratio,
    }
    return {
        "place_zh": f"{pue.enterprise_zh} · {pue.site_zh}",
        "place_en": f"{pue.enterprise_en} · {pue.site_en}",
        "window": window,
        "window_starts_at": iso(pue.starts_at),
        "window_ends_at": iso(pue.ends_at),
        "label": pue.label,
        "category": pue.category,
        **_meters(pue),
        **{name: str(value) for name, value in decimals.items() if value is not None},
    }
