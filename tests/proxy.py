"""A TCP proxy in front of a server that can swallow what either side says, or cut the line."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from ingest import packets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Proxy:
    """Forwards both ways; `acks` counts the PUBACKs that came from clients, `swallow` keeps them from the broker.

    `mute` makes the connections there are half-open: they stay, and carry nothing more; new ones are as usual.
    """

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._upstream = (self._parts.hostname, self._parts.port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._muted: set[asyncio.StreamWriter] = set()
        self._ups: set[asyncio.StreamWriter] = set()
        self._cut = asyncio.Event()
        self.url = ""
        self.connections = 0
        self.acks = 0
        self.swallow = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client."""
        up_reader, up_writer = await asyncio.open_connection(*self._upstream)
        self._writers |= {writer, up_writer}
        self._ups.add(up_writer)
        self.connections += 1
        await asyncio.gather(self._up(reader, up_writer), self._down(up_reader, writer))

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                self.acks += data.count(packets.PUBACK)
                if writer in self._muted:
                    await self._cut.wait()  # what the client sends now fills its buffers, as on a dead line
                if not self.swallow:
                    writer.write(data)
        writer.close()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if writer in self._muted:
                    await self._cut.wait()
                writer.write(data)
        if writer in self._muted:
            await self._cut.wait()  # nor does the client hear of the end
        writer.close()

    def listens_on(self, port: int) -> None:
        """Where clients reach the server through this proxy."""
        login, at, _ = self._parts.netloc.rpartition("@")
        self.url = urlunsplit(self._parts._replace(netloc=f"{login}{at}127.0.0.1:{port}"))

    def mute(self, *, up: bool, down: bool) -> None:
        """From now on what the present clients say goes nowhere, or what the server says to them, or both."""
        for writer in self._writers:
            if up if writer in self._ups else down:
                self._muted.add(writer)

    def cut(self) -> None:
        """Break all connections, as a network does."""
        for writer in self._writers:
            writer.transport.abort()
        for each in (self._writers, self._muted, self._ups):
            each.clear()
        self._cut.set()
        self._cut = asyncio.Event()


@contextlib.asynccontextmanager
async def proxied(url: str) -> AsyncIterator[Proxy]:
    """A proxy in front of this broker or database; its url has everything else as it was."""
    proxy = Proxy(url)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.listens_on(server.sockets[0].getsockname()[1])
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
