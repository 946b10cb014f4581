"""Budgets of 2026 for a small district, a register with days booked, and the status of one budget."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from services.budgets.model import Draft, Measure, unit_of
from services.budgets.status import BudgetStatus, budget_statuses
from services.model import HOUR_US
from tests.figure_world import add_district, add_enterprise, add_register, book, instant, quarters

if TYPE_CHECKING:
    from services.store.pool import Connection

JAN_1 = instant("2026-01-01T00:00+08:00")
DAY = 24 * HOUR_US
MONTHLY = Draft(
    code="power",
    year=2026,
    name_zh="月度电力预算",
    name_en="Monthly electricity budget",
    enterprise="works",
    site=None,
    period="month",
    measure=Measure.ENERGY,
    basis=None,
    carriers=("electricity",),
    product=None,
    product_unit=None,
    unit=unit_of("MWh", Measure.ENERGY, "kWh"),
    split="monthly",
    total=0,
    parts=dict.fromkeys(range(1, 13), 3_100_000),
)
"""3.1 MWh a month: 100 kWh a day in January."""
YEAR = replace(MONTHLY, code="year", period="year", split="equal", parts=dict.fromkeys(range(1, 13), 3_000_000))
COAL_CAP = replace(
    MONTHLY,
    code="coal",
    enterprise=None,
    carriers=("bituminous_coal", "raw_coal"),
    unit=unit_of("t", Measure.ENERGY, "kg"),
    period="year",
    split="equal",
    parts=dict.fromkeys(range(1, 13), 1_000_000_000),
)


async def add_works(con: Connection) -> None:
    """Enterprise `works` with sites w1 and w2; the district has `mill` besides."""
    await add_district(con)
    await add_enterprise(con, "works", "w1", "w2")
    await add_enterprise(con, "mill", "mill-1")


async def booked(con: Connection, days: int, milli: int = 1000, *, site: str = "w1", **more: Any) -> int:
    """A register at `site` with `days` full days from 1 January on, `milli` thousandths a quarter-hour."""
    register = await add_register(con, site, f"{site}-main", **more)
    if days:
        await book(con, register, quarters(JAN_1, days * 96, milli))
    return register


async def status(con: Connection, at: int, draft: Draft = MONTHLY, **more: Any) -> BudgetStatus:
    """The one status of the running period of this budget."""
    found = await budget_statuses(con, at, budget=draft.code, **more)
    assert len(found) == 1
    return found[0]
