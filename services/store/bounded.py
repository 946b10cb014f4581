"""A connection on which every wait has an end, also when the network swallows what it carries.

A server that is gone without a word answers neither a statement nor a request to cancel it, and asyncpg waits for the
answer to both. Here a wait that takes too long ends the connection: what it waited for fails, and so does what follows.
"""

# ruff: noqa: ANN401, D102 - the methods are asyncpg's, with its arguments
from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any, Final, TypeVar

import asyncpg

if TYPE_CHECKING:
    from collections.abc import Coroutine

CLOSE_S: Final = 5.0
"""How long leaving in order may take."""
MARGIN_S: Final = 5.0
"""How much longer than the server itself we wait for the end of a statement: it is to speak first."""
SILENT_S: Final = 20
"""Bytes that the other side has not acknowledged for so long mean that it is gone, on either side."""
IDLE_IN_TRANSACTION_S: Final = 60
"""The server ends a session that begins and says nothing more: its locks hold up everybody."""
_T = TypeVar("_T")


class BoundedConnection(asyncpg.Connection):
    """A connection whose statements end by `longest_s`; None: they may take as long as they need."""

    longest_s: float | None = None

    async def within(self, seconds: float | None, waiting: Coroutine[Any, Any, _T]) -> _T:
        """The outcome of something that waits for the server.

        Raises:
            TimeoutError: it took longer, and the connection is ended.
        """
        try:
            async with asyncio.timeout(seconds):
                return await waiting
        except TimeoutError:
            self.terminate()
            raise

    async def execute(self, *args: Any, **options: Any) -> Any:
        return await self.within(self.longest_s, super().execute(*args, **options))

    async def executemany(self, *args: Any, **options: Any) -> Any:
        return await self.within(self.longest_s, super().executemany(*args, **options))

    async def fetch(self, *args: Any, **options: Any) -> Any:
        return await self.within(self.longest_s, super().fetch(*args, **options))

    async def fetchrow(self, *args: Any, **options: Any) -> Any:
        return await self.within(self.longest_s, super().fetchrow(*args, **options))

    async def fetchval(self, *args: Any, **options: Any) -> Any:
        return await self.within(self.longest_s, super().fetchval(*args, **options))

    async def copy_to_table(self, *args: Any, **options: Any) -> Any:
        return await self.within(self.longest_s, super().copy_to_table(*args, **options))

    async def copy_records_to_table(self, *args: Any, **options: Any) -> Any:
        return await self.within(self.longest_s, super().copy_records_to_table(*args, **options))

    async def close(self, *, timeout: float | None = CLOSE_S) -> None:  # noqa: ASYNC109 - asyncpg's name
        """Leave in order, or where that takes too long, at once."""
        try:
            await super().close(timeout=CLOSE_S if timeout is None else timeout)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            self.terminate()


def server_settings(longest_s: float | None) -> dict[str, str]:
    """What the server is told to do with a session of ours that has died, and with statements that take too long."""
    told = {
        "tcp_keepalives_idle": str(SILENT_S // 2),
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "2",
        "tcp_user_timeout": str(SILENT_S * 1000),
    }
    if longest_s is None:
        return told
    return told | {
        "statement_timeout": f"{round(longest_s * 1000)}ms",
        "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_S}s",
        "client_connection_check_interval": "5s",
    }


def watch_socket(con: asyncpg.Connection[asyncpg.Record]) -> None:
    """Let the kernel notice a server that is gone; a Unix socket needs none of it."""
    found = con._transport.get_extra_info("socket")  # type: ignore[attr-defined]  # noqa: SLF001 - no other way to it
    if found is None or found.family not in (socket.AF_INET, socket.AF_INET6):
        return
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    options = {"TCP_KEEPIDLE": SILENT_S // 2, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 2, "TCP_USER_TIMEOUT": SILENT_S * 1000}
    for name, value in options.items():
        if hasattr(socket, name):  # not every system has all of them
            found.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
