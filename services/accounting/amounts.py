"""Registers that do not count: amounts of intervals, and momentary values integrated over time.

Both book in `units.PARTS` of a thousandth, so that nothing is rounded before it is summed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.accounting.state import Event, EventKind, Level, Outcome, Segment, State, Verdict
from services.accounting.suspicion import scale_beside
from services.units import MICRO

if TYPE_CHECKING:
    from fractions import Fraction

    from services.accounting.policy import Rules
    from services.accounting.state import Effects


def take_interval(
    at: int, raw: int | Fraction, rules: Rules, state: State, effects: Effects, *, accepted: bool
) -> None:
    """Take the amount of an interval; `accepted`: it was held and is declared to be true.

    The baseline's instant is the end of the last interval booked. A stamp within the tolerance of it means that very
    boundary. What overlaps an earlier interval is held; what is released in spite of it covers only what is new.
    """
    value, end = rules.fine_level(raw), at + rules.shift
    start, base = end - rules.interval, state.base
    if base is not None and abs(start - base.at) <= rules.tolerance:
        start = base.at
    if not accepted:
        if base is not None and start < base.at and abs(end - base.at) <= rules.tolerance and value == base.value:
            effects.verdicts[at] = Verdict(Outcome.REPEATED)
            return
        bound = rules.bound(rules.interval)
        is_too_much = bound is not None and value > bound * MICRO
        if value < 0 or is_too_much or (base is not None and start < base.at):
            _hold(at, value, base, effects)
            return
    if base is not None:
        start = max(start, base.at)
    effects.segments.append(Segment(min(start, end), end, rules.parts(raw), estimated=False))
    effects.verdicts[at] = Verdict(Outcome.RELEASED if accepted else Outcome.SOUND)
    state.base = Level(end if base is None else max(end, base.at), value)


def take_measurement(
    at: int, raw: int | Fraction, rules: Rules, state: State, effects: Effects, *, accepted: bool
) -> None:
    """Take a momentary value; where it is integrated, the trapezoid from the one before is booked, estimated.

    Nothing is booked across a gap. Millionths × µs are PARTS: see there.
    """
    value, base = rules.fine_level(raw), state.base
    if not accepted and rules.max_rate is not None:
        most = rules.max_rate * 21 // 20 + rules.step
        if abs(value) > most * MICRO:
            _hold(at, value, base, effects)
            return
    if rules.integrate and base is not None and at - base.at <= rules.gap:
        amount = (base.value + value) * (at - base.at)
        effects.segments.append(Segment(base.at, at, amount, estimated=True))
    effects.verdicts[at] = Verdict(Outcome.RELEASED if accepted else Outcome.SOUND)
    state.base = Level(at, value)


def _hold(at: int, value: int, base: Level | None, effects: Effects) -> None:
    effects.verdicts[at] = Verdict(Outcome.HELD)
    effects.events[EventKind.HELD, at] = Event(suspect=scale_beside(base, value))
