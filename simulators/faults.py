"""Faults on purpose, after "What real meters do": a pure function of seed and tick, each one recorded.

Every `CYCLE` ticks each kind happens once, to a meter drawn from the seed. None of them changes what is true: a false
zero is held and settled by the next reading, a duplicate is found again, a late reading is folded in, a bad payload is
rejected beside its good neighbours.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from services.model import QUARTER_US, Kind, iso
from simulators.points import Counter
from simulators.sample import Message, Sample, meter_message, meter_topic, registers_json

if TYPE_CHECKING:
    from simulators.feed import Feed
    from simulators.fleet import Fleet, Meter

CYCLE: Final = 30
LATE_TICKS: Final = 2
FAR: Final = 100
"""Steps above zero from which on a zero is no noise."""


class FaultKind(StrEnum):
    """What happens."""

    DUPLICATE = "duplicate"
    FALSE_ZERO = "false_zero"
    LATE = "late"
    NO_ZONE = "no_zone"
    NOT_A_NUMBER = "not_a_number"
    UNKNOWN_REGISTER = "unknown_register"
    BROKEN_JSON = "broken_json"


SCHEDULE: Final = {
    3: FaultKind.FALSE_ZERO,
    6: FaultKind.DUPLICATE,
    8: FaultKind.BROKEN_JSON,
    10: FaultKind.LATE,
    14: FaultKind.NO_ZONE,
    18: FaultKind.NOT_A_NUMBER,
    22: FaultKind.UNKNOWN_REGISTER,
}
"""Tick within the cycle → what happens then."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault that was published."""

    kind: FaultKind
    enterprise: str
    meter: str
    read_at_us: int


@dataclass
class Saboteur:
    """Disturbs the ticks of a fleet and remembers how."""

    fleet: Fleet | Feed
    seed: int
    happened: list[Fault] = field(default_factory=list)
    _withheld: dict[int, list[Message]] = field(default_factory=lambda: defaultdict(list))

    def tick(self, number: int, at_us: int) -> list[Message]:
        """The messages of tick `number` (counted from 0), disturbed where the schedule says so.

        Quarter-hours stay undisturbed: a later backfill sends them again, and they must agree.
        """
        late = self._withheld.pop(number, [])
        kind = SCHEDULE.get(number % CYCLE)
        victims = self._victims(kind, at_us) if kind is not None and at_us % QUARTER_US else []
        if not victims or kind is None:
            return [*self.fleet.tick(at_us), *late]
        victim = random.Random(f"{self.seed}/{number}").choice(victims)
        messages = self.fleet.tick(at_us, without=victim)
        self.happened.append(Fault(kind, victim.enterprise, victim.code, at_us))
        return [*messages, *self._disturbed(kind, victim, number, at_us), *late]

    def rest(self) -> list[Message]:
        """What is still withheld, at the end."""
        return [message for messages in self._withheld.values() for message in messages]

    def _victims(self, kind: FaultKind, at_us: int) -> list[Meter]:
        meters = [meter for meter in self.fleet.meters if not meter.keeps_time and meter.sample(at_us).registers]
        if kind is FaultKind.FALSE_ZERO:
            return [meter for meter in meters if _zeroable(meter, at_us)]
        if kind is FaultKind.NO_ZONE:  # a meter whose zone is declared may leave it out
            return [meter for meter in meters if all(d.point.naive_zone is None for d in meter.displays.values())]
        return meters

    def _disturbed(self, kind: FaultKind, meter: Meter, number: int, at_us: int) -> list[Message]:
        """What arrives of the victim's message in this tick."""
        good = meter.message(at_us)
        if kind is FaultKind.LATE:
            self._withheld[number + LATE_TICKS].append(good)
            return []
        if kind is FaultKind.DUPLICATE:
            return [good, good]
        if kind is FaultKind.FALSE_ZERO:
            return [_false_zero(meter, at_us)]
        return [good, _spoilt(kind, meter, meter.sample(at_us))]


def _zeroable(meter: Meter, at_us: int) -> bool:
    """Whether a zero is false beyond doubt: registers only, and none of them near zero or near its rollover."""
    counting = [display for display in meter.displays.values() if isinstance(display, Counter)]
    return bool(counting) and all(_far_from_zero(counter, at_us) for counter in counting)


def _far_from_zero(counter: Counter, at_us: int) -> bool:
    point, value = counter.point, counter.displayed(at_us)
    if point.kind is not Kind.TOTAL_INCREASING or point.max_rate is None or value is None:
        return False
    return value > FAR * point.resolution and (point.modulus is None or 2 * value < point.modulus)


def _false_zero(meter: Meter, at_us: int) -> Message:
    """All counting registers read 0, as after a reboot; the next reading is right again."""
    values = meter.sample(at_us).registers
    zeroed = {code: Decimal(0) if meter.displays[code].point.counts else value for code, value in values.items()}
    return meter_message(meter.enterprise, meter.code, [Sample(at_us, zeroed)])


def _spoilt(kind: FaultKind, meter: Meter, sample: Sample) -> Message:
    """A message that is rejected, or half of it; it comes one microsecond after the good one, never in its place."""
    at = iso(sample.read_at_us + 1)
    values = registers_json(sample.registers)
    first = next(iter(sample.registers))
    texts = {
        FaultKind.NO_ZONE: f'{{"read_at": "{at.removesuffix("Z")}", "registers": {values}}}',
        FaultKind.NOT_A_NUMBER: f'{{"read_at": "{at}", "registers": {{"{first}": "unavailable"}}}}',
        FaultKind.UNKNOWN_REGISTER: f'{{"read_at": "{at}", "registers": {{"no-such": 1}}}}',
        FaultKind.BROKEN_JSON: f'{{"read_at": "{at}", "registers": {{"{first}": ',
    }
    return Message(meter_topic(meter.enterprise, meter.code), texts[kind].encode())
