"""One leg of a register: from a baseline to a reading, what it can have been and what it books."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.accounting.state import Level, Origin, Segment
from services.model import QUARTER_US, Kind

if TYPE_CHECKING:
    from services.accounting.policy import Rules

_BY_ACT: Final = (Origin.ACT, Origin.ASSUMED)
_UNCERTAIN: Final = (Origin.ASSUMED, Origin.DOUBTED)


def bound_of(base: Level, at: int, rules: Rules) -> int | None:
    """The most that can flow from `base` to `at`; None where max_rate is unknown."""
    return rules.bound(at - base.at, by_act=base.origin in _BY_ACT)


def judge(base: Level, at: int, value: int, rules: Rules) -> int | None:
    """The energy from `base` to a reading, or None where it is not plausible."""
    return amount_within(value - base.value, bound_of(base, at, rules), rules)


def judge_at_once(shown: int, value: int, rules: Rules) -> int | None:
    """The same between two levels of one instant: no more than a step can lie between them."""
    return amount_within(value - shown, rules.step, rules)


def amount_within(rise: int, bound: int | None, rules: Rules) -> int | None:
    """The energy of a rise of which at most `bound` (None: anything) is possible, or None.

    Exactly one explanation must fit: a rise within the bound, a fall within the noise (0), or a number of rollovers;
    where the bound reaches the modulus there are two, and it is undecidable.
    """
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
    """The booked leg; estimated where its parts are not measured, and from a level that is not certain."""
    return Segment(base.at, at, amount, base.origin in _UNCERTAIN or is_estimated(base.at, at, rules))


def is_estimated(start: int, end: int, rules: Rules) -> bool:
    """Whether a leg's parts are not measured: it is beyond the gap, or lacks a reading at a quarter-hour's edge.

    One longer than one and a half intervals lacks a reading; within a quarter-hour it is exact all the same.
    """
    elapsed = end - start
    misses = 2 * elapsed > 3 * rules.interval and start // QUARTER_US != (end - 1) // QUARTER_US
    return misses or elapsed > rules.gap


def rests(base: Level, at: int, value: int, amount: int, rules: Rules) -> bool:
    """Whether the register stands still over a plausible leg.

    The level of one that only rises was then the same all along, so that the leg is measured in all its parts, however
    long it is. A net one may have fallen and risen in between: it stands still only where no reading is missing.
    """
    if amount or kept_level(base, value, rules) != base.value or base.origin is not Origin.READING:
        return False
    return rules.kind is Kind.TOTAL_INCREASING or not is_estimated(base.at, at, rules)


def broken_leg(base: Level, first: Level, rules: Rules) -> Segment | None:
    """A break books its first value, estimated, only where a restart near zero explains it."""
    bound = bound_of(base, first.at, rules)
    nearer_zero = 2 * first.value < base.value
    if rules.kind is Kind.TOTAL_INCREASING and bound is not None and first.value <= bound and nearer_zero:
        return Segment(base.at, first.at, first.value, estimated=True)
    return None
