"""Rows packed by ourselves are what the server reads, on every edition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.ledger.copying import copy_readings
from services.model import SECOND_US, Arrival
from services.store.pool import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

AT = 1_780_000_000 * SECOND_US


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A connection to a fresh database."""
    connection = await connect(edition_database, name="test")
    yield connection
    await connection.close()


async def stored(con: Connection) -> list[tuple[object, ...]]:
    """All readings."""
    return [tuple(row) for row in await con.fetch("SELECT * FROM core.reading ORDER BY register_id, read_at")]


async def test_every_column_of_every_row_arrives(con: Connection) -> None:
    """The largest and the smallest values, microseconds, lags of either sign; texts beside rows without one."""
    values = [0, 1, -1, 10**15 - 1, 1 - 10**15, 255, 256, -256, 2**40 + 3]
    arrivals = [Arrival(7, AT + n * 1_000_001, value, None, AT) for n, value in enumerate(values)]
    arrivals += [Arrival(2**31 - 1, AT, 1234, "1.23449999", AT + 90 * SECOND_US), Arrival(8, AT, 5, None, AT - 1)]
    await copy_readings(con, [arrivals[:4], arrivals[4:10], [], arrivals[10:]])
    assert await stored(con) == sorted(
        (each.register_id, each.at, each.raw, (each.received_us - each.at) // SECOND_US, each.text) for each in arrivals
    )


async def test_many_rows_go_in_several_parts(con: Connection) -> None:
    """Groups larger and smaller than what is packed at once."""
    groups = [
        [Arrival(n, AT + i * SECOND_US, n * i, None, AT) for i in range(size)]
        for n, size in enumerate((3000, 1, 1999, 1, 5))
    ]
    await copy_readings(con, groups)
    assert await stored(con) == [
        (each.register_id, each.at, each.raw, -i, None) for group in groups for i, each in enumerate(group)
    ]


async def test_no_rows_are_nothing(con: Connection) -> None:
    """A batch all of which is folded side by side copies nothing first."""
    await copy_readings(con, [])
    assert await stored(con) == []
