"""The hot path of the fold: a rise within the bound, nothing held, one version of rules and no acts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.accounting.legs import is_estimated
from services.accounting.policy import HOUR_BOUND
from services.accounting.state import Level, Segment
from services.model import QUARTER_US

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from services.accounting.policy import Rules
    from services.accounting.state import Effects, State


def book_plain(
    rules: Rules, state: State, effects: Effects, readings: Sequence[tuple[int, int | Fraction]], start: int
) -> int:
    """Take readings (`at`, raw) from the place `start` on until one is not plain; gives its place.

    What `judge` would say is the same, asked in one go; legs within one quarter-hour are booked as one segment.
    """
    if state.base is None or state.runs or state.base.origin:
        return start
    times, hourly, slack, step = rules.times, rules.hourly_bound, rules.slack, rules.step
    ceiling, gap, book = rules.ceiling, rules.gap, effects.segments.append
    at, value, _ = state.base
    before_at, before_value = from_at, from_value = at, value
    together_until = (at // QUARTER_US + 1) * QUARTER_US
    place = start
    for place in range(start, len(readings)):
        next_at, raw = readings[place]
        if raw.__class__ is not int:
            break
        level = raw * times  # type: ignore[operator]  # plain rules have an integer
        amount, elapsed = level - value, next_at - at
        bound = hourly * (elapsed + slack) // HOUR_BOUND + step
        if amount < 0 or level >= ceiling or not amount <= bound < amount + ceiling:
            break
        if next_at > together_until or elapsed > gap:
            if from_at != at:
                book(Segment(from_at, at, value - from_value, estimated=False))
            book(Segment(at, next_at, amount, is_estimated(at, next_at, rules)))
            from_at, from_value = next_at, level
            together_until = (next_at // QUARTER_US + 1) * QUARTER_US
        before_at, before_value, at, value = at, value, next_at, level
    else:
        place = len(readings)
    if from_at != at:
        book(Segment(from_at, at, value - from_value, estimated=False))
    if place > start:
        state.previous, state.base = Level(before_at, before_value), Level(at, value)
    return place
