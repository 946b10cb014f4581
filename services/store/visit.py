"""A connection for a visitor who only looks: the demo's live view, a replay that waits."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import asyncpg

from services.errors import TanfengError
from services.store.pool import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

_AWAY: Final = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
_GONE: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
)


@asynccontextmanager
async def visit(dsn: str, *, name: str, longest_s: float | None = None) -> AsyncIterator[Connection]:
    """A connection that is closed at the end.

    Raises:
        TanfengError: The database cannot be reached, or went away meanwhile.
    """
    con = await connect(dsn, name=name, longest_s=longest_s)
    try:
        yield con
    except _AWAY as problem:
        raise _went_away(problem) from problem
    finally:
        await con.close()


def told(problem: BaseException) -> TanfengError | None:
    """What a person is told where this problem can only mean that the database went away; else None."""
    return _went_away(problem) if isinstance(problem, _GONE) else None


def _went_away(problem: BaseException) -> TanfengError:
    return TanfengError(f"the database went away: {problem}", "start it again; nothing acked is lost")
