"""Budget rules on the real steel half-year: which row, which reading, once each, whatever the order of arrival."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from services.budgets.entry import enter_budgets
from services.budgets.model import Draft, Measure, unit_of
from services.budgets.production import add_production
from services.figures.factors import FactorKey, add_factor
from services.model import QUARTER_US, iso
from services.store.pool import connect
from tests import steel
from tests.alert_rig import DAY_US, alerts, look, steps
from tests.figure_world import instant, local_day

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

MONTHLY = Draft(
    code="power", year=2018, name_zh="月度电力预算", name_en="Monthly electricity budget", enterprise="works",
    site=None, period="month", measure=Measure.ENERGY, basis=None, carriers=("electricity",), product=None,
    product_unit=None, unit=unit_of("kWh", Measure.ENERGY, "kWh"), split="monthly", total=0,
    parts=dict.fromkeys(range(1, 13), 80_000_000),
)  # fmt: skip
AFTER = instant("2018-07-15T00:00+09:00")
NEWS = instant("2018-04-20T00:00+00:00")
FACTS = (
    "subject",
    "state",
    "outcome",
    "occurred_at",
    "fired_at",
    "ended_at",
    "value",
    "limit_value",
    "evidence",
    "severity",
)


@pytest.fixture
async def con(database: str) -> AsyncIterator[Connection]:
    """A migrated database."""
    opened = await connect(database, name="test")
    yield opened
    await opened.close()


def naive() -> list[tuple[str, int, int, int]]:
    """Subject, ledger row, reading and sum in thousandths of each crossing, by adding up the recording."""
    found = []
    for month in range(1, 7):
        for percent in (80, 100):
            total = 0
            for at, amount in (each for each in steel.quarters() if local_day(each[0], steel.ZONE).month == month):
                total += amount
                if total * 100 > 80_000_000 * percent:
                    found.append((f"power/{date(2018, month, 1)}/{percent}", at, at + QUARTER_US, total))
                    break
    return found


def facts(rows: list[dict[str, Any]]) -> list[tuple[str, str, int, int]]:
    """The same of the alerts."""
    return [
        (row["subject"], row["evidence"]["ledger_row"], row["occurred_at"], row["evidence"]["amount_thousandths"])
        for row in rows
    ]


@pytest.mark.fires("BudgetExceeded")
async def test_alerts_name_row_reading_and_exact_sum_of_every_crossing_once_each(con: Connection) -> None:
    """All months reach 80 %, January to March cross 100 %; the other three have no such alert."""
    await steel.book(con, steel.arrivals(await steel.add_works(con)))
    await enter_budgets(con, [MONTHLY], "li")
    await look(con, "BudgetExceeded", AFTER)
    found = await alerts(con, "BudgetExceeded")
    assert facts(found) == sorted(((s, iso(row), at, n) for s, row, at, n in naive()), key=lambda each: each[2])
    assert {(row["state"], row["historical"]) for row in found} == {("resolved", True)}
    assert {row["severity"] for row in found if row["subject"].endswith("/100")} == {"critical"}
    assert "月度电力预算：累计 64,0" in found[0]["summary_zh"]
    assert (await look(con, "BudgetExceeded", AFTER)).steps == 0


async def test_every_message_twice_and_shuffled_ends_equal_with_revisions(con: Connection) -> None:
    """Looked at while the shuffled half-year comes in, month for month what one look at the end finds."""
    register = await steel.add_works(con)
    await enter_budgets(con, [MONTHLY], "li")
    given = steel.arrivals(register)
    await steel.book(con, given[::3], seed=1)
    await look(con, "BudgetExceeded", AFTER)
    await steel.book(con, given, seed=2)
    await look(con, "BudgetExceeded", AFTER)
    shuffled = [{name: row[name] for name in FACTS} for row in await alerts(con, "BudgetExceeded")]
    assert "revised" in await steps(con, "BudgetExceeded")
    await con.execute("DELETE FROM core.alert; DELETE FROM core.evaluation")
    await look(con, "BudgetExceeded", AFTER)
    assert [{name: row[name] for name in FACTS} for row in await alerts(con, "BudgetExceeded")] == shuffled


async def test_co2_of_january_crosses_40_t_at_the_reading_of_the_23rd_15_15(con: Connection) -> None:
    """Unrounded emissions at 0.4585 kg/kWh; not later."""
    await steel.book(con, steel.arrivals(await steel.add_works(con)))
    await con.execute("UPDATE core.district SET factor_region = 'CN', factor_method = 'korea'")
    key = FactorKey("electricity", "CN", "korea", 2018)
    await add_factor(con, key, Decimal("0.4585"), scope=2, source="test", author="li")
    unit = unit_of("tCO2", Measure.CO2, None)
    await enter_budgets(
        con, [replace(MONTHLY, code="co2", measure=Measure.CO2, carriers=None, unit=unit, parts={1: 40_000_000})], "li"
    )
    await look(con, "BudgetExceeded", AFTER)
    found = {row["subject"]: row for row in await alerts(con, "BudgetExceeded")}
    assert found["co2/2018-01-01/100"]["occurred_at"] == instant("2018-01-23T15:15+09:00")
    assert found["co2/2018-01-01/100"]["evidence"]["value"] == "40.032455715"


async def test_a_running_month_is_news_until_it_ends(con: Connection) -> None:
    """Found at once it fires and is no history; the end of its month resolves it."""
    register = await steel.add_works(con)
    await enter_budgets(con, [MONTHLY], "li")
    crossing = next(at for subject, _, at, _ in naive() if subject == "power/2018-01-01/80")
    await steel.book(con, [each for each in steel.arrivals(register) if each.at <= crossing])
    await look(con, "BudgetExceeded", crossing)
    (alert,) = await alerts(con, "BudgetExceeded")
    assert (alert["state"], alert["historical"], alert["occurred_at"]) == ("firing", False, crossing)
    await steel.book(con, [each for each in steel.arrivals(register) if each.at <= crossing + DAY_US // 24])
    await look(con, "BudgetExceeded", instant("2018-02-01T00:00+09:00"))
    (alert,) = await alerts(con, "BudgetExceeded")
    assert (alert["state"], alert["outcome"]) == ("resolved", "cleared")


@pytest.mark.stays_quiet("BudgetExceeded")
async def test_a_budget_below_its_levels_has_no_alert(con: Connection) -> None:
    """A reading less than what crosses."""
    register = await steel.add_works(con)
    await enter_budgets(con, [MONTHLY], "li")
    crossing = min(at for _, _, at, _ in naive())
    await steel.book(con, [each for each in steel.arrivals(register) if each.at < crossing])
    await look(con, "BudgetExceeded", crossing)
    assert await alerts(con, "BudgetExceeded") == []


def this_month(allowance: int) -> tuple[Draft, int]:
    """A budget of the running month, and the middle of it as the moment."""
    now = datetime.now(UTC)
    start = datetime(now.year, now.month, 1, tzinfo=UTC) - timedelta(hours=9)
    middle = int(start.timestamp()) * 1_000_000 + 14 * DAY_US
    return replace(MONTHLY, year=now.year, parts=dict.fromkeys(range(1, 13), allowance)), middle


@pytest.mark.fires("BudgetPaceHigh")
async def test_a_plant_ahead_of_its_planned_curve_is_warned_and_one_behind_it_is_not(con: Connection) -> None:
    """BudgetPaceHigh: 14 of about 30 days gone, and the share used against that; missing data clears nothing."""
    register = await steel.add_works(con)
    draft, middle = this_month(30_000_000)
    await enter_budgets(con, [draft], "li")
    start = middle - 14 * DAY_US
    hours = [steel.reading(register, start + n * QUARTER_US, 10_000 * n) for n in range(14 * 96 + 1)]
    await steel.book(con, hours)
    settings = {"for_": "0s"}
    await look(con, "BudgetPaceHigh", middle, above="0.5", clear="0.4", **settings)
    (alert,) = await alerts(con, "BudgetPaceHigh")
    assert alert["state"] == "firing"
    assert Decimal("0.85") < alert["value"] < Decimal("1.05")
    await look(con, "BudgetPaceHigh", middle, above="1.10", clear="1.05", **settings)
    assert [row["state"] for row in await alerts(con, "BudgetPaceHigh")] == ["resolved"]
    await look(con, "BudgetPaceHigh", middle, above="1.10", clear="1.05", **settings)
    assert len(await alerts(con, "BudgetPaceHigh")) == 1


async def test_missing_data_never_turns_a_budget_green(con: Connection) -> None:
    """Half the days are missing: the pace is unknown, so an alert stays and none is raised."""
    register = await steel.add_works(con)
    draft, middle = this_month(30_000_000)
    await enter_budgets(con, [draft], "li")
    start = middle - 14 * DAY_US
    await steel.book(con, [steel.reading(register, start + n * QUARTER_US, 20_000 * n) for n in range(7 * 96 + 1)])
    await look(con, "BudgetPaceHigh", start + 7 * DAY_US, for_="0s")
    assert [row["state"] for row in await alerts(con, "BudgetPaceHigh")] == ["firing"]
    await look(con, "BudgetPaceHigh", middle + 7 * DAY_US, for_="0s")
    (alert,) = await alerts(con, "BudgetPaceHigh")
    assert (alert["state"], alert["latest"]["state"]) == ("firing", "unknown")


@pytest.mark.fires("IntensityHigh")
async def test_more_energy_per_unit_than_the_limit_is_told_and_a_higher_limit_ends_it(con: Connection) -> None:
    """80,230.41 kWh of March for 1,000 t are 80.23 kWh/t: above 80, within 81; undeclared output is unknown."""
    await steel.book(con, steel.arrivals(await steel.add_works(con)))
    unit = unit_of("kWh", Measure.ENERGY, "kWh")
    limit = replace(
        MONTHLY, code="per-t", product="钢坯", product_unit="t", unit=unit, parts=dict.fromkeys(range(1, 13), 80_000)
    )
    await enter_budgets(con, [limit], "li")
    now = instant("2018-04-02T00:00+09:00")
    await look(con, "IntensityHigh", now)
    assert await alerts(con, "IntensityHigh") == []
    await con.execute(
        "INSERT INTO core.production (site_id, month, product, unit, amount, author)"
        " SELECT site_id, '2018-03-01', '钢坯', 't', 1000, 'li' FROM core.site"
    )
    await look(con, "IntensityHigh", now)
    (alert,) = await alerts(con, "IntensityHigh")
    assert (alert["state"], alert["historical"], round(alert["value"], 5)) == ("firing", False, Decimal("80.23041"))
    assert "钢坯 单耗 80.2304 kWh/t，限值 80（2018-03-01 起）" in alert["summary_zh"]
    await enter_budgets(con, [replace(limit, parts=dict.fromkeys(range(1, 13), 81_000))], "li")
    await look(con, "IntensityHigh", now)
    assert [row["state"] for row in await alerts(con, "IntensityHigh")] == ["resolved"]


@pytest.mark.parametrize(
    ("declared", "historical"), [("2018-04-05T00:00+00:00", True), ("2018-04-19T12:00+00:00", False)]
)
async def test_late_readings_of_an_ended_month_are_listed_and_its_new_production_is_news(
    con: Connection, declared: str, *, historical: bool
) -> None:
    """On 20 April, March is above its limit: old news if its output stood since the 5th; that of April is another."""
    await steel.book(con, steel.arrivals(await steel.add_works(con)))
    unit = unit_of("kWh", Measure.ENERGY, "kWh")
    limit = replace(
        MONTHLY, code="per-t", product="钢坯", product_unit="t", unit=unit, parts={3: 80_000, 4: 99_000_000}
    )
    await enter_budgets(con, [limit], "li")
    for month in (3, 4):
        await add_production(con, steel.SITE, date(2018, month, 1), "钢坯", Decimal(1000), "t", author="li")
    await con.execute("UPDATE core.production SET recorded_at = $1 WHERE month = '2018-03-01'", instant(declared))
    await con.execute("UPDATE core.production SET recorded_at = $1 WHERE month = '2018-04-01'", NEWS)
    await look(con, "IntensityHigh", NEWS)
    (alert,) = await alerts(con, "IntensityHigh")
    assert (alert["subject"], alert["historical"]) == ("per-t/2018-03-01", historical)


@pytest.mark.fires("BudgetForecastHigh")
async def test_a_forecast_above_the_allowance_is_told_and_one_within_it_is_not(con: Connection) -> None:
    """Two weeks at twice the allowance's pace end above it; the forecast is made by the look itself."""
    register = await steel.add_works(con)
    draft, middle = this_month(30_000_000)
    await enter_budgets(con, [draft], "li")
    start = middle - 14 * DAY_US
    readings = [steel.reading(register, start + n * QUARTER_US, 20_000 * n) for n in range(14 * 96 + 1)]
    await steel.book(con, readings)
    await look(con, "BudgetForecastHigh", middle, for_="0s")
    (alert,) = await alerts(con, "BudgetForecastHigh")
    assert alert["state"] == "firing"
    assert Decimal("1.8") < alert["value"] < Decimal("2.2")
    assert "期末为预算的" in alert["summary_zh"]
    await con.execute("DELETE FROM core.alert")
    await look(con, "BudgetForecastHigh", middle, for_="0s", above="3", clear="2.5")
    assert await alerts(con, "BudgetForecastHigh") == []
