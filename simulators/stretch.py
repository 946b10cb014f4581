"""A stretch of simulated time through MQTT as fast as the broker takes it, in two parts.

The second part, other values for moments that are stored, is sent only when the first is committed: of two values for
one moment the first committed stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulators.feed import Feed
from simulators.fleet import Fleet
from simulators.incidents import What
from simulators.planner import APART, Planner

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulators.points import Point
    from simulators.sample import Message


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """What is simulated: [from, until] in full hours, a reading of every meter each `every_us`."""

    points: Sequence[Point]
    seed: int
    from_us: int
    until_us: int
    every_us: int
    incidents: int
    kinds: Sequence[What] = tuple(What)
    apart: int = APART

    def feed(self) -> Feed:
        """The fleet with its incidents."""
        # the planner marks the displays of the fleet it plans with
        planner = Planner(
            Fleet(self.points, self.seed), self.seed, self.from_us, self.until_us, self.every_us, self.apart
        )
        return Feed(Fleet(self.points, self.seed), self.every_us, planner.plan(self.incidents, self.kinds))

    def messages(self, feed: Feed) -> Iterator[tuple[int, list[Message]]]:
        """(moment, what arrives then), tick after tick; the last also brings what was still on its way."""
        for at in range(self.from_us, self.until_us + 1, self.every_us):
            yield at, feed.tick(at)
        yield self.until_us, feed.rest()
