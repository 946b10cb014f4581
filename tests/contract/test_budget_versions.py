"""Versions of a budget: what was entered when, how a year is split, and how things stood at an earlier moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from services.budgets.entry import enter_budgets
from services.budgets.manual_figures import put_figure
from services.budgets.model import Measure, unit_of
from services.errors import TanfengError
from services.figures.factors import FactorKey, add_factor
from services.store.pool import connect
from tests.budget_rig import COAL_CAP, DAY, JAN_1, MONTHLY, YEAR, add_works, booked, status
from tests.figure_world import add_register, book, instant, quarters, restate_day

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A migrated database with the works and the mill."""
    opened = await connect(edition_database, name="test")
    await add_works(opened)
    yield opened
    await opened.close()


async def test_a_changed_budget_is_a_new_version_and_the_old_one_can_be_asked_for(con: Connection) -> None:
    """As of a moment between the two, the status is by the first; both stay with dates and authors."""
    await booked(con, 10)
    assert len(await enter_budgets(con, [MONTHLY], "li")) == 1
    assert await enter_budgets(con, [MONTHLY], "wang") == []
    between = await con.fetchval("SELECT clock_timestamp()")
    await enter_budgets(con, [replace(MONTHLY, parts=dict.fromkeys(range(1, 13), 6_200_000))], "wang")
    at = JAN_1 + 10 * DAY
    assert (await status(con, at)).allowance == Decimal("6.2")
    assert (await status(con, at, as_of_us=between)).allowance == Decimal("3.1")
    rows = await con.fetch(
        "SELECT author, recorded_until = 'infinity' AS stands FROM report.budget_versions ORDER BY recorded_at"
    )
    assert [tuple(row) for row in rows] == [("li", False), ("wang", True)]


async def test_as_of_shows_the_readings_known_then(con: Connection) -> None:
    """A day that a late reading restated on the 20th counts as it was before."""
    register = await add_register(con, "w1", "m")
    await book(con, register, quarters(JAN_1, 960, 1000), recorded_at=JAN_1 + 10 * DAY)
    await con.execute("UPDATE core.meter_membership SET recorded_at = '-infinity'")
    await enter_budgets(con, [YEAR], "li")
    await con.execute("UPDATE core.budget_version SET recorded_at = $1", JAN_1)
    await restate_day(con, register, date(2026, 1, 3), 196_000, JAN_1 + 20 * DAY)
    at = JAN_1 + 10 * DAY
    assert (await status(con, at, YEAR)).actual == Decimal("1.06")
    assert (await status(con, at, YEAR, as_of_us=JAN_1 + 15 * DAY)).actual == Decimal("0.96")
    assert (await status(con, at, YEAR, as_of_us=JAN_1 + 20 * DAY)).actual == Decimal("1.06")


async def test_as_of_shows_the_factors_and_manual_figures_known_then(con: Connection) -> None:
    """12.5 t of raw coal by hand, corrected to 20 t; and 960 kWh under a factor that was corrected too."""
    await booked(con, 10)
    await con.execute("UPDATE core.energy_day SET recorded_at = $1", JAN_1 + 10 * DAY)
    await con.execute("UPDATE core.meter_membership SET recorded_at = '-infinity'")
    figure = ("w2", "raw_coal", date(2026, 1, 1))
    await put_figure(con, *figure, Decimal("12.5"), "t", source="statement", author="li")
    co2 = replace(
        YEAR, code="co2", measure=Measure.CO2, unit=unit_of("kgCO2", Measure.CO2, None), carriers=("electricity",)
    )
    await enter_budgets(con, [COAL_CAP, co2], "li")
    before = await con.fetchval("SELECT clock_timestamp()")
    await put_figure(con, *figure, Decimal(20), "t", source="statement", author="li")
    key = FactorKey("electricity", "CN-CQ", "grid_average", 2023)
    await add_factor(con, key, Decimal("0.5"), scope=2, source="corrected", author="li")
    at = JAN_1 + 20 * DAY
    assert (await status(con, at, COAL_CAP)).actual == 20
    assert (await status(con, at, COAL_CAP, as_of_us=before)).actual == Decimal("12.5")
    assert (await status(con, at, co2)).actual == 480
    assert (await status(con, at, co2, as_of_us=before)).actual == Decimal("535.776")


async def test_a_budget_keeps_its_scope(con: Connection) -> None:
    """Another scope under the same code would make two histories one."""
    await enter_budgets(con, [MONTHLY], "li")
    with pytest.raises(TanfengError, match="another scope"):
        await enter_budgets(con, [replace(MONTHLY, site="w1")], "li")
    assert await con.fetchval("SELECT count(*) FROM core.budget_version") == 1


async def test_last_years_profile_splits_the_year_and_adds_up(con: Connection) -> None:
    """Twice as much in July as in the other months: July gets twice as much a day, and the parts are the whole."""
    register = await add_register(con, "w1", "m")
    start = instant("2025-01-01T00:00+08:00")
    july = range(181 * 96, 212 * 96)
    rows = [replace(row, amount=2000 if n in july else 1000) for n, row in enumerate(quarters(start, 365 * 96, 1000))]
    await book(con, register, rows)
    draft = replace(YEAR, split="last_year", total=10_000_001, parts={})
    await enter_budgets(con, [draft], "li")
    parts = [row["allowance"] for row in await con.fetch("SELECT allowance FROM core.budget_part ORDER BY month")]
    assert sum(parts) == Decimal("10000.001")
    assert parts[6] == parts.copy()[6] == max(parts)
    assert abs(parts[6] - 2 * parts[7]) <= Decimal("0.002")
    assert await enter_budgets(con, [draft], "li") == []


async def test_last_years_profile_needs_last_year(con: Connection) -> None:
    """A year that was not metered is no profile; nothing is entered."""
    await booked(con, 10)
    with pytest.raises(TanfengError, match="not known in month 1"):
        await enter_budgets(con, [replace(YEAR, split="last_year", total=10_000, parts={})], "li")
    assert await con.fetchval("SELECT count(*) FROM core.budget_version") == 0
