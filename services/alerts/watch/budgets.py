"""BudgetExceeded, BudgetPaceHigh, BudgetForecastHigh, IntensityHigh: figures of report.budget_status become signs.

Missing data never makes a budget good: what is unknown stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from services.alerting.model import LATE_US, Severity, Sign
from services.alerts.watch.touched import touched_registers
from services.alerts.words import number
from services.budgets.crossings import Crossing, crossings
from services.budgets.status import BudgetStatus, budget_statuses
from services.days import day_ends
from services.model import HOUR_US, QUARTER_US, iso
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from services.alerting.model import Observation
    from services.alerts.watch.look import Look
    from services.store.pool import Connection, Row

_PERCENT: Final = 100
_DECLARED_US: Final = 62 * 24 * HOUR_US
"""How long after a period its production may still be declared."""


async def budget_exceeded(con: Connection, look: Look) -> list[Observation]:
    """Every level of every period that may be crossed otherwise than at the last look, crossed or not.

    The crossing is found in the ledger, by exact sums; only budgets are looked into whose sums can have changed, or
    whose alert is open beyond its period's end. A level that the budget has no more is crossed by nothing.
    """
    statuses = [each for each in await budget_statuses(con, look.now, ended=True) if each.product is None]
    changed = await _changed(con, look)
    moved = [each for each in statuses if changed.touches(each) or _is_over(look, each)]
    found: list[Observation] = []
    for budget_id in dict.fromkeys(each.budget_id for each in moved):
        periods = {each.starts_on: each for each in statuses if each.budget_id == budget_id}
        crossed = {(each.starts_on, each.level): each for each in await crossings(con, budget_id)}
        for status in periods.values():
            seen = [_level(look, status, level, crossed.get((status.starts_on, level))) for level in status.levels]
            gone = _open_levels(look, status) - {each.subject for each in seen}
            found += [*seen, *(look.saw(subject, Sign.GOOD, look.now) for subject in sorted(gone))]
    return found


def _open_levels(look: Look, status: BudgetStatus) -> set[str]:
    """The subjects of a period's open alerts."""
    return {each for each in look.open_subjects if each.startswith(f"{status.budget}/{status.starts_on}/")}


def _is_over(look: Look, status: BudgetStatus) -> bool:
    return status.ends_at <= look.now and bool(_open_levels(look, status))


@dataclass(frozen=True, slots=True)
class _Changed:
    """What changed since the last look: enterprises and sites with the earliest change (µs); budgets anew.

    `everything`: what energy counts as, or where it counts, was declared anew.
    """

    enterprises: dict[str, int]
    sites: dict[str, int]
    since: int
    everything: bool

    def touches(self, status: BudgetStatus) -> bool:
        """Whether the sums of a budget's period can have changed."""
        if self.everything or status.recorded_at > self.since:
            return True
        if status.site is not None:
            changed = self.sites.get(status.site)
        elif status.enterprise is not None:
            changed = self.enterprises.get(status.enterprise)
        else:
            changed = min(self.enterprises.values(), default=None)
        return changed is not None and changed < status.ends_at


async def _changed(con: Connection, look: Look) -> _Changed:
    registers = await touched_registers(con, look.since)
    enterprises: dict[str, int] = {}
    sites: dict[str, int] = {}
    moved = [(row, registers[row["register_id"]]) for row in await con.fetch(SQL["watch_scopes"], list(registers))]
    moved += [(row, row["since"]) for row in await con.fetch(SQL["watch_declared"], look.since)]
    for row, since in moved:
        for kind, code in ((enterprises, row["enterprise"]), (sites, row["site"])):
            kind[code] = min(since, kind.get(code, since))
    return _Changed(enterprises, sites, look.since, await con.fetchval(SQL["watch_redefined"], look.since))


def _level(look: Look, status: BudgetStatus, level: Decimal, crossing: Crossing | None) -> Observation:
    percent = level * _PERCENT
    subject = f"{status.budget}/{status.starts_on}/{number(percent)}"
    place: dict[str, Any] = {"enterprise": status.enterprise, "site": status.site, "unit": status.unit}
    if crossing is None:
        sign = Sign.UNKNOWN if status.state == "unknown" else Sign.GOOD
        return look.saw(subject, sign, look.now, **place)
    shown = crossing.told * status.allowance * level / crossing.threshold if crossing.threshold else crossing.told
    return look.saw(
        subject,
        Sign.BAD,
        _crossed_at(status, crossing),
        value=round(shown, 6).normalize() if shown else shown,
        limit=(status.allowance * level).normalize(),
        severity=Severity.CRITICAL if percent >= _PERCENT else None,
        ends_at=status.ends_at,
        evidence=_names(status) | _crossing(crossing) | {"level": number(percent)},
        **place,
    )


def _crossed_at(status: BudgetStatus, crossing: Crossing) -> int:
    """The reading; or the end of the ledger row where readings are not kept; or of the month of a manual figure."""
    if crossing.read_at is not None:
        return crossing.read_at
    if crossing.starts_at is not None:
        return crossing.starts_at + QUARTER_US
    return day_ends(status.zone, crossing.day)


def _crossing(crossing: Crossing) -> dict[str, Any]:
    return {
        "threshold": _exact(crossing.threshold),
        "value_before": _exact(crossing.value_before),
        "value": _exact(crossing.value),
        "value_at_reading": None if crossing.value_at_reading is None else _exact(crossing.value_at_reading),
        "amount_thousandths": round(crossing.amount),
        "ledger_row": None if crossing.starts_at is None else iso(crossing.starts_at),
        "register": crossing.register,
        "reading_at": None if crossing.read_at is None else iso(crossing.read_at),
        "figure_month": None if crossing.figure_month is None else str(crossing.figure_month),
        "budget_version": crossing.version_id,
    }


def _exact(value: Decimal) -> str:
    """All its digits, no trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


async def budget_pace(con: Connection, look: Look) -> list[Observation]:
    """Running budgets: what was used against the planned curve so far."""
    return list(_running(look, await budget_statuses(con, look.now), lambda status: status.pace_ratio))


async def budget_forecast(con: Connection, look: Look) -> list[Observation]:
    """Running budgets: what their forecast ends at, against the allowance."""
    return list(_running(look, await budget_statuses(con, look.now), _forecast_ratio))


async def intensity_high(con: Connection, look: Look) -> list[Observation]:
    """Budgets per unit of product, of periods that run or ended a while ago: what a unit took, against its limit.

    A limit may be negative (net recovery). Without declared production, or with missing data, it is unknown. An ended
    period is news when its production was declared lately; readings of it that come later are not.
    """
    statuses = await budget_statuses(con, look.now, ended=True)
    declared = await con.fetch(SQL["watch_production"], look.now - LATE_US)
    return [
        _intensity(look, status, declared)
        for status in statuses
        if status.product is not None and status.ends_at > look.now - _DECLARED_US
    ]


def _intensity(look: Look, status: BudgetStatus, declared: Iterable[Row]) -> Observation:
    value = None if status.state == "unknown" else status.actual
    is_high = value is not None and value > status.allowance
    news = [row["recorded_at"] for row in declared if _counts(row, status)]
    return look.saw(
        f"{status.budget}/{status.starts_on}",
        Sign.UNKNOWN if value is None else Sign.BAD if is_high else Sign.GOOD,
        min(look.now, status.ends_at),
        value=value,
        limit=status.allowance,
        unit=f"{status.unit}/{status.product_unit}",
        enterprise=status.enterprise,
        site=status.site,
        news_at=min(look.now, max([status.ends_at, *news])),
        evidence=_names(status)
        | {"product": status.product, "month": str(status.starts_on)}
        | {"production": None if status.production is None else _exact(status.production)},
        latest={"state": status.state, "why": status.why},
    )


def _counts(row: Row, status: BudgetStatus) -> bool:
    """Whether this production is among what the budget's amount is divided by."""
    return (
        row["product"] == status.product
        and status.starts_on <= row["month"] < status.ends_on
        and status.enterprise in {None, row["enterprise"]}
        and status.site in {None, row["site"]}
    )


def _forecast_ratio(status: BudgetStatus) -> Decimal | None:
    if status.forecast_p50 is None or not status.allowance:
        return None
    return round(status.forecast_p50 / status.allowance, 6)


def _running(look: Look, statuses: Iterable[BudgetStatus], ratio_of: Any) -> Iterable[Observation]:  # noqa: ANN401 - of a status
    thresholds = look.version.thresholds
    for status in statuses:
        value = None if status.state == "unknown" else ratio_of(status)
        yield look.saw(
            f"{status.budget}/{status.starts_on}",
            thresholds.sign(value),
            look.now,
            value=value,
            limit=thresholds.raise_at,
            enterprise=status.enterprise,
            site=status.site,
            evidence=_names(status),
            latest=_latest(status, value),
        )


def _latest(status: BudgetStatus, value: Decimal | None) -> dict[str, Any]:
    decimals = {
        "value": value,
        "actual": status.actual,
        "planned": status.planned,
        "forecast_p10": status.forecast_p10,
        "forecast_p50": status.forecast_p50,
        "forecast_p90": status.forecast_p90,
        "coverage": status.coverage_ratio,
    }
    return {
        **{name: str(each) for name, each in decimals.items() if each is not None},
        "state": status.state,
        "why": status.why,
        "percent": "—" if value is None else number(value * _PERCENT),
        "needed": "—" if status.needed_per_day is None else f"{number(status.needed_per_day)} {status.unit}",
        "runs_out_on": None if status.runs_out_on is None else str(status.runs_out_on),
    }


def _names(status: BudgetStatus) -> dict[str, Any]:
    return {
        "name_zh": status.name_zh,
        "name_en": status.name_en,
        "budget": status.budget,
        "period": [str(status.starts_on), str(status.ends_on)],
        "measure": status.measure,
        "basis": status.basis,
        "allowance": str(status.allowance),
        "allowance_unit": status.unit,
    }
