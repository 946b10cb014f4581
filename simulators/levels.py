"""What a meter displays after a reset, after a swap, and so that it passes its modulus at a chosen moment."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from simulators.incidents import Incident, What, apart_us, counting, is_false, reach
from simulators.loads import EPOCH_US
from simulators.points import Counter, Mark

if TYPE_CHECKING:
    from simulators.fleet import Fleet


def set_displays(fleet: Fleet, incident: Incident, every_us: int) -> None:
    """Set the displays of the meter that an incident hits, from its first moment on; in order of time."""
    for meter in fleet.meters:
        if incident.hits(meter.enterprise, meter.code):
            for counter in counting(meter):
                counter.marks.append(_mark(incident, counter, every_us))
                counter.marks.sort()


def _mark(incident: Incident, counter: Counter, every_us: int) -> Mark:
    at, modulus = incident.from_us, counter.modulus_steps
    if incident.kind is What.ROLLOVER and modulus is not None:
        return Mark(EPOCH_US, -counter.steps(at) % modulus)  # where it must have started
    if incident.kind in {What.RESET, What.RESET_TOLD}:
        return Mark(at, 0)
    return Mark(at, _of_another_meter(incident, counter, every_us))


def _of_another_meter(incident: Incident, counter: Counter, every_us: int) -> int:
    """Where the new meter stands: nowhere that could be taken for the old one's next reading."""
    rng = random.Random(f"{incident}/{counter.point.key}")
    most = counter.modulus_steps or 1000 * reach(counter, apart_us(every_us)) + 1_000_000
    while True:
        steps = rng.randrange(most)
        if is_false(counter, steps, incident.from_us, every_us):
            return steps
