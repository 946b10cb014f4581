"""One leg of a register: from a baseline to a reading, what it can have been and what it books."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.accounting.state import Level, Origin, Segment
from services.model import QUARTER_US, Kind

if TYPE_CHECKING:
    from services.accounting.policy import Rules


def bound_of(base: Level, at: int, rules: Rules) -> int | None:
    """The most that can flow from `base` to `at`; None where max_rate is unknown."""
    return rules.bound(at - base.at, by_act=base.origin is not Origin.READING)


def judge(base: Level, at: int, value: int, rules: Rules) -> int | None:
    """The energy from `base` to a reading, or None where it is not plausible.

    Exactly one explanation must fit: a rise within the bound, a fall within the noise (0), or a number of rollovers;
    where the bound reaches the modulus there are two, and it is undecidable.
    """
    rise = value - base.value
    bound = bound_of(base, at, rules)
    if rules.kind is Kind.TOTAL:
        return rise if bound is None or abs(rise) <= bound else None
    if bound is None:
        return max(rise, 0) if rise >= -rules.noise else None
    if rules.modulus is None:
        return max(rise, 0) if -rules.noise <= rise <= bound else None
    if -rules.noise <= rise < 0:
        return None if rise + rules.modulus <= bound else 0
    amount = rise if rise >= 0 else rise + rules.modulus
    return amount if amount <= bound < amount + rules.modulus else None


def kept_level(base: Level, value: int, rules: Rules) -> int:
    """The level after a plausible reading: a fall within the noise keeps the higher one."""
    falls_a_little = rules.kind is Kind.TOTAL_INCREASING and -rules.noise <= value - base.value < 0
    return base.value if falls_a_little else value


def segment_of(base: Level, at: int, amount: int, rules: Rules) -> Segment:
    """The booked leg; estimated where its parts are not measured, and from a level that was only assumed."""
    return Segment(base.at, at, amount, base.origin is Origin.ASSUMED or is_estimated(base.at, at, rules))


def is_estimated(start: int, end: int, rules: Rules) -> bool:
    """Whether a leg's parts are not measured: it is beyond the gap, or lacks a reading at a quarter-hour's edge.

    One longer than one and a half intervals lacks a reading; within a quarter-hour it is exact all the same.
    """
    elapsed = end - start
    misses = 2 * elapsed > 3 * rules.interval and start // QUARTER_US != (end - 1) // QUARTER_US
    return misses or elapsed > rules.gap


def broken_leg(base: Level, first: Level, rules: Rules) -> Segment | None:
    """A break books its first value, estimated, only where a restart near zero explains it."""
    bound = bound_of(base, first.at, rules)
    nearer_zero = 2 * first.value < base.value
    if rules.kind is Kind.TOTAL_INCREASING and bound is not None and first.value <= bound and nearer_zero:
        return Segment(base.at, first.at, first.value, estimated=True)
    return None
