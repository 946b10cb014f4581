"""What goes wrong with meters and networks, after "What real meters do": the kinds, and what a false value is.

An incident disturbs what is displayed, what arrives or how it is written; it never changes what really flowed.
Values are only falsified where the false one cannot be true by the register's own policy: what nobody could tell
from the truth is no test.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from services.model import HOUR_US, Kind
from simulators.points import Counter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulators.fleet import Meter

WITHIN: Final = 8
"""A false value must be out of reach of this many ticks at the highest rate."""


class What(StrEnum):
    """What happens to a meter; the comments say what must come of it."""

    FALSE_ZERO = "false_zero"  # 1: some readings of zero after a reboot: held, then false
    SPIKE = "spike"  # 4: one reading far off: held
    ALL_ONES = "all_ones"  # 4: 0xFFFFFF: held
    NOISE = "noise"  # 5: one step too low
    RESET = "reset"  # 2: counts from zero again, nobody says so: break
    RESET_TOLD = "reset_told"  # 2: an act declares it
    SWAP = "swap"  # 2: another meter, nobody says so: break
    SWAP_TOLD = "swap_told"  # 2: an act declares both values
    ROLLOVER = "rollover"  # 3: passes its modulus: booked
    UNDECIDABLE = "undecidable"  # 3: an outage in which it could have passed its modulus more than once: held
    DUPLICATE = "duplicate"  # 6: at once, and hours later
    LATE = "late"  # 6: one reading, after others
    OUTAGE = "outage"  # 6: buffered, comes in a burst
    NEWEST_FIRST = "newest_first"  # 6: buffered, comes backwards
    LIVE_FIRST = "live_first"  # 6: a live reading before the backlog
    LOST = "lost"  # an outage without a buffer: estimated
    NETWORK = "network"  # the whole enterprise is cut off; gateway batches come afterwards
    RETAINED = "retained"  # 7: retained by the broker, and sent again
    CONFLICT = "conflict"  # another value for a moment that is stored: rejected
    NO_ZONE = "no_zone"  # 8: rejected, but where the meter's zone is declared
    FUTURE = "future"  # 8: rejected
    YEAR_1970 = "year_1970"  # 8: rejected
    MILLISECONDS = "milliseconds"  # 8: epoch milliseconds: read rightly
    SECONDS = "seconds"  # 8: epoch seconds: read rightly
    NEIGHBOUR = "neighbour"  # 9: interval energies beside the register: rejected, the register is read
    NULL = "null"  # 10: rejected, never zero; so are the others
    UNAVAILABLE = "unavailable"
    NOT_A_NUMBER = "not_a_number"
    EMPTY = "empty"
    BROKEN_JSON = "broken_json"
    STUCK = "stuck"  # a gateway lost its meter: the last value with new stamps, for hours; booked as estimated
    SCALE = "scale"  # another firmware, later put right again: a tenth, Wh for kWh, MJ for kWh: suspected
    SCALE_TOLD = "scale_told"  # acts declare both changes: booked
    CLOCK_BEHIND = "clock_behind"  # stamps too early by whole half-hours
    JITTER = "jitter"  # an interval meter stamps some seconds late or early: booked, nothing lost


LEVELS: Final = frozenset({What.RESET, What.RESET_TOLD, What.SWAP, What.SWAP_TOLD, What.ROLLOVER})
"""Kinds that change what a meter displays for good."""
TOLD: Final = frozenset({What.RESET_TOLD, What.SWAP_TOLD, What.SCALE_TOLD})
"""Kinds that an operator declares."""
FALSIFIED: Final = frozenset({What.FALSE_ZERO, What.SPIKE, What.ALL_ONES, What.CONFLICT})
LASTING: Final = frozenset({What.STUCK, What.SCALE, What.SCALE_TOLD, What.CLOCK_BEHIND})
"""Kinds under which a meter goes on for hours with what is not so."""
BUFFERED: Final = frozenset({What.OUTAGE, What.NEWEST_FIRST, What.LIVE_FIRST, What.NETWORK})
OUTAGES: Final = BUFFERED | {What.LOST}


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that goes wrong in [from, until); `meter` empty: all of the enterprise."""

    kind: What
    enterprise: str
    meter: str
    from_us: int
    until_us: int

    def hits(self, enterprise: str, meter: str) -> bool:
        """Whether it happens to this meter."""
        return self.enterprise == enterprise and self.meter in {"", meter}


def counting(meter: Meter) -> Iterator[Counter]:
    """The registers of a meter that only rise."""
    for display in meter.displays.values():
        if isinstance(display, Counter) and display.point.kind is Kind.TOTAL_INCREASING:
            yield display


def apart_us(every_us: int) -> int:
    """The span within which no true rise may explain a false value; the policy's slack counts as well."""
    return max(WITHIN * every_us, HOUR_US)


def reach(counter: Counter, span_us: int) -> int:
    """The most steps that can flow in a span, generously."""
    point = counter.point
    amount = Fraction(point.max_rate or 0) * point.unit_size * span_us / HOUR_US
    return int(amount / Fraction(counter.amount(1))) + 2


def false_steps(kind: What, counter: Counter, at_us: int) -> int:
    """What a counter falsely shows, in steps."""
    shown, modulus = counter.shown_steps(at_us), counter.modulus_steps
    if kind is What.FALSE_ZERO:
        return 0
    if kind is What.ALL_ONES:
        return int(Fraction(0xFFFFFF) / Fraction(counter.point.resolution))
    far = 1_000_000 + 50 * reach(counter, HOUR_US)
    return shown + far if modulus is None else (shown + modulus // 2) % modulus


def is_false(counter: Counter, steps: int, at_us: int, every_us: int) -> bool:
    """Whether `steps` cannot be true by the policy, some ticks before or after this moment."""
    shown, far = counter.shown_steps(at_us), reach(counter, apart_us(every_us))
    modulus = counter.modulus_steps
    if modulus is None:
        return abs(steps - shown) > far
    if steps >= modulus:
        return True
    return far < (steps - shown) % modulus < modulus - far
