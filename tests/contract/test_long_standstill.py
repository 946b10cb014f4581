"""A long standstill that is read by the minute: where it began is found without reading it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from services.accounting.policy import Version
from services.ledger.booking import Books
from services.ledger.verify import verify
from services.model import Arrival, Kind
from services.store.pool import connect
from tests.figure_world import instant
from tests.registers import add_meter, add_register

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

MINUTE = 60_000_000
START = instant("2025-01-01T00:00+08:00")
FLAT_FROM = 120
"""Minutes since the start: the register counts for two hours, stands still for days, and counts again."""
HOUR_US = 60 * MINUTE
FETCHED = """
SELECT coalesce(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), 0)::bigint
FROM pg_stat_xact_user_tables WHERE schemaname = 'core' AND relname = 'reading'
"""


def arrivals(register: int, minutes: range, flat_until: int) -> list[Arrival]:
    """Readings of these minutes: a kWh a minute while it counts."""
    return [
        Arrival(register, START + n * MINUTE, 1000 * (min(n, FLAT_FROM) + max(0, n - flat_until)), None, START)
        for n in minutes
    ]


async def book(con: Connection, readings: list[Arrival]) -> int:
    """Book them in one transaction; gives how many stored readings were read for it."""
    async with con.transaction():
        await Books().book(con, readings)
        return int(await con.fetchval(FETCHED))


@pytest.fixture
async def con(database: str) -> AsyncIterator[Connection]:
    """A database on plain PostgreSQL, where one table holds all readings."""
    opened = await connect(database, name="test")
    yield opened
    await opened.close()


@pytest.mark.parametrize(("days", "limit"), [(400, None), (40, HOUR_US)], ids=["believed", "unbelievable"])
async def test_a_late_reading_in_a_standstill_by_the_minute_reads_at_most_100_rows(
    con: Connection, days: int, limit: int | None
) -> None:
    """Of 400 days: while it goes on and after it has ended, near its beginning, in its midst and at its end."""
    policy = Version(
        max_rate=Decimal(120), resolution=Decimal("0.001"), modulus=None, interval_us=MINUTE, gap_us=4 * MINUTE,
        slack_us=MINUTE, noise=Decimal(0), flat_us=limit,
    )  # fmt: skip
    register = await add_register(con, await add_meter(con), Kind.TOTAL_INCREASING.value, [policy])
    until = days * 1440
    before, after = (FLAT_FROM + 200, until // 3), (until // 2, until - 300)
    for first in range(0, until, 96_000):
        readings = arrivals(register, range(first, min(first + 96_000, until)), until)
        await book(con, [each for each in readings if (each.at - START) // MINUTE not in {*before, *after}])
    await con.execute("ANALYZE core.reading")  # as autovacuum does with a table that has grown
    for minute in before:
        assert 0 < await book(con, arrivals(register, range(minute, minute + 1), until)) <= 100
    await book(con, arrivals(register, range(until, until + 120), until))
    for minute in after:
        assert 0 < await book(con, arrivals(register, range(minute, minute + 1), until)) <= 100
    assert [finding async for finding in verify(con)] == []
