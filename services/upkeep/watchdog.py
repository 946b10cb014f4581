"""Ends the sessions of tenants that stand in the product's way: what no grant and no setting of theirs can bound."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final, NamedTuple

import asyncpg
import structlog

from services.errors import TanfengError
from services.store.queries import SQL
from services.store.visit import visit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

OLDEST_S: Final = 60.0
"""A transaction older than this keeps dead rows of every table from being removed."""
EVERY_S: Final = 1.0
RETRY_S: Final = 15.0

_log = structlog.get_logger("watchdog")


class Ended(NamedTuple):
    """A session that was ended: whose, why (`blocks` the product, or `old`), and how old its transaction was."""

    role: str
    reason: str
    age_s: int
    query: str


async def end_offenders(con: Connection, oldest_s: float = OLDEST_S) -> list[Ended]:
    """End what offends now, count it in core.ended_session, and tell whom it met.

    Raises:
        TanfengError: This login may neither see nor end other sessions.
    """
    here = await con.fetchrow(SQL["watchdog_may"])
    if here is None or not here["may_watch"]:
        raise TanfengError(
            "this login cannot watch over tenants' sessions",
            "run it as the owner; if that is no superuser: GRANT pg_signal_backend, pg_read_all_stats TO it",
        )
    if not here["has_tenants"]:  # a database that is being migrated for the first time
        return []
    ended = [
        Ended(row["role"], row["reason"], row["age_s"], row["query"])
        for row in await con.fetch(SQL["watchdog_end"], oldest_s)
        if row["is_ended"]
    ]
    for each in ended:
        _log.warning("tenant's session ended", role=each.role, reason=each.reason, age_s=each.age_s, query=each.query)
        await con.execute(SQL["watchdog_count"], each.role, each.reason, each.age_s)
    return ended


async def watch(dsn: str) -> None:
    """Look every second, until cancelled; a database that is away is tried again."""
    while True:
        try:
            async with visit(dsn, name="tanfeng-watchdog") as con:
                # a table that is being migrated must not keep us from ending whom that waits for
                await con.execute("SET lock_timeout = '500ms'")
                while True:
                    with suppress(asyncpg.LockNotAvailableError):
                        await end_offenders(con)
                    await asyncio.sleep(EVERY_S)
        except (TanfengError, asyncpg.PostgresError) as problem:
            _log.warning("tenants are not watched", problem=str(problem), retry_s=RETRY_S)
        await asyncio.sleep(RETRY_S)


@asynccontextmanager
async def watching(dsn: str) -> AsyncIterator[None]:
    """Watch for as long as this lasts."""
    task = asyncio.ensure_future(watch(dsn))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
