"""Each sender's share of the time that judging faulty messages takes.

A flawless message costs a worker some microseconds, a faulty one of a megabyte a quarter of a second: sent at full
rate, such ones would hold up everybody. What an enterprise sends beyond its share waits for its turn, see
`ingest.deferred`; what is small and flawless is taken all the same.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from services.wire.topics import address_of

if TYPE_CHECKING:
    from collections.abc import Callable

SHARE: Final = 0.1
"""Seconds of each second."""
BURST_S: Final = 0.25
SMALL_BYTES: Final = 16 * 1024
"""Always looked at, whether they are flawless; larger ones wait behind what is put off of their sender."""
_SENDERS: Final = 10_000


class Shares:
    """What is left to each sender, in seconds; a topic that is not ours counts as one sender."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: dict[str | None, tuple[float, float]] = {}
        self.over: set[str | None] = set()
        """Those who had used up their share when last looked at."""

    def spend(self, topic: str, seconds: float) -> None:
        """Charge the sender of this topic."""
        sender = sender_of(topic)
        if len(self._left) > _SENDERS:
            self._left.clear()
            self.over.clear()
        now = self._clock()
        self._left[sender] = left = (self._now_left(sender, now) - seconds, now)
        if left[0] < 0:
            self.over.add(sender)

    def is_over(self, sender: str | None) -> bool:
        """Whether a sender has used up its share."""
        if sender in self.over and self._now_left(sender, self._clock()) >= 0:
            self.over.discard(sender)
        return sender in self.over

    def _now_left(self, sender: str | None, now: float) -> float:
        left, before = self._left.get(sender, (BURST_S, now))
        return min(BURST_S, left + (now - before) * SHARE)


def sender_of(topic: str) -> str | None:
    """The enterprise whose topic it is, None where it is nobody's."""
    address = address_of(topic)
    return None if address is None else address.enterprise
