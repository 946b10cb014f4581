"""Which factor holds: the policies, and the worked table of the domain."""

from __future__ import annotations

import csv
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from services.errors import TanfengError
from services.figures.factors import FactorKey, add_factor, switch_factor
from services.figures.restatement import Beside, CarbonYear, record_and_compare
from services.store.pool import connect
from services.store.shipped_facts import fact_rows, load_facts
from tests.figure_world import Quarter, add_district, add_enterprise, add_register, book, instant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from services.store.pool import Connection

GRID = ("CN-CQ", "grid_average")
NOTHING_PUBLISHED, FIRST, SECOND, THIRD = "2024-03-15", "2024-06-15", "2025-02-15", "2026-02-15"

# DOMAIN.md, "Worked for Chongqing": consumption year, asked as of → factor, provisional.
WORKED = [
    (2021, FIRST, "0.4743", False),
    (2021, SECOND, "0.4743", False),
    (2021, THIRD, "0.4743", False),
    (2022, FIRST, "0.4743", True),
    (2022, SECOND, "0.5227", False),
    (2022, THIRD, "0.5227", False),
    (2023, FIRST, "0.4743", True),
    (2023, SECOND, "0.5227", True),
    (2023, THIRD, "0.5581", False),
    (2024, FIRST, "0.4743", True),
    (2024, SECOND, "0.5227", True),
    (2024, THIRD, "0.5581", True),
    (2026, THIRD, "0.5581", True),
    (2018, THIRD, "0.4743", True),  # before the first data year: the first
    *((year, NOTHING_PUBLISHED, None, False) for year in (2018, 2021, 2022, 2023, 2024)),
]


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A migrated database with one district of the default policy."""
    opened = await connect(edition_database, name="test")
    await add_district(opened)
    yield opened
    await opened.close()


async def a_moment(con: Connection) -> int:
    """An instant that is over: on some builds the clock only counts milliseconds."""
    at: int = await con.fetchval("SELECT clock_timestamp()")
    while await con.fetchval("SELECT clock_timestamp()") <= at:
        pass
    return at


async def factor(
    con: Connection, year: int, as_of: int, carrier: str = "electricity", kind: str = "co2"
) -> tuple[Decimal | None, bool]:
    """What the one home of factors says; there must be exactly one answer to every question."""
    rows = await con.fetch(
        "SELECT per_unit, provisional FROM core.conversion WHERE kind = $1 AND carrier = $2"
        " AND year_from <= $3 AND $3 < year_until AND recorded_from <= $4 AND $4 < recorded_until",
        kind,
        carrier,
        year,
        as_of,
    )
    assert len(rows) == 1
    return rows[0]["per_unit"], rows[0]["provisional"]


def at(day: str) -> int:
    """Noon of that day in China."""
    return instant(f"{day}T12:00+08:00")


async def test_the_worked_table_of_the_domain_holds(con: Connection) -> None:
    """Own year, else the newest known then, provisional; nothing published is unknown and not zero."""
    for year, as_of, value, provisional in WORKED:
        expected = (None if value is None else Decimal(value), provisional)
        assert await factor(con, year, at(as_of)) == expected, (year, as_of)


@pytest.mark.parametrize(("policy", "shift"), [("own_year_else_latest", 0), ("Y-2", 2)])
async def test_a_year_between_two_known_ones_takes_the_earlier(con: Connection, policy: str, shift: int) -> None:
    """2022 is known by 2021 and 2023 only: no later data year is taken where an earlier is; before all, the first."""
    await con.execute("UPDATE core.factor_policy SET factor_policy = $1", policy)
    await switch_factor(con, FactorKey("electricity", *GRID, 2022), enabled=False, author="li")
    now = await con.fetchval("SELECT clock_timestamp()")
    found = [await factor(con, year + shift, now) for year in (2020, 2021, 2022, 2023, 2026)]
    assert found == [
        (Decimal("0.4743"), True),
        (Decimal("0.4743"), False),
        (Decimal("0.4743"), True),
        (Decimal("0.5581"), False),
        (Decimal("0.5581"), True),
    ]


async def test_a_pinned_data_year_holds_for_every_year(con: Connection) -> None:
    """Old recordings are computed with the year the operator names, once it is known."""
    await con.execute("UPDATE core.factor_policy SET factor_policy = '2023'")
    for year in (2018, 2021, 2026):
        assert await factor(con, year, at(THIRD)) == (Decimal("0.5581"), False)
    assert await factor(con, 2018, at(SECOND)) == (None, False)
    assert await factor(con, 2018, at(SECOND), "diesel") == (Decimal("3.145122"), False)


async def test_an_offset_takes_the_factor_of_n_years_before(con: Connection) -> None:
    """Y-2: consumption of 2025 by the factor of 2023; later years by the newest, provisional."""
    await con.execute("UPDATE core.factor_policy SET factor_policy = 'Y-2'")
    assert await factor(con, 2025, at(THIRD)) == (Decimal("0.5581"), False)
    assert await factor(con, 2024, at(THIRD)) == (Decimal("0.5227"), False)
    assert await factor(con, 2026, at(THIRD)) == (Decimal("0.5581"), True)
    assert await factor(con, 2022, at(THIRD)) == (Decimal("0.4743"), True)


async def test_fuels_without_data_year_hold_for_all_dates(con: Connection) -> None:
    """Fuel factors and coal coefficients restate physics."""
    for year in (1995, 2026):
        assert await factor(con, year, at(THIRD), "natural_gas") == (Decimal("2.162189"), False)
        assert await factor(con, year, at(NOTHING_PUBLISHED), "natural_gas") == (Decimal("2.162189"), False)
        assert await factor(con, year, at(THIRD), "electricity", "calorific") == (Decimal("0.1229"), False)


async def test_the_primary_value_of_electricity_is_its_own_number(con: Connection) -> None:
    """Primary and calorific differ for electricity only; a fuel has one coefficient on both bases."""
    assert await factor(con, 2024, at(THIRD), "electricity", "primary") == (Decimal("0.3024"), False)
    assert await factor(con, 2025, at(THIRD), "electricity", "primary") == (Decimal("0.3024"), True)
    assert await factor(con, 2025, at(THIRD), "diesel", "primary") == (Decimal("1.4571"), False)


async def test_raw_coal_has_no_emission_factor(con: Connection) -> None:
    """The operator must name the kind of coal; until then its CO₂ is unknown."""
    assert await factor(con, 2024, at(THIRD), "raw_coal") == (None, False)


async def test_unverified_rows_ship_disabled_and_can_be_enabled(con: Connection) -> None:
    """National 2021 is unverified: a national policy knows 2022 first, until an operator enables 2021."""
    key = FactorKey("electricity", "CN", "grid_average", 2021)
    await con.execute("UPDATE core.factor_policy SET factor_region = 'CN'")
    before = await a_moment(con)
    assert await factor(con, 2021, before) == (Decimal("0.5366"), True)
    await switch_factor(con, key, enabled=True, author="li")
    assert await factor(con, 2021, await con.fetchval("SELECT clock_timestamp()")) == (Decimal("0.5568"), False)
    assert await factor(con, 2021, before) == (Decimal("0.5366"), True)
    with pytest.raises(TanfengError, match="no factor to enable"):
        await switch_factor(con, key, enabled=True, author="li")


async def test_disabling_the_only_factor_makes_the_figure_unknown(con: Connection) -> None:
    """No factor of another carrier, region or method steps in."""
    await switch_factor(con, FactorKey("heat", "CN", "purchased_heat_default", None), enabled=False, author="li")
    now = await con.fetchval("SELECT clock_timestamp()")
    assert await factor(con, 2026, now, "heat") == (None, False)
    assert await factor(con, 2026, at(THIRD), "heat") == (Decimal(110), False)


async def test_an_added_factor_supersedes_from_its_recording_on(con: Connection) -> None:
    """The earlier version stays for questions as of earlier; the district's own row goes before the nation's."""
    before = await a_moment(con)
    national, own = (FactorKey("steam", region, "purchased_heat_default", None) for region in ("CN", "CN-CQ"))
    await add_factor(con, national, Decimal("0.3"), scope=2, source="supplier", author="li")
    between = await a_moment(con)
    await add_factor(con, own, Decimal("0.25"), scope=2, source="measured", author="li")
    now = await con.fetchval("SELECT clock_timestamp()")
    assert [await factor(con, 2026, moment, "steam") for moment in (before, between, now)] == [
        (Decimal("0.29627"), False),
        (Decimal("0.3"), False),
        (Decimal("0.25"), False),
    ]
    with pytest.raises(TanfengError, match="no carrier"):
        await add_factor(con, FactorKey("phlogiston", "CN", "x", None), Decimal(1), scope=1, source="s", author="li")


async def test_what_a_factor_replaces_and_restates_is_told_per_enterprise_and_year(con: Connection) -> None:
    """Only the years that the new value holds for, and only where energy is booked; amounts stay as they are."""
    await add_enterprise(con, "works", "works-1")
    register = await add_register(con, "works-1", "main")
    for year in (2022, 2023, 2025):
        await book(con, register, [Quarter(instant(f"{year}-03-01T00:00+08:00"), 1_000_000)])
    key = FactorKey("electricity", *GRID, 2023)
    async with con.transaction(isolation="repeatable_read"):
        told = await record_and_compare(con, key, Decimal("558.1"), scope=2, source="slip", author="li")
    assert told.beside == Beside(key, Decimal("0.5581"), is_replaced=True)
    assert (told.ratio, told.is_far) == (1000, True)
    before = CarbonYear(Decimal("558.1"), Decimal("0.5581"), 2023)
    after = CarbonYear(Decimal(558_100), Decimal("558.1"), 2023)
    found = [(each.enterprise, each.year, each.amount, each.before, each.after) for each in told.years]
    assert found == [("works", year, 1000, before, after) for year in (2023, 2025)]


async def test_a_factor_without_predecessor_stands_beside_the_nearest_of_its_carrier(con: Connection) -> None:
    """Its region and method before others, then the nearest data year; between half and twice nothing is asked."""
    async with con.transaction(isolation="repeatable_read"):
        key = FactorKey("electricity", *GRID, 2024)
        told = await record_and_compare(con, key, Decimal("0.55"), scope=2, source="new", author="li")
        assert told.beside == Beside(FactorKey("electricity", *GRID, 2023), Decimal("0.5581"), is_replaced=False)
        assert not told.is_far
        half = await record_and_compare(con, key, Decimal("0.275"), scope=2, source="half", author="li")
        below = await record_and_compare(con, key, Decimal("0.137"), scope=2, source="below half", author="li")
        nothing = await record_and_compare(con, key, Decimal(0), scope=2, source="none", author="li")
        more = await record_and_compare(con, key, Decimal("0.1"), scope=2, source="from zero", author="li")
    assert [each.is_far for each in (half, below, nothing, more)] == [False, True, True, True]


async def test_a_changed_policy_of_the_district_keeps_its_past(con: Connection) -> None:
    """Figures as of a moment before the change are computed by the policy of then."""
    before = await a_moment(con)
    await con.execute("UPDATE core.district SET factor_policy = '2022'")
    after = await con.fetchval("SELECT clock_timestamp()")
    assert await factor(con, 2023, before) == (Decimal("0.5581"), False)
    assert await factor(con, 2023, after) == (Decimal("0.5227"), False)


async def test_every_question_has_exactly_one_answer(con: Connection) -> None:
    """Spans of years and of recording neither overlap nor leave a gap, for any carrier, kind and policy."""
    moments = [instant("1990-01-01T00:00Z"), *(at(day) for day in (NOTHING_PUBLISHED, FIRST, SECOND, THIRD))]
    for policy in ("own_year_else_latest", "2022", "Y-1"):
        await con.execute("UPDATE core.factor_policy SET factor_policy = $1", policy)
        counts = await con.fetch(
            "SELECT count(c.kind) AS answers FROM core.carrier k CROSS JOIN unnest($1::timestamptz[]) AS t (at)"
            " CROSS JOIN generate_series(2015, 2030) AS y (year)"
            " CROSS JOIN (VALUES ('co2'), ('calorific'), ('primary')) AS w (kind)"
            " LEFT JOIN core.conversion c ON c.kind = w.kind AND c.carrier = k.code"
            " AND c.year_from <= year AND year < c.year_until AND c.recorded_from <= at AND at < c.recorded_until"
            " WHERE w.kind = 'co2' OR k.counts_as <> 'material' GROUP BY k.code, at, year, w.kind",
            moments,
        )
        assert {row["answers"] for row in counts} == {1}


async def test_loading_the_facts_again_changes_nothing_and_leaves_operators_rows(con: Connection) -> None:
    """Facts are loaded at every migration; an operator's version of a row stays in force."""
    await add_factor(
        con, FactorKey("diesel", "CN", "fuel_default", None), Decimal("3.1"), scope=1, source="lab", author="li"
    )
    async with con.transaction():
        assert await load_facts(con) == 0
    now = await con.fetchval("SELECT clock_timestamp()")
    assert await factor(con, 2026, now, "diesel") == (Decimal("3.1"), False)


async def test_a_fact_that_a_release_changes_is_superseded(con: Connection) -> None:
    """What was computed with the shipped value of before is still known."""
    await con.execute("UPDATE core.emission_factor SET kgco2_per_unit = 9 WHERE carrier = 'coke'")
    before = await a_moment(con)
    async with con.transaction():
        assert await load_facts(con) == 1
    assert await factor(con, 2026, before, "coke") == (Decimal(9), False)
    assert await factor(con, 2026, await con.fetchval("SELECT clock_timestamp()"), "coke") == (
        Decimal("2.851825"),
        False,
    )


@pytest.mark.parametrize("name", ["emission_factors", "coal_coefficients"])
def test_the_shipped_facts_are_those_of_the_domain(shared: Path, name: str) -> None:
    """The project's own copy has every row of the tables it was taken from."""
    with (shared / "domain" / f"{name}.csv").open(encoding="utf-8") as file:
        assert fact_rows(name) == [{k: v or None for k, v in row.items()} for row in csv.DictReader(file)]


async def test_kgco2_comes_only_from_a_factor_per_unit_of_its_carrier(con: Connection) -> None:
    """A coal coefficient cannot be taken for a factor: another table, another column, and the unit is checked."""
    wrong = await con.fetch(
        "SELECT kind, variant FROM core.conversion WHERE per_unit IS NOT NULL"
        " AND (kind = 'co2') = (variant IN ('calorific', 'primary'))"
    )
    assert wrong == []
