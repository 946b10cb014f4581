"""The acts that an operator enters for what somebody told of."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from services.accounting.policy import Act
from services.model import ActKind
from simulators.incidents import What
from simulators.mistold import scale_of, scaled_steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulators.incidents import Incident
    from simulators.points import Counter


def acts_of(incident: Incident, counter: Counter, every_us: int) -> Iterator[Act]:
    """What is declared of a reset, a swap, or another scale that comes and goes."""
    at, resolution = incident.from_us, counter.point.resolution
    if incident.kind is What.RESET_TOLD:
        yield Act(ActKind.RESET, at)
    elif incident.kind is What.SWAP_TOLD:
        final, start = counter.shown_before(at) * resolution, counter.shown_steps(at) * resolution
        yield Act(ActKind.REPLACEMENT, at, final=final, start=start)
    else:
        yield from _rescaled(incident, counter, incident.from_us - every_us // 3, begins=True)
        yield from _rescaled(incident, counter, incident.until_us - every_us // 3, begins=False)


def _rescaled(incident: Incident, counter: Counter, at: int, *, begins: bool) -> Iterator[Act]:
    """Another display, and what one of its steps is: the replacement says both levels."""
    point, true, other = counter.point, counter.shown_steps(at), scaled_steps(incident, counter, at)
    final, start = (true, other) if begins else (other, true)
    scale = scale_of(incident)
    multiplier = point.multiplier * scale.denominator / Decimal(scale.numerator) if begins else point.multiplier
    yield Act(ActKind.REPLACEMENT, at, final=final * point.resolution, start=start * point.resolution)
    yield Act(ActKind.MULTIPLIER, at, value=multiplier)
