"""How budgets stand: rows of report.budget_status at a moment, as they are known now or were known earlier."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from services.model import from_us, iso
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import date

    from services.store.pool import Connection


@dataclass(frozen=True, slots=True)
class BudgetStatus:
    """One budget in one period at `at` (µs). Amounts are in `unit`, per `product_unit` of `product` where there is one.

    `actual` is None where it is not known at all. `state`: within, ahead (of the planned curve), forecast_over,
    exceeded, unknown; `why` says what is missing: data_missing, factor_missing, production_missing, just_begun or
    no_data. `needed_per_day` is what may be used a day from now on to end within; `runs_out_on` the day the allowance
    is used up at the pace so far, None where that is not within the period. `level_zh` and `level_en` go with their
    scheme only.
    """

    budget_id: int
    budget: str
    name_zh: str
    name_en: str
    district: str
    enterprise: str | None
    site: str | None
    carriers: list[str] | None
    measure: str
    basis: str | None
    product: str | None
    product_unit: str | None
    unit: str
    period: str
    starts_on: date
    ends_on: date
    zone: str
    starts_at: int
    ends_at: int
    at: int
    is_current: bool
    allowance: Decimal
    actual: Decimal | None
    metered: Decimal | None
    manual: Decimal | None
    planned: Decimal
    production: Decimal | None
    used_ratio: Decimal | None
    planned_ratio: Decimal | None
    pace_ratio: Decimal | None
    pace_per_day: Decimal | None
    needed_per_day: Decimal | None
    runs_out_on: date | None
    forecast_p10: Decimal | None
    forecast_p50: Decimal | None
    forecast_p90: Decimal | None
    forecast_method: str | None
    forecast_at: int | None
    coverage_ratio: Decimal | None
    coverage_threshold: Decimal
    sites: int
    missing_sites: list[str] | None
    state: str
    why: str
    severity: str
    colour: str
    level_zh: str
    level_en: str
    scheme: str
    scheme_zh: str
    scheme_en: str
    levels: list[Decimal]
    level_reached: Decimal | None
    source: str
    version_id: int
    author: str
    recorded_at: int


@dataclass(frozen=True, slots=True)
class BudgetSite:
    """One plant in the scope of a budget, with or without data. Amounts are in the budget's unit.

    `manual_beside` is reported by hand although metered: shown, not counted. `state`: known, coverage_low,
    figure_missing, no_data, factor_missing, just_begun, or not_expected (neither metered nor reported nor named).
    """

    enterprise: str
    site: str
    site_zh: str
    site_en: str
    registers: int
    coverage_ratio: Decimal | None
    metered: Decimal | None
    manual: Decimal | None
    manual_beside: Decimal | None
    missing_months: int | None
    is_plant: bool
    state: str


@asynccontextmanager
async def asking(
    con: Connection, at_us: int | None, as_of_us: int | None = None, since: date | None = None
) -> AsyncIterator[None]:
    """Within it the budget views are of the moment `at_us`, by what was known at `as_of_us` (None: now).

    `since` leaves out the periods that end by that day: what is not looked at costs nothing.
    """
    moments = ["" if each is None else iso(each) for each in (at_us, as_of_us)]
    async with con.transaction():
        await con.execute(SQL["budget_ask"], *moments, "" if since is None else since.isoformat())
        yield
        await con.execute(SQL["budget_ask"], "", "", "")


async def budget_statuses(
    con: Connection, now_us: int | None, *, as_of_us: int | None = None, ended: bool = False, budget: str | None = None
) -> list[BudgetStatus]:
    """The periods that run at `now_us`, those that have ended too if asked; of all budgets the role in force may read.

    `as_of_us` gives them as they were known then: readings, factors, versions, manual figures and forecasts.
    """
    async with asking(con, now_us, as_of_us, None if ended else await _yesterday(con, now_us or as_of_us)):
        rows = await con.fetch(SQL["budget_status"], ended, budget)
    return [BudgetStatus(*row.values()) for row in rows]


async def _yesterday(con: Connection, at_us: int | None) -> date:
    """A day by which no period of any zone that runs at the moment has ended."""
    at = await con.fetchval("SELECT now()") if at_us is None else at_us
    return from_us(at).date() - timedelta(days=1)


async def budget_sites(con: Connection, status: BudgetStatus, *, as_of_us: int | None = None) -> list[BudgetSite]:
    """Every plant in the scope of a period, those without data too."""
    async with asking(con, status.at, as_of_us, status.ends_on - timedelta(days=1)):
        rows = await con.fetch(SQL["budget_sites"], status.budget, status.starts_on)
    return [BudgetSite(*row.values()) for row in rows]


@dataclass(frozen=True, slots=True)
class DueForecast:
    """A running period whose forecast is to be made: `actual` so far in base units at `at` (µs)."""

    version_id: int
    starts_on: date
    ends_on: date
    zone: str
    at: int
    actual: Decimal


async def due_forecasts(con: Connection, now_us: int, fresh_us: int) -> list[DueForecast]:
    """The running totals without a forecast from the last `fresh_us`."""
    async with asking(con, now_us, since=await _yesterday(con, now_us)):
        rows = await con.fetch(SQL["budget_running"], now_us - fresh_us)
    return [DueForecast(*row.values()) for row in rows]


async def days_known(con: Connection, version_id: int, since: date, until: date) -> dict[date, Decimal]:
    """What a version's scope used on each day of [since, until) all of whose registers are covered, in base units."""
    rows = await con.fetch(day_values(), version_id, since, until)
    return {row["day"]: row["value"] for row in rows if row["is_known"] and row["value"] is not None}


async def keep_forecast(
    con: Connection, due: DueForecast, method: str, ends: Sequence[float | None], history_days: int
) -> None:
    """Keep what the rest of the period is expected to bring (p10, p50, p90) as the end of the period."""
    values = [None if end is None else due.actual + round(Decimal(end), 6) for end in ends]
    await con.execute(SQL["budget_forecast_put"], due.version_id, due.starts_on, due.at, method, *values, history_days)


def day_values() -> str:
    """The statement that gives what a version used in each day of [$2, $3)."""
    return SQL["budget_values"].format(rows=SQL["budget_rows_days"])


def quarter_values() -> str:
    """The statement that gives what a version used in each ledger row of the day [$2, $3)."""
    return SQL["budget_values"].format(rows=SQL["budget_rows_quarters"])
