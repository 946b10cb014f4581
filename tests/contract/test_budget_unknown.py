"""What is not known of a budget: neither green nor red while data, factors or time are missing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from services.budgets.entry import enter_budgets
from services.budgets.model import Measure, unit_of
from services.model import HOUR_US
from services.store.pool import connect
from tests.budget_rig import DAY, JAN_1, MONTHLY, add_works, booked, status
from tests.figure_world import add_register, book, quarters

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


async def test_a_silent_export_meter_makes_an_overrun_unknown(con: Connection) -> None:
    """What it sends back is missing, so the sum may be too large: neither red nor green. With it, it is exceeded."""
    await booked(con, 20, 2000)
    export = await booked(con, 0, site="w2", code="export", direction="export")
    await enter_budgets(con, [MONTHLY], "li")
    assert (await status(con, JAN_1 + 20 * DAY)).state == "unknown"
    await book(con, export, quarters(JAN_1, 20 * 96, 10))
    assert (await status(con, JAN_1 + 20 * DAY)).state == "exceeded"


async def test_an_overrun_is_exceeded_whatever_else_is_missing_where_exports_are_known(con: Connection) -> None:
    """At least 168 % used is used up: the silent intake can only add to it."""
    await booked(con, 20, 2000)
    await booked(con, 20, 10, site="w2", code="export", direction="export")
    await booked(con, 0, site="w2", code="second")
    await enter_budgets(con, [MONTHLY], "li")
    found = await status(con, JAN_1 + 20 * DAY)
    assert (found.state, found.why, found.missing_sites) == ("exceeded", "data_missing", ["w2"])


@pytest.mark.parametrize("silent_days", [1, 5, 20])
async def test_missing_data_never_turns_a_budget_green(con: Connection, silent_days: int) -> None:
    """A silent meter makes it unknown, from the day on that is more than 5 % of the time gone, and names the site."""
    await booked(con, 10)
    await enter_budgets(con, [MONTHLY], "li")
    found = await status(con, JAN_1 + (10 + silent_days) * DAY)
    assert (found.state, found.colour, found.why, found.missing_sites) == ("unknown", "grey", "data_missing", ["w1"])
    assert (found.pace_ratio, found.needed_per_day, found.runs_out_on, found.forecast_p50) == (None,) * 4
    assert found.actual == Decimal("0.96")


async def test_a_register_that_never_reported_is_missing_however_small(con: Connection) -> None:
    """The worst register counts, not the mean: 19 good ones do not hide a silent one."""
    for number in range(3):
        register = await add_register(con, "w1", f"m{number}")
        await book(con, register, quarters(JAN_1, 960, 10))
    await booked(con, 0, site="w2")
    await enter_budgets(con, [MONTHLY], "li")
    found = await status(con, JAN_1 + 10 * DAY)
    assert (found.state, found.missing_sites, found.coverage_ratio) == ("unknown", ["w2"], Decimal(0))


async def test_a_period_that_has_just_begun_is_unknown(con: Connection) -> None:
    """In the first hour nothing is due yet, so nothing is missing and nothing known."""
    await booked(con, 0)
    await enter_budgets(con, [MONTHLY], "li")
    found = await status(con, JAN_1 + HOUR_US // 2)
    assert (found.state, found.why) == ("unknown", "just_begun")


async def test_a_missing_factor_makes_it_unknown(con: Connection) -> None:
    """CO2 without a factor is no number, and not zero."""
    await booked(con, 10)
    await con.execute("UPDATE core.district SET factor_region = 'CN-XX'")
    co2 = replace(MONTHLY, measure=Measure.CO2, unit=unit_of("tCO2", Measure.CO2, None), carriers=None)
    await enter_budgets(con, [co2], "li")
    found = await status(con, JAN_1 + 10 * DAY)
    assert (found.state, found.why, found.actual) == ("unknown", "factor_missing", None)
