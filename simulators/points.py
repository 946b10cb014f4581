"""What the fleet needs to know of a register, and what such a register displays over a load."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from services.model import Direction, Kind
from services.units import FACTORS
from simulators.loads import NANO

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulators.loads import Load

START_STEPS: Final = 100_000
"""Registers start at up to so many steps: a meter in the field has run before."""


class Key(NamedTuple):
    """Identity of a register on the wire."""

    enterprise: str
    meter: str
    register: str


@dataclass(frozen=True)
class Point:
    """One register of the registry. `max_rate` is units per hour on the primary side; None: unknown."""

    key: Key
    industry: str
    site: str
    site_kind: str
    level: int
    quantity: str
    direction: Direction
    carrier: str | None
    unit: str
    kind: Kind
    multiplier: Decimal
    resolution: Decimal
    modulus: Decimal | None
    max_rate: Decimal | None
    interval_us: int
    naive_zone: str | None = None
    integrate: bool = False
    """Whether the books integrate this momentary value over time."""
    stamps_start: bool = False
    """Whether the amount of an interval carries the interval's start."""
    flat_us: int | None = None
    """The longest standstill that its policy believes; None: any."""

    @property
    def base_unit(self) -> str:
        """What its load is measured in: kWh for MWh, kW for W, the unit itself where it has no smaller one."""
        return FACTORS.get(self.unit, (self.unit, 1))[0]

    @property
    def unit_size(self) -> Fraction:
        """How many base units one declared unit is."""
        return Fraction(FACTORS.get(self.unit, ("", 1))[1])

    @cached_property
    def step(self) -> Fraction:
        """One step of the display in billionths of the base unit, on the primary side."""
        return Fraction(self.resolution) * Fraction(self.multiplier) * self.unit_size * NANO

    @property
    def modulus_steps(self) -> int | None:
        """Steps after which the display shows zero again."""
        return None if self.modulus is None else int(self.modulus / self.resolution)

    @property
    def counts(self) -> bool:
        """Whether it is a register or interval of an amount, not a momentary value."""
        return self.kind is not Kind.MEASUREMENT

    @property
    def keeps_time(self) -> bool:
        """Whether it speaks at multiples of its own interval, however often its meter is asked."""
        return self.kind is Kind.INTERVAL or self.integrate


class Mark(NamedTuple):
    """From `at_us` on a display counts from `shown` steps: a reset, another meter."""

    at_us: int
    shown: int


@dataclass(frozen=True, slots=True)
class Counter:
    """A counting register over a load."""

    point: Point
    load: Load
    start: int
    """Steps displayed at the epoch."""
    marks: list[Mark] = field(default_factory=list)
    """Where the display was set anew, in order of time."""

    @property
    def modulus_steps(self) -> int | None:
        """Steps after which it shows zero again."""
        return self.point.modulus_steps

    def shown_steps(self, at_us: int) -> int:
        """Steps on the display: counted from the last mark, rollovers taken off."""
        return self._shown(at_us, at_us)

    def shown_before(self, at_us: int) -> int:
        """Steps on the display just before what a mark at this moment changes."""
        return self._shown(at_us, at_us - 1)

    def _shown(self, at_us: int, marked_us: int) -> int:
        steps, start = self.steps(at_us), self.start
        for mark in reversed(self.marks):
            if mark.at_us <= marked_us:
                start = mark.shown - self.steps(mark.at_us)
                break
        modulus = self.modulus_steps
        return start + steps if modulus is None else (start + steps) % modulus

    def steps(self, at_us: int) -> int:
        """Steps of resolution counted since the epoch, rollovers not taken off: the truth."""
        step = self.point.step
        return self.load.energy(at_us) * step.denominator // step.numerator

    @property
    def count_size(self) -> Fraction:
        """How much in the base unit, on the primary side, is one of what `count` counts: one step."""
        return self.point.step / NANO

    def count(self, at_us: int) -> int:
        """What has flowed since the epoch."""
        return self.steps(at_us)

    def displayed(self, at_us: int) -> Decimal | None:
        """What a reading of this moment says; None where an interval register has nothing to say then."""
        point = self.point
        if point.kind is Kind.INTERVAL:
            if at_us % point.interval_us:
                return None
            end = at_us + point.interval_us * point.stamps_start
            return (self.steps(end) - self.steps(end - point.interval_us)) * point.resolution
        return self.shown_steps(at_us) * point.resolution

    def amount(self, steps: int) -> Decimal:
        """Steps as an amount in the base unit, on the primary side."""
        exact = steps * self.point.step / NANO
        return Decimal(exact.numerator) / exact.denominator


@dataclass(frozen=True, slots=True)
class Gauge:
    """A momentary value: one rate, or one rate over another."""

    point: Point
    over: Load
    under: Load | None = None

    @property
    def count_size(self) -> Fraction:
        """How much is one of what `count` counts: a billionth of the base unit for an hour, as kWh for kW."""
        return Fraction(1, NANO)

    def count(self, at_us: int) -> int:
        """What has flowed since the epoch, where it is a rate."""
        return self.over.energy(at_us)

    def displayed(self, at_us: int) -> Decimal | None:
        """The present value, cut to its resolution; None where it would divide by zero."""
        under = NANO if self.under is None else self.under.rate(at_us)
        if under == 0:
            return None
        step = self.point.step
        return self.over.rate(at_us) * NANO * step.denominator // (under * step.numerator) * self.point.resolution


Display = Counter | Gauge


def stamps(point: Point, since_us: int, at_us: int) -> Iterable[int]:
    """The moments of the readings of a register that come in (since, at], whose meter is asked at `at`."""
    if not point.keeps_time:
        return (at_us,)
    interval = point.interval_us
    late = interval if point.kind is Kind.INTERVAL and point.stamps_start else 0
    first = (since_us // interval + 1) * interval
    return range(first - late, at_us - late + 1, interval)


def start_steps(key: Key, seed: int, modulus_steps: int | None) -> int:
    """Where a register starts, drawn from the seed."""
    digest = blake2b(f"{seed}/start/{'/'.join(key)}".encode(), digest_size=8).digest()
    drawn = int.from_bytes(digest) % START_STEPS
    return drawn if modulus_steps is None else drawn % modulus_steps
