"""How budgets stand: plan, pace, forecast, versions, and above all what is not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from services.budgets.model import Basis, Draft, Measure, unit_of
from services.errors import TanfengError
from services.model import HOUR_US
from services.outlook import forecast_budgets
from services.store.budget_entry import enter_budgets
from services.store.budgets import BudgetStatus, budget_sites, budget_statuses
from services.store.factors import FactorKey, add_factor
from services.store.manual_figures import put_figure
from services.store.pool import connect
from tests.figure_world import add_district, add_enterprise, add_register, book, instant, quarters, restate_day

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

JAN_1 = instant("2026-01-01T00:00+08:00")
DAY = 24 * HOUR_US
KWH_DAY = 96_000
"""A register that books 1 kWh a quarter-hour."""

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


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """Enterprise `works` with sites w1 and w2 and a register at w1; the district has `mill` besides."""
    opened = await connect(edition_database, name="test")
    await add_district(opened)
    await add_enterprise(opened, "works", "w1", "w2")
    await add_enterprise(opened, "mill", "mill-1")
    yield opened
    await opened.close()


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


async def test_a_silent_export_meter_makes_an_overrun_unknown(con: Connection) -> None:
    """What it sends back is missing, so the sum may be too large: neither red nor green. With it, it is exceeded."""
    await booked(con, 20, 2000)
    export = await booked(con, 0, site="w2", code="export", direction="export")
    await enter_budgets(con, [MONTHLY], "li")
    assert (await status(con, JAN_1 + 20 * DAY)).state == "unknown"
    await book(con, export, quarters(JAN_1, 20 * 96, 10))
    assert (await status(con, JAN_1 + 20 * DAY)).state == "exceeded"


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


async def test_a_district_cap_adds_metered_and_manual_figures_and_lists_every_plant(con: Connection) -> None:
    """w1 meters its coal, w2 reports by hand, mill-1 does neither: it is listed, and is missing where it is a plant."""
    await booked(con, 59, 10_000, carrier="bituminous_coal", unit="t")
    for month in (1, 2):
        await put_figure(
            con, "w2", "raw_coal", date(2026, month, 1), Decimal("12.5"), "t", source="statement", author="li"
        )
    await put_figure(
        con, "w1", "bituminous_coal", date(2026, 1, 1), Decimal(1000), "t", source="statement", author="li"
    )
    await enter_budgets(con, [COAL_CAP], "li")
    found = await status(con, JAN_1 + 59 * DAY, COAL_CAP)
    assert (found.state, found.enterprise, found.district) == ("within", None, "demo")
    assert (found.metered, found.manual, found.actual) == (Decimal("56.64"), Decimal(25), Decimal("81.64"))
    sites = {each.site: each for each in await budget_sites(con, found)}
    assert {code: each.state for code, each in sites.items()} == {
        "w1": "known", "w2": "known", "mill-1": "not_expected"
    }  # fmt: skip
    assert sites["w1"].manual_beside == 1000
    await enter_budgets(con, [replace(COAL_CAP, plants=("mill-1",))], "li")
    found = await status(con, JAN_1 + 59 * DAY, COAL_CAP)
    assert (found.state, found.missing_sites) == ("unknown", ["mill-1"])
    assert {each.site: each.state for each in await budget_sites(con, found)}["mill-1"] == "no_data"


async def test_a_monthly_figure_that_is_due_makes_the_cap_unknown(con: Connection) -> None:
    """From the end of a month on its figure is due; entering it, even zero, makes the cap known again."""
    await put_figure(con, "w2", "raw_coal", date(2026, 1, 1), Decimal(5), "t", source="statement", author="li")
    await enter_budgets(con, [COAL_CAP], "li")
    assert (await status(con, JAN_1 + 40 * DAY, COAL_CAP)).state == "within"
    found = await status(con, JAN_1 + 60 * DAY, COAL_CAP)
    assert (found.state, found.missing_sites) == ("unknown", ["w2"])
    await put_figure(con, "w2", "raw_coal", date(2026, 2, 1), Decimal(0), "t", source="stood still", author="li")
    assert (await status(con, JAN_1 + 60 * DAY, COAL_CAP)).state == "within"


async def test_a_manual_figure_is_superseded_not_overwritten(con: Connection) -> None:
    """The same again changes nothing; another one is a new row; what cannot be is refused."""
    place = ("w2", "diesel", date(2026, 1, 1))
    assert await put_figure(con, *place, Decimal("1.5"), "t", source="a", author="li")
    assert not await put_figure(con, *place, Decimal("1.5"), "t", source="a", author="li")
    assert await put_figure(con, *place, Decimal(2), "t", source="a", author="li")
    rows = await con.fetch(
        "SELECT amount, recorded_until = 'infinity' AS stands FROM core.manual_figure ORDER BY recorded_at"
    )
    assert [tuple(row) for row in rows] == [(1_500_000, False), (2_000_000, True)]
    for amount, unit in ((Decimal(-1), "t"), (Decimal("0.0000001"), "t"), (Decimal(1), "kWh")):
        with pytest.raises(TanfengError):
            await put_figure(con, *place, amount, unit, source="a", author="li")
    with pytest.raises(TanfengError, match="no site"):
        await put_figure(con, "nowhere", "diesel", date(2026, 1, 1), Decimal(1), "t", source="a", author="li")


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
