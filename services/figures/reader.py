"""Reading as somebody: each request is one read-only transaction in the role its token stands for."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import asyncpg

from services.errors import TanfengError
from services.figures.access import act_as, role_of_token
from services.store.pool import open_pool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

# InternalClientError: asyncpg's answer when the server ends a connection at the very moment of a query.
_LOST: Final = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
)


LONGEST_S: Final = 15.0
"""A query that takes longer is ended; a server that does not end it is lost."""


class AccessDeniedError(TanfengError):
    """There is no token where one is needed, or it is not valid."""


class UnavailableError(TanfengError):
    """The database cannot be reached, or took too long."""


class Reader:
    """A pool of connections that serve one role at a time."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], anonymous_role: str = "") -> None:
        self._pool = pool
        self._anonymous_role = anonymous_role

    @asynccontextmanager
    async def as_itself(self) -> AsyncIterator[Connection]:
        """A read-only transaction of the program's own login, for health checks.

        Raises:
            UnavailableError: The database cannot be reached, or took too long.
        """
        try:
            async with self._pool.acquire(timeout=10) as con, con.transaction(readonly=True):
                await con.execute("SET LOCAL plan_cache_mode = force_custom_plan")
                yield con
        except asyncpg.QueryCanceledError as problem:
            raise UnavailableError(
                "查询超时 the query took too long", "缩短时间范围 ask for a shorter time or one enterprise"
            ) from problem
        except _LOST as problem:
            raise UnavailableError(
                f"数据库不可用 the database is unavailable: {problem}", "稍后重试 try again later"
            ) from problem

    @asynccontextmanager
    async def as_bearer(self, token: str | None) -> AsyncIterator[Connection]:
        """A read-only transaction in the role of this token, or in the anonymous one where that is allowed.

        Raises:
            AccessDeniedError: There is no token and none but tokens may read, or the token is not valid.
            UnavailableError: The database cannot be reached, or took too long.
        """
        async with self.as_itself() as con:
            role = self._anonymous_role if token is None else await role_of_token(con, token)
            if not role:
                raise AccessDeniedError(
                    "需要有效的令牌 a valid bearer token is needed",
                    "请求头 send the header `Authorization: Bearer TOKEN`; `tanfeng access token` makes one",
                )
            await act_as(con, role)
            yield con


@asynccontextmanager
async def open_reader(dsn: str, *, anonymous_role: str = "", size: int = 4) -> AsyncIterator[Reader]:
    """A reader whose pool closes when left."""
    async with await open_pool(dsn, name="tanfeng-api", size=size, longest_s=LONGEST_S) as pool:
        yield Reader(pool, anonymous_role)
