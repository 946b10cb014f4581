"""The control of a suspicion: would other rows be stored just now, on the same connection and over the same paths?"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from services.ledger.rejections import Rejection, write_rejections
from services.model import SECOND_US, Arrival
from services.store.problems import RefusedRowsError, StoreAwayError, commit_problems
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

    from services.ledger.booking import Books
    from services.store.pool import Connection

_TRIED: Final = 8
"""Registers tried at most: some of them may be as bad as the suspect."""
_DAY_US: Final = 86_400 * SECOND_US


async def write_as_control(con: Connection, books: Books, suspects: Collection[int], at: int) -> None:
    """Book a reading of another register at `at`, and record a rejection, all of it taken back again.

    Whatever writing a row needs is needed here too: room on the disk, the chunk of that day, locks, triggers, rights.
    The caller's transaction, which this leaves usable, commits something of its own afterwards.

    Raises:
        StoreAwayError: No register's reading could be written.
        Exception: Whatever keeps a rejection from being written.
    """
    rows = await con.fetch(SQL["control_registers"], list(suspects), _TRIED)
    problem: RefusedRowsError | None = None
    for row in rows:
        problem = await _tried(con, books, Arrival(row["register_id"], at, row["newest_value"] or 0, None, at))
        if problem is None:
            break
    if problem is not None:
        raise StoreAwayError(f"other rows are refused too: {problem}") from problem
    async with _taken_back(con):
        await write_rejections(con, [Rejection("store_error", "control", "", b"", "", None, at)])


async def _tried(con: Connection, books: Books, arrival: Arrival) -> RefusedRowsError | None:
    """Why this reading could not be written; None if it could."""
    try:
        with commit_problems():
            async with _taken_back(con):
                await _book(con, books, arrival)
    except RefusedRowsError as problem:
        return problem
    return None


async def _book(con: Connection, books: Books, arrival: Arrival) -> None:
    booked = await books.book(con, [arrival])
    if not booked.accepted:
        raise LookupError(f"register {arrival.register_id} takes no reading at this instant")
    await con.execute("SET CONSTRAINTS ALL IMMEDIATE")


@asynccontextmanager
async def _taken_back(con: Connection) -> AsyncIterator[None]:
    """A transaction within the caller's that is rolled back, whatever came of it."""
    inner = con.transaction()
    await inner.start()
    try:
        yield
    finally:
        await inner.rollback()


def instant_of(at: int | None, now_us: int) -> int:
    """When the control's reading is dated: in the day of the suspected one if that is recent, else now.

    A day that has passed may have a fault of its own, as a chunk that cannot be written; it must not hold up today's.
    The odd microsecond is one that no meter reports.
    """
    near = at if at is not None and abs(at - now_us) < _DAY_US else now_us
    return near // SECOND_US * SECOND_US + 1
