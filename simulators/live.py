"""Runs a fleet in real time: a backfill first, then every meter every few seconds, until told to stop."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from services.model import QUARTER_US, SECOND_US

if TYPE_CHECKING:
    import threading

    from simulators.faults import Saboteur
    from simulators.feed import Feed
    from simulators.publisher import Publisher
    from simulators.wishes import Wish

BEHIND_TICKS: Final = 5
"""A publisher that falls further behind skips ticks instead of sending old ones as live."""


@dataclass(frozen=True, slots=True)
class Span:
    """The first and the last moment that was published, and how many ticks."""

    from_us: int
    until_us: int
    ticks: int


@dataclass(frozen=True, kw_only=True)
class Live:
    """A fleet on its way to a broker; `saboteur` None: without faults but those that are asked for."""

    feed: Feed
    saboteur: Saboteur | None
    publisher: Publisher
    every_us: int
    stop: threading.Event
    asked: SimpleQueue[Wish] = field(default_factory=SimpleQueue)

    def run(self, backfill_us: int) -> Span:
        """Publish until `stop`: readings at quarter-hours in the past, then at multiples of `every_us`."""
        began = now_us()
        first = -(-(began - backfill_us) // QUARTER_US) * QUARTER_US
        for message in self.feed.fleet.backfill(first, began, QUARTER_US):
            if self.stop.is_set():
                break
            self.publisher.publish(message)
        last, ticks = self._ticks()
        for message in [*(self.saboteur.rest() if self.saboteur else []), *self.feed.rest()]:
            self.publisher.publish(message)
        self.publisher.drain()
        return Span(min(first, last), last, ticks)

    def _ticks(self) -> tuple[int, int]:
        """The moment of the last tick and their number; the first is due at once."""
        at, number = now_us() // self.every_us * self.every_us, 0
        while True:
            self._ask(at)
            source = self.saboteur.tick(number, at) if self.saboteur else self.feed.tick(at)
            for message in [*source, *self.feed.aftermath]:
                self.publisher.publish(message)
            self.feed.aftermath.clear()
            number += 1
            due = self._due(at)
            if self.stop.wait(max(0.0, (due - now_us()) / SECOND_US)):
                return at, number
            at = due

    def _ask(self, at: int) -> None:
        """Let the faults happen that were asked for since the last tick."""
        while not self.asked.empty():
            self.feed.add(self.asked.get().incident(at, self.every_us))

    def _due(self, at: int) -> int:
        behind = now_us() - at > BEHIND_TICKS * self.every_us
        return now_us() // self.every_us * self.every_us if behind else at + self.every_us


def now_us() -> int:
    """The clock."""
    return time.time_ns() // 1000
