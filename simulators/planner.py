"""A plan of incidents over meters and time, drawn from a seed."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from services.model import Kind
from simulators.incidents import (
    BUFFERED,
    FALSIFIED,
    LASTING,
    LEVELS,
    OUTAGES,
    Incident,
    What,
    apart_us,
    counting,
    false_steps,
    is_false,
    reach,
)
from simulators.levels import set_displays
from simulators.mistold import is_tellable, lag_us

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulators.fleet import Fleet, Meter
    from simulators.points import Counter

APART: Final = 14
"""Ticks between two incidents of one meter, so that each can be told from the next."""
LONGEST: Final = 40
"""Ticks of the longest ordinary outage."""
LASTS: Final = (8, 120)
"""Ticks that a meter may go on with what is not so."""
_COUNTED: Final = LEVELS | FALSIFIED | LASTING | {What.NOISE}
"""Kinds that happen to registers that only rise."""
_OF_ANY: Final = BUFFERED | {What.LOST, What.LATE, What.DUPLICATE, What.RETAINED, What.JITTER}
"""Kinds that happen to what a meter says as a whole, at whatever moments it speaks."""


@dataclass
class Planner:
    """Deals incidents over meters and time; the same seed deals the same."""

    fleet: Fleet
    seed: int
    from_us: int
    until_us: int
    every_us: int
    apart: int = APART
    _taken: dict[tuple[str, str], list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    _levelled: set[tuple[str, str]] = field(default_factory=set)
    _rolled: set[tuple[str, str]] = field(default_factory=set)

    def plan(self, number: int, kinds: Sequence[What] = tuple(What)) -> list[Incident]:
        """About `number` incidents, every kind about as often, in order of time.

        What changes a display comes first, and marks the planner's own fleet: whether a value is false depends on it.
        """
        rng = random.Random(f"{self.seed}/incidents")
        dealt = sorted(_dealt(kinds, number, rng), key=lambda kind: kind not in LEVELS)
        levels = [incident for kind in dealt if kind in LEVELS for incident in self._try(kind, rng)]
        for incident in sorted(levels, key=_in_time):
            set_displays(self.fleet, incident, self.every_us)
        others = [incident for kind in dealt if kind not in LEVELS for incident in self._try(kind, rng)]
        return sorted(levels + others, key=_in_time)

    def _try(self, kind: What, rng: random.Random) -> Iterator[Incident]:
        """One incident of this kind, if a place for it is found."""
        meters = [meter for meter in self.fleet.meters if self._suits(kind, meter)]
        ticks = (self.until_us - self.from_us) // self.every_us
        for _ in range(50 if meters else 0):
            meter = rng.choice(meters)
            length = self._length(kind, meter, rng)
            if ticks <= length + 2 * self.apart:
                return
            start = self.from_us + rng.randrange(self.apart, ticks - length - self.apart) * self.every_us
            start += self.every_us // 3 if kind in LEVELS else 0
            incident = Incident(
                kind,
                meter.enterprise,
                "" if kind is What.NETWORK else meter.code,
                start,
                start + length * self.every_us,
            )
            if self._is_possible(incident, meter) and self._take(incident):
                yield incident
                return

    def _suits(self, kind: What, meter: Meter) -> bool:
        if kind is What.JITTER:
            return all(display.point.kind is Kind.INTERVAL for display in meter.displays.values())
        return kind in _OF_ANY or (not meter.keeps_time and self._counts(kind, meter))

    def _counts(self, kind: What, meter: Meter) -> bool:
        counters = list(counting(meter))
        if kind is What.UNDECIDABLE:
            span = (self.until_us - self.from_us) // 4
            return any(_turn_us(counter, self.every_us) < span for counter in counters)
        if kind is What.ROLLOVER and (
            (meter.enterprise, meter.code) in self._levelled
            or any(counter.modulus_steps is None for counter in counters)
        ):
            return False
        if kind in LEVELS and (meter.enterprise, meter.code) in self._rolled:
            return False
        if kind in _COUNTED:
            return bool(counters) and all(_judgeable(counter, self.every_us) for counter in counters)
        return True

    def _length(self, kind: What, meter: Meter, rng: random.Random) -> int:
        if kind is What.UNDECIDABLE:
            # twice: then every display is reached by two numbers of rollovers
            turns = 2 * max(_turn_us(counter, self.every_us) for counter in counting(meter))
            return turns // self.every_us + rng.randint(4, 9)
        if kind in OUTAGES:
            return rng.choice((1, 2, 3, 5, 8, rng.randint(9, LONGEST)))
        if kind in LASTING or kind is What.JITTER:
            return rng.randint(*LASTS)
        return rng.randint(1, 6) if kind is What.FALSE_ZERO else 1

    def _is_possible(self, incident: Incident, meter: Meter) -> bool:
        if incident.kind is What.CLOCK_BEHIND and incident.from_us - lag_us(incident) < self.from_us:
            return False
        if incident.kind in LASTING:
            return is_tellable(incident, meter, self.every_us)
        if incident.kind not in FALSIFIED:
            return True
        ticks = range(incident.from_us, incident.until_us, self.every_us)
        return all(
            is_false(counter, false_steps(incident.kind, counter, at), at, self.every_us)
            for counter in counting(meter)
            for at in ticks
        )

    def _take(self, incident: Incident) -> bool:
        """Keep the time free around it, for every meter that it hits."""
        # two changes of a display one after the other may cancel out within a step: nobody could tell
        margin = (max(self.apart, APART) if incident.kind in LEVELS else self.apart) * self.every_us
        mine = (incident.from_us - margin, incident.until_us + margin)
        hit = [m for m in self.fleet.meters if incident.hits(m.enterprise, m.code)]
        spans = [self._taken[meter.enterprise, meter.code] for meter in hit]
        if any(mine[0] < until and start < mine[1] for span in spans for start, until in span):
            return False
        for span in spans:
            span.append(mine)
        if incident.kind in LEVELS:
            self._levelled.add((incident.enterprise, incident.meter))
        if incident.kind is What.ROLLOVER:
            self._rolled.add((incident.enterprise, incident.meter))
        return True


def _dealt(kinds: Sequence[What], number: int, rng: random.Random) -> Iterator[What]:
    while number > 0:
        deck = rng.sample(kinds, len(kinds))[:number]
        number -= len(deck)
        yield from deck


def _in_time(incident: Incident) -> tuple[int, str, str]:
    return incident.from_us, incident.enterprise, incident.meter


def _judgeable(counter: Counter, every_us: int) -> bool:
    """Whether the policy can tell a false value at all."""
    modulus, far = counter.modulus_steps, 4 * reach(counter, apart_us(every_us))
    return counter.point.max_rate is not None and (modulus is None or far < modulus)


def _turn_us(counter: Counter, every_us: int) -> int:
    """How long it takes to pass the modulus at the highest rate; for ever where there is none."""
    if counter.modulus_steps is None or counter.point.max_rate is None:
        return 2**62
    return counter.modulus_steps * every_us // max(1, reach(counter, every_us))
