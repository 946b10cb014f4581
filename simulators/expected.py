"""What the books of a register must say: what flowed between two readings, and what each reading shows.

Everything is in thousandths of the unit in which the books keep the register.
"""

from __future__ import annotations

from collections import Counter as Count
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Final

from services.model import HOUR_US, Kind
from simulators.compare import Untrue, compare
from simulators.incidents import LASTING, What
from simulators.ledger import Flow
from simulators.points import Counter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from services.accounting.state import Segment
    from simulators.compare import Books, Compared
    from simulators.incidents import Incident
    from simulators.ledger import Truth
    from simulators.points import Display, Gauge

ADDS_UP: Final = frozenset({What.SCALE_TOLD})
"""Kinds whose every leg is known all the same, by what was declared."""


@dataclass(frozen=True)
class Counted:
    """A register that counts: the difference of two displays is what flowed between them."""

    counter: Counter

    @cached_property
    def step(self) -> Fraction:
        """One step of the display."""
        return self._flow.count_size

    @cached_property
    def _flow(self) -> Flow:
        return Flow(self.counter)

    def flowed(self, start: int, end: int) -> int:
        """What flowed between two moments."""
        return self._flow.until(end) - self._flow.until(start)

    def shown(self, at: int) -> int:
        """The level on the display at a moment."""
        return round(self.counter.shown_steps(at) * self.step)


class Periodic(Counted):
    """Amounts of intervals: a stamp some seconds off is that of its interval."""

    def flowed(self, start: int, end: int) -> int:
        """What flowed between the ends of the intervals that two moments stand for."""
        return super().flowed(self._edge(start), self._edge(end))

    def shown(self, at: int) -> int:
        """The amount that a reading of this moment states."""
        point, edge = self.counter.point, self._edge(at)
        start = edge if point.stamps_start else edge - point.interval_us
        return self.flowed(start, start + point.interval_us)

    def _edge(self, at: int) -> int:
        interval = self.counter.point.interval_us
        return (at + interval // 2) // interval * interval


@dataclass(frozen=True)
class Integrated:
    """A rate: between two readings the mean of both flows, whatever really did."""

    gauge: Gauge
    step: Fraction = Fraction(1)

    def flowed(self, start: int, end: int) -> int:
        """The trapezoid between two readings."""
        return round(Fraction((self._rate(start) + self._rate(end)) * (end - start)) / (2 * HOUR_US))

    def shown(self, at: int) -> int:
        """The rate on the display at a moment."""
        return round(self._rate(at))

    def _rate(self, at: int) -> Decimal:
        return (self.gauge.displayed(at) or Decimal(0)) * self._size

    @cached_property
    def _size(self) -> Decimal:
        return self.gauge.point.multiplier * Decimal(int(self.gauge.point.unit_size * 10**6)) / 1000


def expected_of(display: Display) -> Counted | Integrated:
    """What the books of a register must say."""
    if not isinstance(display, Counter):
        return Integrated(display)
    return Periodic(display) if display.point.kind is Kind.INTERVAL else Counted(display)


def untrue_of(display: Display, incidents: Iterable[Incident], every_us: int) -> Iterator[Untrue]:
    """When this register's meter went on with what is not so."""
    key = display.point.key
    for each in incidents:
        if each.kind in LASTING and each.hits(key.enterprise, key.meter):
            yield Untrue(each.from_us - every_us, each.until_us, each.kind in ADDS_UP)


def compared(books: Books, display: Display, truth: Truth) -> Compared:
    """Compare the books of one register with the truth."""
    expected, point = expected_of(display), display.point
    return compare(
        books,
        truth.hours[point.key],
        truth.from_us,
        max(1, int(expected.step)),
        point.interval_us,
        expected.flowed,
        expected.shown,
        list(untrue_of(display, truth.incidents, truth.every_us)),
    )


def standing(segments: Iterable[Segment]) -> list[Segment]:
    """Segments without those that were taken back: one by one, or the legs of a standstill all at once."""
    left: Count[Segment] = Count()
    for segment in segments:
        left[segment._replace(sign=1)] += segment.sign
    together = [(each.start, each.end) for each, times in left.items() if times < 0]
    return sorted(
        each
        for each, times in left.items()
        if times > 0 and (each.amount or not any(start <= each.start and each.end <= end for start, end in together))
    )
