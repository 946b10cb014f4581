"""A QoS 1 publisher for tests: fast, and exact about which messages the broker has acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ingest import packets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

Post = tuple[str, bytes]
"""Topic and payload."""


class Publisher:
    """One connection to the broker; publishes in order, with a bounded number unacknowledged."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def publish(
        self,
        posts: Sequence[Post],
        *,
        retain: bool = False,
        window: int = 2000,
        acked: Callable[[int], None] | None = None,
    ) -> None:
        """Publish all and wait for their acknowledgements; `acked` hears of each, by index, in order."""
        sent = done = 0
        while done < len(posts):
            end = min(len(posts), done + window)
            for index in range(sent, end):
                topic, payload = posts[index]
                self._writer.write(packets.publish(index % 60_000 + 1, topic, payload, retain=retain))
            sent = end
            head = await self._reader.readexactly(4)
            assert head[:2] == packets.PUBACK
            assert int.from_bytes(head[2:]) == done % 60_000 + 1
            if acked is not None:
                acked(done)
            done += 1


@contextlib.asynccontextmanager
async def publisher(url: str, client_id: str = "tests", ca: Path | None = None) -> AsyncIterator[Publisher]:
    """A publisher connected to this broker, with TLS where its CA is given."""
    parts = urlsplit(url)
    tls = None if ca is None else ssl.create_default_context(cafile=ca)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=tls)
    user, password = (None if text is None else unquote(text) for text in (parts.username, parts.password))
    try:
        writer.write(packets.connect(client_id, user, password, clean=True, keepalive_s=600))
        answer = await reader.readexactly(4)
        assert answer == b"\x20\x02\x00\x00", answer
        yield Publisher(reader, writer)
    finally:
        writer.write(packets.DISCONNECT)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def publish(url: str, posts: Sequence[Post], *, retain: bool = False, ca: Path | None = None) -> None:
    """Publish all at QoS 1 and wait until the broker has acknowledged them."""
    async with publisher(url, ca=ca) as to:
        await to.publish(posts, retain=retain)
