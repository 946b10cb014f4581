"""Series that come near a rule and must not fire it, beside those in the tests of each rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from services.budgets.entry import enter_budgets
from services.budgets.model import Measure, unit_of
from services.budgets.production import add_production
from services.ledger.rejections import Rejection, write_rejections
from services.model import QUARTER_US
from services.store.pool import connect
from tests import steel
from tests.alert_rig import DAY_US, HOUR_US, MINUTE_US, add_counter, alerts, count_batch, look, take
from tests.contract.test_alert_budgets import MONTHLY, this_month
from tests.figure_world import instant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

T0 = instant("2026-03-02T00:00+08:00")


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A migrated database with nothing in it."""
    opened = await connect(edition_database, name="test")
    yield opened
    await opened.close()


@pytest.mark.stays_quiet("MeterSilent")
async def test_a_meter_that_misses_three_of_its_readings_is_not_silent(con: Connection) -> None:
    """Four intervals are allowed; the moment before they are over counts too, and one that has a day to begin."""
    register = await add_counter(con)
    await add_counter(con, meter="new")
    await con.execute("UPDATE core.register SET recorded_at = $1", T0)
    await take(con, register, [(T0, 0)])
    await look(con, "MeterSilent", T0 + 4 * QUARTER_US - 1)
    await take(con, register, [(T0 + 4 * QUARTER_US, 4000)])
    await look(con, "MeterSilent", T0 + 8 * QUARTER_US - 1)
    assert await alerts(con, "MeterSilent") == []


@pytest.mark.stays_quiet("DataConflict")
async def test_the_same_value_again_and_other_rejections_are_no_conflict(con: Connection) -> None:
    """What was refused for another reason is told elsewhere."""
    register = await add_counter(con)
    await take(con, register, [(T0, 0), (T0 + QUARTER_US, 1000)])
    await take(con, register, [(T0, 0), (T0 + QUARTER_US, 1000)])
    for code in ("bad_value", "time_in_future", "unknown_register"):
        topic = "keu/v1/works/m1/readings"
        await write_rejections(con, [Rejection(code, "refused", topic, b"{}", "0/registers/import", "works", T0)])
    await look(con, "DataConflict", T0 + HOUR_US)
    assert await alerts(con, "DataConflict") == []


@pytest.mark.stays_quiet("IngestLagHigh")
async def test_old_readings_booked_at_once_are_no_lag_of_ingest(con: Connection) -> None:
    """A gateway's batch whose newest reading is 40 minutes old, and history of half a year, waited 120 s at most."""
    now: int = await con.fetchval("SELECT clock_timestamp()")
    await con.execute("INSERT INTO core.ingest_slot (slot, last_used_at) VALUES (0, $1)", now)
    for age_us in (MINUTE_US, 2 * MINUTE_US):
        await count_batch(con, now - age_us, 0, 1, 60, 0, 0, 0, 120_000)
    for number, age_us in enumerate((40 * MINUTE_US, 40 * MINUTE_US, 180 * DAY_US)):
        await take(con, await add_counter(con, meter=f"m{number}"), [(now - age_us, 1000)], received=now)
    for later in (0, MINUTE_US, 2 * MINUTE_US):
        await look(con, "IngestLagHigh", now + later, for_="0s")
    assert await alerts(con, "IngestLagHigh") == []


@pytest.mark.stays_quiet("BudgetPaceHigh", "BudgetForecastHigh")
async def test_a_plant_that_keeps_to_its_plan_is_neither_ahead_nor_forecast_above_it(con: Connection) -> None:
    """960 kWh a day of 30,000 in the month, which ends below the allowance."""
    register = await steel.add_works(con)
    draft, middle = this_month(30_000_000)
    await enter_budgets(con, [draft], "li")
    start = middle - 14 * DAY_US
    await steel.book(con, [steel.reading(register, start + n * QUARTER_US, 10_000 * n) for n in range(14 * 96 + 1)])
    for rule in ("BudgetPaceHigh", "BudgetForecastHigh"):
        assert (await look(con, rule, middle, for_="0s")).observed == 1
        assert await alerts(con, rule) == []


@pytest.mark.stays_quiet("IntensityHigh")
async def test_exactly_the_limit_per_unit_and_undeclared_output_raise_nothing(con: Connection) -> None:
    """960 kWh for 12 t are 80 kWh/t and allowed; without the declaration nothing is known."""
    register = await steel.add_works(con)
    start = instant("2018-02-01T00:00+09:00")
    levels = [10_000 * min(n, 96) for n in range(28 * 96 + 1)]
    await steel.book(con, [steel.reading(register, start + n * QUARTER_US, each) for n, each in enumerate(levels)])
    limit = replace(
        MONTHLY, code="per-t", product="钢坯", product_unit="t", unit=unit_of("kWh", Measure.ENERGY, "kWh"),
        parts={2: 80_000},
    )  # fmt: skip
    await enter_budgets(con, [limit], "li")
    now = start + 29 * DAY_US
    await look(con, "IntensityHigh", now)
    await add_production(con, steel.SITE, date(2018, 2, 1), "钢坯", Decimal(12), "t", author="li")
    assert (await look(con, "IntensityHigh", now)).observed == 1
    assert await alerts(con, "IntensityHigh") == []
