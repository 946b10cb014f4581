"""Messages put off, so that what one enterprise does wrong holds up nobody else: judged in a thread, within its share.

A large message that is not flawless takes up to half a second to judge. What does not fit in here any more comes faster
than its sender's share lets it be judged, and is refused unread.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from services.ledger.shares import SMALL_BYTES, sender_of
from services.wire import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ingest.packets import Message
    from services.ledger.shares import Shares
    from services.model import MeterRef
    from services.wire import Decoded, Limits

SENDER_BYTES: Final = 8 * 1024 * 1024
SENDER_MESSAGES: Final = 1000
"""What is put off of one sender; unacknowledged meanwhile, and so part of what the broker sends ahead."""


class Registry(NamedTuple):
    """What messages are judged against, and its version."""

    version: int
    directory: Mapping[tuple[str, str], MeterRef]
    limits: Limits


class Deferred:
    """The messages put off, each sender's in order, senders in turn; `wake` is called when some are judged."""

    def __init__(self, octets: int, wake: Callable[[], None]) -> None:
        self._octets = octets
        self._wake = wake
        self._queues: dict[str | None, deque[Message]] = {}
        self._bytes: dict[str | None, int] = {}
        self._judging: asyncio.Task[tuple[list[Decoded], float]] | None = None
        self._judged: list[Message] = []
        """What is being judged, or was and is not taken yet."""
        self._registry: Registry | None = None

    def __bool__(self) -> bool:
        return bool(self._queues) or self._judging is not None

    def holds(self, topic: str) -> bool:
        """Whether messages of this topic's sender wait."""
        return sender_of(topic) in self._queues

    def put(self, message: Message) -> bool:
        """Put a message off, behind its sender's others; False where there is no room."""
        sender, size = sender_of(message.topic), len(message.payload)
        queue, held = self._queues.get(sender, ()), self._bytes.get(sender, 0)
        if len(queue) >= SENDER_MESSAGES or held + size > SENDER_BYTES:
            return False
        if sum(self._bytes.values()) + size > self._octets:
            return False
        self._queues.setdefault(sender, deque()).append(message)
        self._bytes[sender] = held + size
        return True

    def take(self, registry: Registry, shares: Shares) -> list[tuple[Message, Decoded]]:
        """What has been judged by this registry since it was last asked; and begin to judge more."""
        judged: list[tuple[Message, Decoded]] = []
        if self._judging is not None and self._judging.done():
            results, seconds = self._judging.result()
            self._judging = None
            if any(each.rejected for each in results):
                shares.spend(self._judged[0].topic, seconds)
            if self._registry is not None and self._registry.version == registry.version:
                judged = list(zip(self._judged, results, strict=True))
            else:
                self._begin(self._judged, registry)
        if self._judging is None and (messages := self._next(shares)):
            self._begin(messages, registry)
        return judged

    def _begin(self, messages: list[Message], registry: Registry) -> None:
        self._judged, self._registry = messages, registry
        self._judging = asyncio.create_task(asyncio.to_thread(_judge, messages, registry))
        self._judging.add_done_callback(lambda _: self._wake())

    def _next(self, shares: Shares) -> list[Message]:
        """One large message, or some small ones, of the next sender whose share allows it."""
        for sender in list(self._queues):
            if shares.is_over(sender):
                continue
            queue = self._queues.pop(sender)
            messages = [queue.popleft()]
            size = len(messages[0].payload)
            while queue and size + len(queue[0].payload) <= SMALL_BYTES:
                messages.append(queue.popleft())
                size += len(messages[-1].payload)
            left = self._bytes.pop(sender) - size
            if queue:
                self._queues[sender], self._bytes[sender] = queue, left  # now the last in turn
            return messages
        return []


def _judge(messages: list[Message], registry: Registry) -> tuple[list[Decoded], float]:
    started = time.perf_counter()
    _, directory, limits = registry
    decoded = [
        decode(each.topic, each.payload, directory, each.received_us, limits, retained=each.retained)
        for each in messages
    ]
    return decoded, time.perf_counter() - started
