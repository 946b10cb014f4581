"""Books that an older accounting rule made: other bounds judged the readings, and nobody has looked at them since.

It stands for any change of the fold, for a rule shows in the books by what it books, holds, doubts and tells; and it
goes on differing from the present rule whatever that comes to be.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from services.accounting.version import ACCOUNTING_VERSION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection


@asynccontextmanager
async def an_older_rule(con: Connection, rates: str) -> AsyncIterator[None]:
    """What is booked inside is judged by the bounds that `rates`, an SQL expression over `max_rate`, gives."""
    rows = await con.fetch("SELECT register_id, valid_from, max_rate FROM core.register_policy")
    await con.execute(f"UPDATE core.register_policy SET max_rate = {rates}")
    yield
    await con.executemany(
        "UPDATE core.register_policy SET max_rate = $3 WHERE register_id = $1 AND valid_from = $2",
        [tuple(row) for row in rows],
    )
    await con.execute("UPDATE core.register_state SET books_version = $1", ACCOUNTING_VERSION - 1)


async def older(con: Connection) -> int:
    """How many registers have books of an older rule."""
    number: int = await con.fetchval(
        "SELECT count(*) FROM core.register_state WHERE newest_at IS NOT NULL AND books_version < $1",
        ACCOUNTING_VERSION,
    )
    return number
