"""How budgets stand: plan, pace, forecast and level of the running period, and of ended ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from services.budgets.entry import enter_budgets
from services.budgets.model import Basis, Measure, unit_of
from services.budgets.outlook import forecast_budgets
from services.budgets.status import budget_statuses
from services.model import HOUR_US
from services.store.pool import connect
from tests.budget_rig import DAY, JAN_1, MONTHLY, YEAR, add_works, booked, status
from tests.figure_world import add_register, book, instant, quarters

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


async def test_a_budget_on_course_is_within_and_green_by_a_named_scheme(con: Connection) -> None:
    """10 of 31 days at 96 kWh where 100 are planned: what is needed from now on, and no day on which it runs out."""
    await booked(con, 10)
    await enter_budgets(con, [MONTHLY], "li")
    found = await status(con, JAN_1 + 10 * DAY)
    assert (found.state, found.severity, found.colour, found.why) == ("within", "fine", "green", "")
    assert (found.scheme_zh, found.level_zh) == ("能耗晴雨表", "三级（绿色，正常）")
    assert (found.actual, found.planned, found.allowance) == (Decimal("0.96"), Decimal(1), Decimal("3.1"))
    assert found.used_ratio == Decimal("0.309677")
    assert found.pace_ratio == Decimal("0.96")
    assert found.pace_per_day == Decimal("0.096")
    assert found.needed_per_day == Decimal("0.101905")
    assert found.runs_out_on is None
    assert (found.starts_at, found.zone, found.starts_on) == (JAN_1, "Asia/Shanghai", date(2026, 1, 1))


async def test_ahead_of_the_curve_it_runs_out_on_a_named_day(con: Connection) -> None:
    """At 192 kWh a day 3.1 MWh last 16.15 days: until the 17th."""
    await booked(con, 10, 2000)
    await enter_budgets(con, [MONTHLY], "li")
    found = await status(con, JAN_1 + 10 * DAY)
    assert (found.state, found.colour, found.level_zh) == ("ahead", "orange", "二级（橙色）")
    assert found.runs_out_on == date(2026, 1, 17)
    assert found.level_reached is None


async def test_above_the_allowance_it_is_exceeded_whatever_is_missing(con: Connection) -> None:
    """Energy that was used cannot come back: 3.84 of 3.1 MWh is red, also after a week of silence."""
    await booked(con, 20, 2000)
    await enter_budgets(con, [MONTHLY], "li")
    for days in (20, 27):
        found = await status(con, JAN_1 + days * DAY)
        assert (found.state, found.colour, found.level_zh) == ("exceeded", "red", "一级（红色，最严重）")
        assert found.level_reached == 1
        assert found.needed_per_day is None


async def test_coal_of_two_bases_is_never_the_same_number(con: Connection) -> None:
    """960 kWh are 0.117984 tce by heat content and 0.290304 by the primary value of 2024."""
    await booked(con, 10)
    tce = unit_of("tce", Measure.COAL, None)
    for basis, expected in ((Basis.CALORIFIC, "0.117984"), (Basis.PRIMARY, "0.290304")):
        draft = replace(MONTHLY, code=basis.value, measure=Measure.COAL, basis=basis, unit=tce, carriers=None)
        await enter_budgets(con, [draft], "li")
        assert (await status(con, JAN_1 + 10 * DAY, draft)).actual == Decimal(expected)


async def test_the_status_equals_what_the_views_of_energy_and_co2_say(con: Connection) -> None:
    """One home for each formula: the sums of report.* and of a budget cannot disagree. Export counts down."""
    await booked(con, 40)
    await booked(con, 40, 300, site="w2", code="export", direction="export")
    await booked(con, 40, 500, site="w2", carrier="natural_gas", unit="Nm3")
    co2 = replace(YEAR, code="co2", measure=Measure.CO2, unit=unit_of("kgCO2", Measure.CO2, None), carriers=None)
    coal = replace(
        YEAR, code="coal", measure=Measure.COAL, basis=Basis.CALORIFIC, unit=unit_of("tce", Measure.COAL, None),
        carriers=None,
    )  # fmt: skip
    await enter_budgets(con, [YEAR, co2, coal], "li")
    at = JAN_1 + 40 * DAY
    energy = await con.fetchval("SELECT sum(amount) FROM report.energy_site_1d WHERE carrier = 'electricity'")
    assert (await status(con, at, YEAR)).actual == energy * Decimal("0.001") == Decimal("2.688")
    emitted = await con.fetchval("SELECT sum(emissions_kgco2) FROM report.emissions_1d")
    assert (await status(con, at, co2)).actual == emitted
    burnt = await con.fetchval("SELECT sum(coal_tce) FROM report.coal_1d WHERE basis = 'calorific'")
    assert (await status(con, at, coal)).actual == burnt


async def test_a_moment_within_a_day_counts_its_quarter_hours(con: Connection) -> None:
    """At 06:00 of the third day: two days and 24 quarter-hours."""
    await booked(con, 10)
    await enter_budgets(con, [MONTHLY], "li")
    found = await status(con, JAN_1 + 2 * DAY + 6 * HOUR_US)
    assert found.actual == Decimal("0.216")
    assert found.planned == Decimal("0.225")


async def test_the_planned_curve_of_a_year_follows_its_months(con: Connection) -> None:
    """January's part, and half of February's at its middle."""
    await booked(con, 45)
    await enter_budgets(con, [replace(YEAR, split="by_hand", parts={**YEAR.parts, 1: 5_000_000, 2: 1_000_000})], "li")
    found = await status(con, JAN_1 + 45 * DAY, YEAR)
    assert found.planned == Decimal("5.5")
    rows = await con.fetch(
        "SELECT month, allowance, planned_so_far FROM report.budget_months WHERE budget = 'year' ORDER BY 1"
    )
    assert [row["allowance"] for row in rows[:3]] == [5, 1, 3]


async def test_an_ended_period_stays_as_it_ended(con: Connection) -> None:
    """January of a monthly budget in March; only asked for, since it runs no more."""
    await booked(con, 70)
    await enter_budgets(con, [MONTHLY], "li")
    found = await budget_statuses(con, JAN_1 + 70 * DAY, ended=True)
    assert [(each.starts_on.month, each.is_current) for each in found] == [(1, False), (2, False), (3, True)]
    assert (found[0].actual, found[0].planned, found[0].state) == (Decimal("2.976"), Decimal("3.1"), "within")


async def test_a_budget_of_years_ago_stands_as_it_ended(con: Connection) -> None:
    """Recordings of 2018 replayed today have a status, and a level reached, like any other."""
    register = await add_register(con, "w1", "m")
    await book(con, register, quarters(instant("2018-01-01T00:00+08:00"), 31 * 96, 1000))
    await enter_budgets(con, [replace(MONTHLY, year=2018, parts={1: 2_500_000})], "li")
    for at in (None, JAN_1):
        found = await budget_statuses(con, at, ended=True)
        assert [(each.state, each.actual, each.level_reached) for each in found] == [
            ("exceeded", Decimal("2.976"), Decimal(1))
        ]
    assert await budget_statuses(con, None) == []


async def test_an_intensity_is_over_the_months_whose_production_is_declared(con: Connection) -> None:
    """January's 2,976 kWh for 31 t are 96 kWh/t; from March on February's production is missing."""
    await booked(con, 70)
    await con.execute(
        "INSERT INTO core.production (site_id, month, product, unit, amount, author)"
        " SELECT site_id, '2026-01-01', '钢坯', 't', 31, 'li' FROM core.site WHERE code = 'w1'"
    )
    draft = replace(
        YEAR, code="per-t", product="钢坯", product_unit="t", unit=unit_of("kWh", Measure.ENERGY, "kWh"),
        parts=dict.fromkeys(range(1, 13), 100_000),
    )  # fmt: skip
    await enter_budgets(con, [draft], "li")
    found = await status(con, JAN_1 + 40 * DAY, draft)
    assert (found.actual, found.allowance, found.production, found.state) == (
        Decimal(96),
        Decimal(100),
        Decimal(31),
        "within",
    )
    assert (await status(con, JAN_1 + 60 * DAY, draft)).why == "production_missing"
    await enter_budgets(con, [replace(draft, parts=dict.fromkeys(range(1, 13), 90_000))], "li")
    assert (await status(con, JAN_1 + 40 * DAY, draft)).state == "exceeded"


async def test_a_forecast_is_kept_with_its_method_and_warns_before_the_end(con: Connection) -> None:
    """Even use gives an even forecast: 31 days of 192 kWh are 5.952 MWh, above 3.1; a fresh one is not made again."""
    register = await add_register(con, "w1", "m")
    start = JAN_1 - 35 * DAY
    await book(con, register, quarters(start, (35 + 5) * 96, 2000))
    await enter_budgets(con, [replace(MONTHLY, pace_ratio=Decimal(9))], "li")
    at = JAN_1 + 5 * DAY
    assert (await status(con, at)).state == "within"
    assert await forecast_budgets(con, at) == 1
    assert await forecast_budgets(con, at + HOUR_US // 2) == 0
    found = await status(con, at)
    assert (found.state, found.colour, found.forecast_method) == ("forecast_over", "orange", "seasonal_naive")
    assert found.forecast_p10 is not None
    assert found.forecast_p90 is not None
    assert abs((found.forecast_p50 or 0) - Decimal("5.952")) < Decimal("0.000001")
    assert found.forecast_p10 <= (found.forecast_p50 or 0) <= found.forecast_p90
    assert (await status(con, JAN_1 + 8 * DAY)).forecast_p50 is None


async def test_an_older_scheme_shows_its_own_numbers_by_name(con: Connection) -> None:
    """The municipal scheme numbers the other way round: its level 1 is green."""
    await booked(con, 10)
    await enter_budgets(con, [replace(MONTHLY, scheme="municipal")], "li")
    found = await status(con, JAN_1 + 10 * DAY)
    assert (found.colour, found.scheme_zh, found.level_zh) == ("green", "市级旧分级", "一级（绿色，正常）")
