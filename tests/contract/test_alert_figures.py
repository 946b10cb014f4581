"""Rules about figures: a missing factor, and demand above its limit."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from services.figures.factors import FactorKey, add_factor
from services.store.pool import connect
from tests.alert_rig import DAY_US, MINUTE_US, alerts, look
from tests.figure_world import add_district, add_enterprise, add_register, book, instant, quarters

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

T0 = instant("2026-03-02T00:00+08:00")
QUARTER = 15 * MINUTE_US


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A migrated database with nothing in it."""
    opened = await connect(edition_database, name="test")
    yield opened
    await opened.close()


async def small_district(con: Connection, **register: Any) -> int:
    """The works with one register."""
    await add_district(con)
    await add_enterprise(con, "works", "works-1")
    return await add_register(con, "works-1", "m1", **register)


@pytest.mark.fires("FactorMissing")
async def test_energy_without_a_factor_is_told_by_carrier_and_year(con: Connection) -> None:
    """A region without factors: CO₂ is unknown, not zero; entering the factor ends it."""
    register = await small_district(con)
    await book(con, register, quarters(T0, 96, 1000))
    await look(con, "FactorMissing", T0 + DAY_US)
    assert await alerts(con, "FactorMissing") == []
    await con.execute("UPDATE core.district SET factor_region = 'CN-XX'")
    await look(con, "FactorMissing", T0 + DAY_US)
    (alert,) = await alerts(con, "FactorMissing")
    assert (alert["subject"], alert["evidence"]["years"], alert["historical"]) == ("works/electricity", "2026", False)
    key = FactorKey("electricity", "CN-XX", "grid_average", 2026)
    await add_factor(con, key, Decimal("0.5"), scope=2, source="test", author="li")
    await look(con, "FactorMissing", T0 + DAY_US)
    assert [row["state"] for row in await alerts(con, "FactorMissing")] == ["resolved"]


@pytest.mark.stays_quiet("FactorMissing")
async def test_a_register_that_needs_no_factor_misses_none(con: Connection) -> None:
    """Declared exempt, with its reason."""
    register = await small_district(con, carrier="fresh_water", unit="m3", emission_exempt="新水")
    await book(con, register, quarters(T0, 96, 1000))
    await look(con, "FactorMissing", T0 + DAY_US)
    assert await alerts(con, "FactorMissing") == []


@pytest.mark.fires("DemandHigh")
async def test_a_demand_above_its_limit_is_told_by_the_quarter_hour(con: Connection) -> None:
    """4 × 300 kWh are 1,200 kW over 1,199; within the band to 95 % nothing changes; a site without limit has none."""
    register = await small_district(con)
    amounts = [250_000, 300_000, 290_000, 285_000, 280_000]
    for n, amount in enumerate(amounts):
        await book(con, register, quarters(T0 + n * QUARTER, 1, amount), recorded_at=None) if n == 0 else None
    await con.executemany(
        "INSERT INTO core.energy_15m VALUES ($1, $2, $3, 0, 900, 0)",
        [(register, T0 + n * QUARTER, amount) for n, amount in enumerate(amounts) if n],
    )
    await look(con, "DemandHigh", T0 + DAY_US)
    assert await alerts(con, "DemandHigh") == []
    await look(con, "DemandHigh", T0 + 4 * QUARTER, limits={"works-1": "1199"})
    (alert,) = await alerts(con, "DemandHigh")
    assert (alert["state"], alert["value"], alert["occurred_at"]) == ("firing", 1200, T0 + 2 * QUARTER)
    await look(con, "DemandHigh", T0 + 5 * QUARTER, limits={"works-1": "1199"})
    (alert,) = await alerts(con, "DemandHigh")
    assert (alert["state"], alert["ended_at"]) == ("resolved", T0 + 5 * QUARTER)


@pytest.mark.stays_quiet("DemandHigh")
async def test_a_demand_at_its_limit_is_not_above_it(con: Connection) -> None:
    """Exactly 1,200 kW."""
    register = await small_district(con)
    await book(con, register, quarters(T0, 8, 300_000))
    await look(con, "DemandHigh", T0 + DAY_US, limits={"works-1": "1200"})
    assert await alerts(con, "DemandHigh") == []
