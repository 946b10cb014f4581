"""BudgetExceeded follows what no reading brings: figures by hand, factors, the registry, levels and the calendar."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from services.budgets.entry import enter_budgets
from services.budgets.manual_figures import put_figure
from services.budgets.model import Measure, unit_of
from services.figures.factors import FactorKey, add_factor
from services.model import QUARTER_US
from services.store.pool import connect
from tests import steel
from tests.alert_rig import DAY_US, HOUR_US, alerts, look
from tests.contract.test_alert_budgets import MONTHLY
from tests.figure_world import instant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

START = instant("2018-02-01T00:00+09:00")
MARCH = instant("2018-03-01T00:00+09:00")
GAS = replace(
    MONTHLY, code="gas", carriers=("natural_gas",), unit=unit_of("10kNm3", Measure.ENERGY, "Nm3"), levels=(Decimal(1),),
    parts=dict.fromkeys(range(1, 13), 1_000_000_000),
)  # fmt: skip
"""100 × 10,000 Nm³ a month."""


@pytest.fixture
async def con(database: str) -> AsyncIterator[Connection]:
    """A migrated database with the plant."""
    opened = await connect(database, name="test")
    await steel.add_works(opened)
    yield opened
    await opened.close()


async def settled(con: Connection, now: int) -> None:
    """A look, after which everything so far was recorded long before the next one."""
    await look(con, "BudgetExceeded", now)
    for table in ("energy_15m", "energy_day", "budget_version", "manual_figure", "meter_membership", "site_membership"):
        await con.execute(f"UPDATE core.{table} SET recorded_at = recorded_at - interval '1 day'")
    await con.execute("UPDATE core.energy_revision SET recorded_until = recorded_until - interval '1 day'")


async def use(con: Connection, kwh: int) -> None:
    """A register that counts this in the first day of February."""
    register = await con.fetchval("SELECT register_id FROM core.register")
    await steel.book(con, [steel.reading(register, START + n * QUARTER_US, kwh * 1000 * n // 96) for n in range(97)])


async def states(con: Connection) -> list[tuple[str, str, str | None]]:
    """Subject, state and outcome of the alerts."""
    return [(row["subject"], row["state"], row["outcome"]) for row in await alerts(con, "BudgetExceeded")]


async def figure(con: Connection, amount: int) -> None:
    """What the plant reports of February's gas."""
    await put_figure(
        con, steel.SITE, "natural_gas", date(2018, 2, 1), Decimal(amount), "10kNm3", source="report", author="li"
    )


async def test_a_figure_by_hand_crosses_and_its_correction_withdraws(con: Connection) -> None:
    """It comes after its month, and no reading with it."""
    await enter_budgets(con, [GAS], "li")
    await settled(con, MARCH + DAY_US)
    await figure(con, 120)
    await look(con, "BudgetExceeded", MARCH + DAY_US)
    (alert,) = await alerts(con, "BudgetExceeded")
    assert (alert["subject"], alert["evidence"]["figure_month"]) == ("gas/2018-02-01/100", "2018-02-01")
    await settled(con, MARCH + DAY_US)
    await figure(con, 90)
    await look(con, "BudgetExceeded", MARCH + DAY_US)
    assert await states(con) == [("gas/2018-02-01/100", "resolved", "withdrawn")]


async def test_another_factor_moves_the_crossing_of_emissions(con: Connection) -> None:
    """960 kWh are 0.4 t at the first factor and 0.5 t at the corrected one: above 0.45 t."""
    await con.execute("UPDATE core.district SET factor_region = 'CN', factor_method = 'test'")
    key = FactorKey("electricity", "CN", "test", 2018)
    await add_factor(con, key, Decimal("0.4"), scope=2, source="first", author="li")
    co2 = replace(
        MONTHLY, code="co2", measure=Measure.CO2, carriers=None, unit=unit_of("tCO2", Measure.CO2, None),
        levels=(Decimal(1),), parts={2: 450_000},
    )  # fmt: skip
    await enter_budgets(con, [co2], "li")
    await use(con, 960)
    await settled(con, START + 2 * DAY_US)
    assert await states(con) == []
    await con.execute("UPDATE core.emission_factor SET recorded_at = recorded_at - interval '1 day'")
    await add_factor(con, key, Decimal("0.5"), scope=2, source="corrected", author="li")
    await look(con, "BudgetExceeded", START + 2 * DAY_US)
    assert await states(con) == [("co2/2018-02-01/100", "firing", None)]


async def test_a_meter_that_turns_out_to_be_a_sub_meter_counts_no_more(con: Connection) -> None:
    """Its level is corrected in the registry: the sum of what counts never was that high."""
    second = await steel.add_second(con)
    await steel.book(con, [steel.reading(second, START + n * QUARTER_US, n) for n in range(97)])
    await enter_budgets(con, [replace(MONTHLY, levels=(Decimal(1),), parts={2: 900_000})], "li")
    await use(con, 960)
    await settled(con, START + DAY_US)
    assert await states(con) == [("power/2018-02-01/100", "firing", None)]
    await con.execute(
        "WITH was AS (UPDATE core.meter_membership t SET recorded_until = now() FROM core.meter m"
        " WHERE m.meter_id = t.meter_id AND m.code = 'm1' RETURNING t.*)"
        " INSERT INTO core.meter_membership (meter_id, site_id, level, recorded_at)"
        " SELECT meter_id, site_id, 2, now() FROM was"
    )
    await look(con, "BudgetExceeded", START + DAY_US)
    assert await states(con) == [("power/2018-02-01/100", "resolved", "withdrawn")]


async def test_the_end_of_the_period_ends_the_alert_of_a_plant_that_went_silent(con: Connection) -> None:
    """Nothing is booked any more, and still the month is over."""
    await enter_budgets(con, [replace(MONTHLY, levels=(Decimal(1),), parts={2: 900_000})], "li")
    await use(con, 960)
    await settled(con, START + 2 * DAY_US)
    await look(con, "BudgetExceeded", MARCH - HOUR_US)
    assert await states(con) == [("power/2018-02-01/100", "firing", None)]
    await look(con, "BudgetExceeded", MARCH)
    assert await states(con) == [("power/2018-02-01/100", "resolved", "cleared")]


async def test_a_level_that_is_taken_off_the_budget_is_withdrawn(con: Connection) -> None:
    """What nobody wants to be told of any more does not stay open."""
    draft = replace(MONTHLY, parts={2: 900_000})
    await enter_budgets(con, [draft], "li")
    await use(con, 960)
    await settled(con, START + 2 * DAY_US)
    assert [state for _, state, _ in await states(con)] == ["firing", "firing"]
    await enter_budgets(con, [replace(draft, levels=(Decimal(1),))], "li")
    await look(con, "BudgetExceeded", START + 2 * DAY_US)
    assert sorted(await states(con)) == [
        ("power/2018-02-01/100", "firing", None), ("power/2018-02-01/80", "resolved", "withdrawn"),
    ]  # fmt: skip
