"""Stretches in which a meter goes on and on with what is not true: stuck values, another scale, a clock that is behind.

How far off it is follows from the incident alone.
"""

from __future__ import annotations

import random
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from services.model import HOUR_US, SECOND_US
from simulators.incidents import Incident, What, apart_us, counting, is_false, reach
from simulators.sample import Sample

if TYPE_CHECKING:
    from simulators.fleet import Meter
    from simulators.points import Counter

SCALES: Final = tuple(Fraction(*each) for each in ((1, 10), (10, 1), (1, 1000), (1000, 1), (36, 10), (10, 36)))
"""A tenth, ten times, MWh for kWh, Wh for kWh, MJ for kWh and back."""
TOLD_SCALES: Final = (Fraction(10), Fraction(1000))
"""Those that leave no digit out and make the multiplier a decimal that ends."""
HALF_HOUR_US: Final = HOUR_US // 2
LAGS: Final = (11, 13, 16, 18)
"""Half-hours: UTC taken for the time of India, Myanmar, China and Japan."""
SOON: Final = 4
"""Ticks after a meter is back within which it must count: a level that stands still again is no evidence."""
TELLING_STEPS: Final = 40
"""A register must show more steps than these in another scale."""
JITTER_S: Final = 20
JITTER_PART: Final = 10
"""A stamp is off by at most so many seconds, and by this part of the interval: two that are off still touch."""


def scale_of(incident: Incident) -> Fraction:
    """What a value is multiplied with on the display."""
    return _drawn(incident).choice(SCALES if incident.kind is What.SCALE else TOLD_SCALES)


def lag_us(incident: Incident) -> int:
    """How much too early the stamps are."""
    return _drawn(incident).choice(LAGS) * HALF_HOUR_US


def jittered(incident: Incident, meter: Meter, sample: Sample) -> Sample:
    """The reading with a stamp that is some seconds off."""
    interval_us = min(display.point.interval_us for display in meter.displays.values())
    most = min(JITTER_S, interval_us // (JITTER_PART * SECOND_US))
    off = random.Random(f"{incident}/{sample.read_at_us}").randint(-most, most)
    return sample._replace(read_at_us=sample.read_at_us + off * SECOND_US)


def stuck(incident: Incident, meter: Meter, at_us: int, every_us: int) -> Sample:
    """What the meter last said before the incident, with a new stamp."""
    return meter.sample(incident.from_us - every_us)._replace(read_at_us=at_us)


def scaled(incident: Incident, meter: Meter, at_us: int) -> Sample:
    """A reading whose counting registers show another scale."""
    values = meter.sample(at_us).registers
    for counter in counting(meter):
        values[counter.point.key.register] = scaled_steps(incident, counter, at_us) * counter.point.resolution
    return Sample(at_us, values)


def scaled_steps(incident: Incident, counter: Counter, at_us: int) -> int:
    """What a counter shows in another scale, in steps; rollovers of the display taken off."""
    steps, modulus = int(counter.shown_steps(at_us) * scale_of(incident)), counter.modulus_steps
    return steps if modulus is None else steps % modulus


def is_tellable(incident: Incident, meter: Meter, every_us: int) -> bool:
    """Whether the meter's own policy can tell at all that what it says is not true."""
    tellable = {
        What.STUCK: _stands_out,
        What.SCALE: _changes_scale,
        What.SCALE_TOLD: _keeps_within_its_modulus,
        What.CLOCK_BEHIND: _jumps,
    }[incident.kind]
    return all(tellable(incident, counter, every_us) for counter in counting(meter))


def _stands_out(incident: Incident, counter: Counter, every_us: int) -> bool:
    """A standstill longer than believable; or one whose end no single reading can bring, after which it counts."""
    flat_us, last = counter.point.flat_us, incident.from_us - every_us
    if flat_us is not None and incident.until_us - last > flat_us + 2 * every_us:
        return True
    soon = incident.until_us + SOON * every_us
    counts_again = counter.steps(soon) > counter.steps(incident.until_us)
    return counts_again and is_false(counter, counter.shown_steps(last), incident.until_us, every_us)


def _changes_scale(incident: Incident, counter: Counter, every_us: int) -> bool:
    """Out of what can be counted, and with digits enough: a display of some steps looks like one that began anew."""
    ends = (incident.from_us, incident.until_us)
    shown = [scaled_steps(incident, counter, at) for at in ends]
    return (
        _keeps_within_its_modulus(incident, counter, every_us)
        and min(shown) > TELLING_STEPS
        and all(is_false(counter, steps, at, every_us) for steps, at in zip(shown, ends, strict=True))
    )


def _keeps_within_its_modulus(incident: Incident, counter: Counter, every_us: int) -> bool:
    modulus = counter.modulus_steps
    return modulus is None or 4 * reach(counter, apart_us(every_us)) * scale_of(incident) < modulus


def _jumps(incident: Incident, counter: Counter, every_us: int) -> bool:
    """Whether the first stamp that is not taken yet shows more than can have flowed, of a register that counts.

    Out of a standstill such a clock looks like a gateway that repeated its last value, and in one its readings are no
    evidence: only that they come late tells it.
    """
    ahead = incident.from_us + lag_us(incident)
    ends = ((incident.from_us - 2 * every_us, incident.from_us - every_us), (ahead, ahead + SOON * every_us))
    counts = all(counter.steps(until) > counter.steps(since) for since, until in ends)
    return counts and is_false(counter, counter.shown_steps(ahead), incident.from_us, every_us)


def _drawn(incident: Incident) -> random.Random:
    return random.Random(f"{incident.kind}/{incident.enterprise}/{incident.meter}/{incident.from_us}")
