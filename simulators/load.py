"""Open-loop load: messages leave at their due time whether or not anything keeps up, so waiting is not hidden.

Every reading carries the moment it was due as its `read_at`: a register's newest stored `read_at` then says what is
visible in the database, and how late. Figures (energy, coal, CO₂) become visible with the reading, in its transaction.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from services.model import SECOND_US
from simulators.crowd import PER_SITE, Member, message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulators.publisher import Publisher

NAP_S: Final = 0.001
TIMEOUT_S: Final = 300.0
PROBES: Final = 100
"""So many meters' readings are watched until they are visible."""


@dataclass
class Generator:
    """`rate` messages a second with `batch` readings each, over all meters in turn."""

    crowd: Sequence[Member]
    publisher: Publisher
    rate: float
    batch: int
    duration_s: float
    stop: threading.Event = field(default_factory=threading.Event)
    late_s: float = 0.0
    """How far it fell behind its own schedule at worst."""
    published: dict[int, list[int]] = field(init=False)
    """Probed meter's number → the moments of its readings."""

    def __post_init__(self) -> None:
        probes = self.crowd[:: max(1, len(self.crowd) // PROBES)][:PROBES]
        self.published = {each.number: [] for each in probes}

    def run(self) -> None:
        """Publish until the duration is over, or told to stop."""
        batches = list(_batches(len(self.crowd), self.batch))
        began_us, count = time.time_ns() // 1000, int(self.rate * self.duration_s)
        for n in range(count):
            due_us = began_us + round(n * SECOND_US / self.rate)
            if self.stop.is_set():
                return
            self._wait(due_us)
            members = [self.crowd[index] for index in batches[n % len(batches)]]
            self.publisher.publish(message([(each, due_us) for each in members]), timeout_s=TIMEOUT_S)
            for each in members:
                if each.number in self.published:
                    self.published[each.number].append(due_us)

    def _wait(self, due_us: int) -> None:
        ahead = (due_us - time.time_ns() // 1000) / SECOND_US
        if ahead > NAP_S:
            time.sleep(ahead)
        self.late_s = max(self.late_s, -ahead)


def _batches(meters: int, batch: int) -> list[range]:
    """Meters of one enterprise each; a batch never spans two."""
    return [
        range(start, min(start + batch, site + PER_SITE, meters))
        for site in range(0, meters, PER_SITE)
        for start in range(site, min(site + PER_SITE, meters), batch)
    ]


@dataclass
class Watch:
    """How long readings of the probed meters took to be visible, in seconds."""

    published: dict[int, list[int]]
    latencies_s: list[float] = field(default_factory=list)
    _seen: dict[int, int] = field(default_factory=dict)

    def saw(self, number: int, newest_us: int, now_us: int) -> None:
        """At `now`, everything of this meter up to `newest` is visible."""
        moments = self.published[number]
        seen = self._seen.get(number, 0)
        while seen < len(moments) and moments[seen] <= newest_us:
            self.latencies_s.append((now_us - moments[seen]) / SECOND_US)
            seen += 1
        self._seen[number] = seen

    @property
    def waiting(self) -> int:
        """Probed readings that are not visible yet."""
        return sum(len(moments) - self._seen.get(number, 0) for number, moments in self.published.items())

    def percentile(self, share: float) -> float:
        """The latency that this share of the readings stays within."""
        ordered = sorted(self.latencies_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
