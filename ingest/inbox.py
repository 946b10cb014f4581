"""The messages held in memory between the socket and the commit: bounded, and reading stops at the bound."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from ingest.deferred import Deferred
from services.clocks import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ingest.packets import Message, Source

Aside: TypeAlias = "Callable[[list[Message], Delivering], list[Message]]"
"""Takes out of what a connection delivers what is not for the inbox; asked where some came at QoS 0."""
QUIET_SHARE: Final = 10
"""Waiting for a fuller batch ends when nothing came for this part of the linger."""
DEFERRED_SHARE: Final = 4
"""Of the bytes held, this part may be messages put off."""
RECHECK_S: Final = 0.1
"""How often to look whether a sender's share allows more of what is put off."""


class Delivering(Protocol):
    """A connection, as whoever takes messages aside knows it: how many came over it, and how many of them are owed."""

    received: int
    unacked: int


class Inbox:
    """Messages waiting or being committed. Both count against the bounds, so a slow database stops the broker."""

    def __init__(self, messages: int, octets: int, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        """What messages are stamped by when they come."""
        self._waiting: deque[Message] = deque()
        self._bounds = (messages, octets)
        self._sources: set[Source] = set()
        self._arrived = asyncio.Event()
        self.deferred = Deferred(octets // DEFERRED_SHARE, self._arrived.set)
        self.closing = False
        self.held_messages = 0
        self.held_bytes = 0
        self.paused = False

    def __len__(self) -> int:
        return len(self._waiting)

    def close(self) -> None:
        """Stop reading for good; what is held is still to be committed."""
        self.closing = True
        self._set_paused(paused=True)
        self._arrived.set()

    def join(self, source: Source) -> None:
        """Let a connection deliver; it starts paused if the inbox is full."""
        self._sources.add(source)
        if self.paused:
            source.pause()

    def leave(self, source: Source) -> None:
        """A connection is gone; what it delivered stays, for booking it twice is harmless and losing it is not."""
        self._sources.discard(source)

    def put(self, messages: Sequence[Message]) -> None:
        """Take what one read of a socket delivered, and stop reading at the bound."""
        self._waiting.extend(messages)
        self.held_messages += len(messages)
        self.held_bytes += sum(len(message.payload) for message in messages)
        self._arrived.set()
        if self.held_messages >= self._bounds[0] or self.held_bytes >= self._bounds[1]:
            self._set_paused(paused=True)

    def take(self) -> Message | None:
        """The oldest waiting message, None when none waits."""
        if self._waiting:
            return self._waiting.popleft()
        if not self.closing:
            self._arrived.clear()
        return None

    def done(self, messages: Sequence[Message]) -> None:
        """Acknowledge committed messages, each over its own connection, and make room."""
        mids: dict[Source, list[bytes]] = {}
        for message in messages:
            if message.mid:
                mids.setdefault(message.source, []).append(message.mid)
        for source, ids in mids.items():
            source.ack(ids)
        self.held_messages -= len(messages)
        self.held_bytes -= sum(len(message.payload) for message in messages)
        # half empty before reading resumes: switching for each batch would cost more than it gains
        is_roomy = self.held_messages * 2 <= self._bounds[0] and self.held_bytes * 2 <= self._bounds[1]
        if is_roomy and not self.closing:
            self._set_paused(paused=False)

    async def gather(self, enough: int, linger_s: float) -> None:
        """Wait for a message or the close, then until `enough` wait, `linger_s` has passed, or nothing more comes.

        While messages are put off, wait no longer than until some may be judged.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(RECHECK_S if self.deferred else None):
                await self._arrived.wait()
        clock = asyncio.get_running_loop().time
        until, seen = clock() + linger_s, 0
        while seen < len(self._waiting) < enough and not self.paused and clock() < until:
            seen = len(self._waiting)
            await asyncio.sleep(linger_s / QUIET_SHARE)

    def _set_paused(self, *, paused: bool) -> None:
        if paused == self.paused:
            return
        self.paused = paused
        for source in self._sources:
            if paused:
                source.pause()
            else:
                source.resume()
