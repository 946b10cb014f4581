"""Connections to PostgreSQL: every instant crosses them as integer microseconds since 1970.

A DSN may name several hosts, `postgresql://user:password@one,two/db?target_session_attrs=read-write`.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from services.errors import TanfengError
from services.store.bounded import MARGIN_S, BoundedConnection, server_settings, watch_socket

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
"""A connection opened here, or borrowed from a pool opened here."""

Row: TypeAlias = "asyncpg.Record"
"""A fetched row: columns by name."""

PG_EPOCH_US: Final = 946_684_800_000_000
"""2000-01-01T00:00Z, from which PostgreSQL counts its microseconds."""
NEG_INFINITY: Final = -(2**63) + PG_EPOCH_US
"""What `-infinity::timestamptz` reads as, and is written from; below every finite instant."""
INFINITY: Final = 2**63 - 1 + PG_EPOCH_US
"""What `infinity::timestamptz` reads as, and is written from; above every finite instant."""

HOST_S: Final = 10.0
"""How long one host may take to let us in: one that is silent must not keep us from the others."""

_UNREACHABLE: Final = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # it starts, shuts down or recovers
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.TargetServerAttributeNotMatched,  # of several hosts none that writes
)


async def connect(dsn: str, *, name: str, longest_s: float | None = None) -> BoundedConnection:
    """One connection; `name` is what pg_stat_activity shows. A statement that takes `longest_s` is ended by the server.

    Raises:
        TanfengError: There is no such server, database or login, or it takes no connection now.
    """
    try:
        con = await _connected(dsn, **_options(name, longest_s))
    except ValueError as problem:
        raise _no_dsn() from problem
    except _UNREACHABLE as problem:
        raise _unreachable(problem) from problem
    await _prepare(con, longest_s)
    return con


async def open_pool(
    dsn: str, *, name: str, size: int = 4, longest_s: float | None = None
) -> asyncpg.Pool[asyncpg.Record]:
    """A pool of at most `size` connections like those of `connect`.

    Raises:
        TanfengError: There is no such server, database or login, or it takes no connection now.
    """
    # it would write a traceback each time it fails to connect again; whoever uses the pool says that in a line
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)
    try:
        return await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=size,
            connect=_connected,
            init=partial(_prepare, longest_s=longest_s),
            **_options(name, longest_s),
        )
    except ValueError as problem:
        raise _no_dsn() from problem
    except _UNREACHABLE as problem:
        raise _unreachable(problem) from problem


async def _connected(dsn: str | None = None, **options: Any) -> BoundedConnection:  # noqa: ANN401
    """Connect by asyncpg, whose time is for all hosts together: a silent first one would use it up, every time."""
    *others, last = orders_of_hosts(dsn or "")
    for order in others:
        with suppress(TimeoutError):
            return await asyncpg.connect(order, timeout=HOST_S, **options)  # type: ignore[no-any-return]
    return await asyncpg.connect(last, timeout=HOST_S, **options)  # type: ignore[no-any-return]


def orders_of_hosts(dsn: str) -> list[str]:
    """The DSN once with each of its hosts first; one that names a single host is alone."""
    parts = urlsplit(dsn)
    login, at, hosts = parts.netloc.rpartition("@")
    names = hosts.split(",")
    if len(names) == 1:
        return [dsn]
    turned = (",".join(names[start:] + names[:start]) for start in range(len(names)))
    return [urlunsplit(parts._replace(netloc=f"{login}{at}{order}")) for order in turned]


def _options(name: str, longest_s: float | None) -> dict[str, Any]:
    # jit costs more than it saves on short statements; zones are written out in every query that needs one.
    settings = {"application_name": name, "jit": "off", "timezone": "UTC"}
    return {"connection_class": BoundedConnection, "server_settings": settings | server_settings(longest_s)}


async def _prepare(con: BoundedConnection, longest_s: float | None) -> None:
    con.longest_s = None if longest_s is None else longest_s + MARGIN_S
    watch_socket(con)
    codec = con.set_type_codec("timestamptz", schema="pg_catalog", encoder=_to_pg, decoder=_from_pg, format="tuple")
    await con.within(HOST_S, codec)


def _to_pg(at: int) -> tuple[int]:
    return (at - PG_EPOCH_US,)


def _from_pg(wire: tuple[int]) -> int:
    return wire[0] + PG_EPOCH_US


def _no_dsn() -> TanfengError:
    """Without what stands there: a part of the password may."""
    return TanfengError(
        "the DSN of the database cannot be read",
        "write TANFENG_DATABASE_DSN or --dsn as postgresql://user:password@host:port/db, with : / @ # ? in a password"
        " as %3A %2F %40 %23 %3F",
    )


def _unreachable(problem: BaseException) -> TanfengError:
    return TanfengError(
        f"cannot open the database: {problem}",
        "check TANFENG_DATABASE_DSN (postgresql://user:password@host:port/db) and that the server runs",
    )
