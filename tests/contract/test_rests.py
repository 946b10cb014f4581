"""Amounts finer than a thousandth, through the real store: none is lost, in any view, order or rollup."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

import pytest

from services.accounting.policy import Act, Version
from services.ledger.acts import declare
from services.ledger.booking import Books
from services.ledger.hash import ledger_hash
from services.ledger.rebook import rescope
from services.ledger.verify import verify
from services.model import ActKind, Arrival, Kind
from services.store.pool import connect
from services.units import PARTS
from tests.figure_world import instant
from tests.registers import add_meter, add_register

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from services.store.pool import Connection

MINUTE = 60_000_000
START = instant("2026-03-10T00:00+08:00")
NOW = [
    "energy_15m",
    "energy_1d",
    "energy_1mo",
    "energy_site_15m",
    "energy_site_1d",
    "energy_site_1mo",
    "energy_enterprise_15m",
    "energy_enterprise_1d",
    "energy_enterprise_1mo",
]
PAST = ["energy_15m", "energy_1d", "energy_1mo", "energy_site_1d", "energy_site_1mo"]


def by_minute(max_rate: int = 1000, resolution: str = "0.001") -> Version:
    """A policy of readings each minute."""
    return Version(
        max_rate=Decimal(max_rate),
        resolution=Decimal(resolution),
        modulus=None,
        interval_us=MINUTE,
        gap_us=10 * MINUTE,
        slack_us=0,
        noise=Decimal(0),
    )


@asynccontextmanager
async def connected(dsn: str, number: int = 1) -> AsyncIterator[list[Connection]]:
    """Connections of the owner."""
    connections: list[Connection] = [await connect(dsn, name=f"tests-{n}") for n in range(number)]
    try:
        yield connections
    finally:
        for con in connections:
            await con.close()


async def add_power(con: Connection, meter: str = "m1") -> int:
    """A power register by the minute, integrated, of a meter at its own plant."""
    return await add_register(con, await add_meter(con, meter=meter), Kind.MEASUREMENT.value, [by_minute()])


def watts(register: int, values: Sequence[int], start: int = START) -> list[Arrival]:
    """Power each minute, in watts."""
    return [Arrival(register, start + n * MINUTE, value, None, start + n * MINUTE) for n, value in enumerate(values)]


async def store(con: Connection, books: Books, arrivals: Sequence[Arrival]) -> None:
    """One transaction."""
    async with con.transaction():
        await books.book(con, arrivals)


async def shown_by(con: Connection, views: Sequence[str], at: int | None = None) -> dict[str, Decimal]:
    """The sum of each view's amounts, as of an instant where one is given."""
    past, where = ("", "") if at is None else ("_history", " WHERE recorded_from <= $1 AND $1 < recorded_until")
    arguments = [] if at is None else [at]
    return {
        view: await con.fetchval(f"SELECT sum(amount) FROM report.{view}{past}{where}", *arguments) for view in views
    }


async def assert_adds_up(con: Connection) -> None:
    """Ledger, days, months and scopes hold the same pairs, all of them normal, and a rebuild finds nothing else."""
    tables = ("energy_15m", "energy_day", "energy_month", "energy_scope_day")
    sums = {
        tuple(
            await con.fetchrow(
                f"SELECT coalesce(sum(amount) * {PARTS} + sum(rest), 0),"
                f" coalesce(sum(estimated_amount) * {PARTS} + sum(estimated_rest), 0)"
                f" FROM core.{table}"
            )
            or ()
        )
        for table in tables
    }
    assert len(sums) == 1
    for table in (*tables, "energy_revision"):
        outside = f"rest NOT BETWEEN 0 AND {PARTS - 1} OR estimated_rest NOT BETWEEN 0 AND {PARTS - 1}"
        assert await con.fetchval(f"SELECT count(*) FROM core.{table} WHERE {outside}") == 0
    assert [finding async for finding in verify(con)] == []


@pytest.mark.parametrize("seed", [None, 1, 2])
async def test_six_hours_of_a_small_load_are_its_energy_in_every_view(
    edition_database: str, seed: int | None, request: pytest.FixtureRequest
) -> None:
    """50 W each minute are 0.300 kWh by register, site and enterprise, at every grain.

    In order, and in any order from two writers who both send a part of it.
    """
    async with connected(edition_database, 2) as connections:
        con = connections[0]
        arrivals = watts(await add_power(con), [50] * 361)
        batches = [arrivals[n : n + 7] for n in range(0, 361, 7)]
        if seed is not None:
            Random(seed).shuffle(batches)
        books = [Books(), Books()]
        for one, other in zip(batches[::2], batches[1::2], strict=True):
            works = [store(connections[0], books[0], one), store(connections[1], books[1], [*other, *one[:3]])]
            if "community" in request.node.callspec.params.values():
                for work in works:
                    await work
            else:
                await asyncio.gather(*works)
        assert await shown_by(con, NOW) == dict.fromkeys(NOW, Decimal("0.300"))
        await assert_adds_up(con)


async def test_a_flow_out_books_as_much_as_the_same_flow_in(edition_database: str) -> None:
    """−50 W for six hours are −0.300 kWh."""
    async with connected(edition_database) as [con]:
        await store(con, Books(), watts(await add_power(con), [-50] * 361))
        assert await shown_by(con, NOW) == dict.fromkeys(NOW, Decimal("-0.300"))
        await assert_adds_up(con)


async def test_small_interval_amounts_add_up(edition_database: str) -> None:
    """0.0004 kWh a minute, less than a thousandth each, are 0.576 kWh a day."""
    async with connected(edition_database) as [con]:
        fine = by_minute(resolution="0.0001")
        register = await add_register(con, await add_meter(con), Kind.INTERVAL.value, [fine])
        times = [START + n * MINUTE for n in range(1, 1441)]
        await store(con, Books(), [Arrival(register, at, 0, "0.0004", at) for at in times])
        assert await shown_by(con, NOW) == dict.fromkeys(NOW, Decimal("0.576"))
        await assert_adds_up(con)


async def test_a_past_figure_is_exact_after_a_late_reading(edition_database: str) -> None:
    """A peak of 110 W that comes a day late adds 1 Wh; as of before it, all views say what they said."""
    async with connected(edition_database) as [con]:
        books = Books()
        register = await add_power(con)
        arrivals = watts(register, [50] * 100 + [110] + [50] * 1460)
        await store(con, books, arrivals[:100] + arrivals[101:])
        before = await con.fetchval("SELECT clock_timestamp()")
        first = await shown_by(con, PAST, before)
        assert first == dict.fromkeys(PAST, Decimal("1.300"))
        await store(con, books, [arrivals[100]])
        assert await shown_by(con, PAST, before) == first
        assert await shown_by(con, NOW) == dict.fromkeys(NOW, Decimal("1.301"))
        await assert_adds_up(con)


async def test_a_withdrawn_amount_leaves_nothing_behind(edition_database: str) -> None:
    """Rows whose amount is below a thousandth are kept while they hold a rest, and dropped when it goes."""
    async with connected(edition_database) as [con]:
        books = Books()
        register = await add_power(con)
        await store(con, books, watts(register, [1, 1]))
        row = await con.fetchrow("SELECT amount, rest FROM core.energy_scope_day")
        assert row is not None
        assert (row["amount"], row["rest"]) == (0, PARTS // 60)
        assert await con.fetchval("SELECT amount FROM report.energy_site_1d") == Decimal("0.000016667")
        async with con.transaction():
            ignore = Act(ActKind.IGNORE, START, until=START + MINUTE)
            await declare(con, register, ignore, author="test", reason="test")
        for table in ("energy_15m", "energy_day", "energy_scope_day"):
            assert await con.fetchval(f"SELECT count(*) FROM core.{table}") == 0
        await assert_adds_up(con)


async def test_registers_leave_no_rest_and_share_a_scope_with_those_that_do(edition_database: str) -> None:
    """A counter and a power register of one site: their sum is exact, and the counter's own rows have no rest."""
    async with connected(edition_database) as [con]:
        books = Books()
        meter = await add_meter(con)
        power = await add_register(con, meter, Kind.MEASUREMENT.value, [by_minute()], "power")
        counter = await add_register(con, meter, Kind.TOTAL_INCREASING.value, [by_minute()])
        counts = [Arrival(counter, START + n * MINUTE, 7 * n, None, START) for n in range(31)]
        await store(con, books, counts[:20])
        await store(con, books, [*counts[20:], *watts(power, [20] * 31)])
        assert await con.fetchval("SELECT amount FROM report.energy_site_1d") == Decimal("0.220")
        rests = await con.fetch("SELECT register_id FROM core.energy_15m WHERE rest + estimated_rest > 0")
        assert counter not in {row["register_id"] for row in rests}
        await assert_adds_up(con)


async def test_a_move_to_another_site_takes_the_rests_along(edition_database: str) -> None:
    """The days of a meter that is found to belong elsewhere, in both scopes."""
    async with connected(edition_database) as [con]:
        books = Books()
        first, second = await add_power(con, "m1"), await add_power(con, "m2")
        await store(con, books, [*watts(first, [20] * 8), *watts(second, [20] * 15)])
        async with con.transaction():

            async def move() -> None:
                await con.execute(
                    "UPDATE core.meter_membership SET site_id = (SELECT site_id FROM core.site WHERE code = 'works-m2')"
                )

            await rescope(con, [first, second], move)
        rows = await con.fetch("SELECT site, amount FROM report.energy_site_1d")
        assert [tuple(row) for row in rows] == [("works-m2", Decimal("0.007"))]
        await assert_adds_up(con)


async def test_a_spoiled_rest_is_told_and_changes_the_hash(edition_database: str) -> None:
    """Of the ledger, of a day, of a month and of a scope's day."""
    async with connected(edition_database) as [con]:
        await store(con, Books(), watts(await add_power(con), [50] * 30))
        first = await ledger_hash(con)
        for table, place in (
            ("energy_15m", "ledger"),
            ("energy_month", "month"),
            ("energy_scope_day", "scope"),
            ("energy_day", "day"),
        ):
            await con.execute(f"UPDATE core.{table} SET rest = rest + 1")
            assert place in " ".join([finding.place async for finding in verify(con)])
            if table != "energy_month":
                assert (await ledger_hash(con) != first) is (table in {"energy_15m", "energy_day"})
            await con.execute(f"UPDATE core.{table} SET rest = rest - 1")
            assert await ledger_hash(con) == first
        assert await con.fetchval("SELECT core.parts()") == PARTS
