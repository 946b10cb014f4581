"""Where budgets cross their levels, on the real steel half-year, against a naive sum over the recording."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from services.budgets.crossings import Crossing, crossings
from services.budgets.entry import enter_budgets
from services.budgets.manual_figures import put_figure
from services.budgets.model import Basis, Draft, Measure, unit_of
from services.figures.factors import FactorKey, add_factor
from services.model import QUARTER_US, to_us
from services.store.pool import connect
from tests import steel
from tests.figure_world import instant, local_day

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

MONTHLY = Draft(
    code="power",
    year=2018,
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
    unit=unit_of("kWh", Measure.ENERGY, "kWh"),
    split="monthly",
    total=0,
    parts=dict.fromkeys(range(1, 13), 80_000_000),
)
CO2 = replace(
    MONTHLY,
    code="co2",
    measure=Measure.CO2,
    carriers=None,
    unit=unit_of("tCO2", Measure.CO2, None),
    parts={1: 40_000_000},
)


@pytest.fixture
async def con(database: str) -> AsyncIterator[Connection]:
    """A migrated database with the plant."""
    opened = await connect(database, name="test")
    yield opened
    await opened.close()


async def budget(con: Connection, draft: Draft = MONTHLY) -> int:
    """Enter a budget; gives its id."""
    await enter_budgets(con, [draft], "li")
    return int(await con.fetchval("SELECT budget_id FROM core.budget WHERE code = $1", draft.code))


def naive(limit: int, shares: tuple[str, ...] = ("0.8", "1")) -> list[tuple[date, Decimal, int, int, int]]:
    """Month, level, row, reading and sum in thousandths, by adding up the recording month by month."""
    found = []
    for month in range(1, 7):
        rows = [(at, n) for at, n in steel.quarters() if local_day(at, steel.ZONE).month == month]
        for share in map(Decimal, shares):
            total = 0
            for at, amount in rows:
                total += amount
                if total > limit * share:
                    found.append((date(2018, month, 1), share, at, at + QUARTER_US, total))
                    break
    return found


def facts(found: list[Crossing]) -> list[tuple[date, Decimal, int | None, int | None, Decimal]]:
    """The same of what the store found."""
    return [(each.starts_on, each.level, each.starts_at, each.read_at, each.amount) for each in found]


async def test_80_000_kwh_a_month_crosses_at_the_rows_and_readings_of_the_naive_sum(con: Connection) -> None:
    """All six months reach 80 %; January to March alone cross 100 %, April to June do not, to the watt-hour."""
    await steel.book(con, steel.arrivals(await steel.add_works(con)))
    found = await crossings(con, await budget(con))
    assert facts(found) == naive(80_000_000)
    assert [each.starts_on.month for each in found if each.level == 1] == [1, 2, 3]
    assert [each.starts_on.month for each in found if each.level < 1] == [1, 2, 3, 4, 5, 6]
    assert {each.register for each in found} == {"works/m1/import"}
    for each in found:
        assert each.value * 1000 == each.amount
        assert each.value_before <= each.threshold < each.value


async def test_every_message_twice_and_shuffled_crosses_at_the_same_places(con: Connection) -> None:
    """Crossings follow from the set of readings."""
    await steel.book(con, steel.arrivals(await steel.add_works(con)), seed=1)
    assert facts(await crossings(con, await budget(con))) == naive(80_000_000)


async def test_co2_of_january_crosses_40_t_at_the_reading_of_the_23rd_15_15_plant_local(con: Connection) -> None:
    """Unrounded: 87,311.79 kWh × 0.4585 is 40.03 t; the published column of rounded tonnes would cross later."""
    await steel.book(con, steel.arrivals(await steel.add_works(con)))
    await con.execute("UPDATE core.district SET factor_region = 'CN', factor_method = 'korea'")
    key = FactorKey("electricity", "CN", "korea", 2018)
    await add_factor(con, key, Decimal("0.4585"), scope=2, source="test", author="li")
    found = await crossings(con, await budget(con, CO2))
    assert [each.level for each in found] == [Decimal("0.8"), Decimal(1)]
    assert found[1].read_at == instant("2018-01-23T15:15+09:00")
    assert found[1].starts_at == instant("2018-01-23T15:00+09:00")
    assert (found[1].amount, found[1].value) == (87_311_790, Decimal("40.032455715"))


async def test_coal_crosses_where_its_energy_does(con: Connection) -> None:
    """Standard coal is a multiple of the energy: 80,000 kWh at 0.1229 are 9.832 tce, and the same rows cross."""
    await steel.book(con, steel.arrivals(await steel.add_works(con)))
    unit = unit_of("tce", Measure.COAL, None)
    coal = replace(
        MONTHLY, code="coal", measure=Measure.COAL, basis=Basis.CALORIFIC, unit=unit,
        parts=dict.fromkeys(range(1, 13), 9_832_000),
    )  # fmt: skip
    assert facts(await crossings(con, await budget(con, coal))) == naive(80_000_000)


async def test_a_missing_factor_crosses_nothing(con: Connection) -> None:
    """What is unknown is not zero, and not above anything either."""
    await steel.book(con, steel.arrivals(await steel.add_works(con))[:96])
    await con.execute("UPDATE core.district SET factor_region = 'CN-XX'")
    assert await crossings(con, await budget(con, CO2)) == []


async def test_a_year_crosses_once_a_level(con: Connection) -> None:
    """The period is the year; its months are only the planned curve."""
    await steel.book(con, steel.arrivals(await steel.add_works(con)))
    year = replace(MONTHLY, period="year", split="equal", parts=dict.fromkeys(range(1, 13), 25_000_000))
    found = await crossings(con, await budget(con, year))
    total, expected = 0, []
    for level in (Decimal("0.8"), Decimal(1)):
        total = 0
        for at, amount in steel.quarters():
            total += amount
            if total > 300_000_000 * level:
                expected.append((date(2018, 1, 1), level, at, at + QUARTER_US, total))
                break
    assert facts(found) == expected


async def test_within_a_row_the_reading_that_crosses_is_named(con: Connection) -> None:
    """Readings of each minute: of the fifteen in the row, the one with which the sum gets above the level."""
    register = await steel.add_works(con)
    start = instant("2018-02-01T00:00+09:00")
    readings = [steel.reading(register, start + minute * 60_000_000, 1000 * minute) for minute in range(31)]
    await steel.book(con, readings)
    found = await crossings(con, await budget(con, replace(MONTHLY, parts={2: 20_000})))
    assert [(each.starts_at, each.read_at, each.amount) for each in found] == [
        (start + QUARTER_US, start + 17 * 60_000_000, 17_000),
        (start + QUARTER_US, start + 21 * 60_000_000, 21_000),
    ]


async def test_a_crossing_inside_a_gap_names_the_reading_after_it(con: Connection) -> None:
    """The row is where the line through the gap crosses; who tells of it is the reading that closed the gap."""
    register = await steel.add_works(con)
    start = instant("2018-02-01T00:00+09:00")
    await steel.book(con, [steel.reading(register, start, 0), steel.reading(register, start + 86_400_000_000, 960_000)])
    found = await crossings(con, await budget(con, replace(MONTHLY, parts={2: 480_000}, levels=(Decimal(1),))))
    assert [(each.starts_at, each.read_at) for each in found] == [(start + 48 * QUARTER_US, start + 96 * QUARTER_US)]
    assert (found[0].value, found[0].value_at_reading, found[0].told) == (490, 960, 960)


async def test_of_two_registers_each_counts_and_the_one_that_crosses_is_named(con: Connection) -> None:
    """The second meter's readings come at other minutes; its share of the row decides."""
    first = await steel.add_works(con)
    second = await steel.add_second(con)
    start = instant("2018-02-01T00:00+09:00")
    await steel.book(
        con,
        [steel.reading(first, start + n * QUARTER_US, 1000 * n) for n in range(9)]
        + [steel.reading(second, start + n * QUARTER_US + 300_000_000, 1000 * n) for n in range(-1, 9)],
    )
    found = await crossings(con, await budget(con, replace(MONTHLY, parts={2: 5500}, levels=(Decimal(1),))))
    assert [(each.register, each.starts_at) for each in found] == [("works/m2/import", start + 2 * QUARTER_US)]
    assert found[0].read_at == start + 2 * QUARTER_US + 1_200_000_000
    assert found[0].value_at_reading == Decimal("6.334")  # 3 of the first until 00:45, the second's until 00:50


async def test_a_manual_figure_crosses_at_the_end_of_its_month(con: Connection) -> None:
    """A plant without a meter of the carrier counts by its figures; the crossing names the month."""
    await steel.add_works(con)
    gas = replace(
        MONTHLY, code="gas", carriers=("natural_gas",), unit=unit_of("10kNm3", Measure.ENERGY, "Nm3"), period="year",
        split="equal", parts=dict.fromkeys(range(1, 13), 1_000_000_000),
    )  # fmt: skip
    for month in (1, 2, 3):
        await put_figure(
            con, steel.SITE, "natural_gas", date(2018, month, 1), Decimal(400), "10kNm3", source="report", author="li"
        )
    found = await crossings(con, await budget(con, gas))
    assert [(each.level, each.figure_month, each.value, each.starts_at) for each in found] == [
        (Decimal("0.8"), date(2018, 3, 1), Decimal(12_000_000), None)
    ]


async def test_the_same_row_can_cross_two_levels(con: Connection) -> None:
    """Both are told, each with the same reading."""
    register = await steel.add_works(con)
    start = instant("2018-02-01T00:00+09:00")
    await steel.book(con, [steel.reading(register, start + n * QUARTER_US, 10_000 * n) for n in range(4)])
    found = await crossings(con, await budget(con, replace(MONTHLY, parts={2: 12_000})))
    assert [(each.level, each.amount) for each in found] == [(Decimal("0.8"), 10_000), (Decimal(1), 20_000)]


def test_the_recording_is_in_plant_time() -> None:
    """Its first quarter-hour starts at midnight of 2018 at UTC+9."""
    assert steel.quarters()[0][0] == to_us(datetime(2018, 1, 1, tzinfo=UTC) - timedelta(hours=9))
