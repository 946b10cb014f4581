"""The hot path of the fold: a rise within the bound, nothing held, one version of rules and no acts.

A standstill that is long enough to be looked at is left to the fold.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import chain
from operator import sub
from typing import TYPE_CHECKING, Any, Final

from services.accounting.legs import is_estimated
from services.accounting.policy import HOUR_BOUND
from services.accounting.state import Level, Segment
from services.model import QUARTER_US

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from fractions import Fraction

    from services.accounting.policy import Rules
    from services.accounting.state import Effects, State

STRETCH: Final = 8
"""From so many readings on it is cheaper to ask for all of them together."""


def book_plain(
    rules: Rules, state: State, effects: Effects, times: Sequence[int], raws: Sequence[int | Fraction], start: int
) -> int:
    """Take the readings (times[i], raws[i]) from the place `start` on until one is not plain; gives its place.

    What `judge` would say is the same, asked in one go; legs within one quarter-hour are booked as one segment.
    """
    if state.base is None or state.runs or state.base.origin:
        return start
    if not start and len(times) >= STRETCH and _book_stretch(rules, state, effects, times, raws):
        return len(times)
    multiplier, hourly, slack, step = rules.times, rules.hourly_bound, rules.slack, rules.step
    ceiling, gap, still, book = rules.ceiling, rules.gap, rules.still, effects.segments.append
    at, value, _ = state.base
    flat_at = state.shown_since
    before_at, before_value = from_at, from_value = at, value
    together_until = (at // QUARTER_US + 1) * QUARTER_US
    place = start
    for place in range(start, len(times)):
        next_at, raw = times[place], raws[place]
        if raw.__class__ is not int:
            break
        level = raw * multiplier  # type: ignore[operator]  # plain rules have an integer
        amount, elapsed = level - value, next_at - at
        bound = hourly * (elapsed + slack) // HOUR_BOUND + step
        if amount < 0 or level >= ceiling or not amount <= bound < amount + ceiling or next_at - flat_at > still:
            break
        if next_at > together_until or elapsed > gap:
            if from_at != at:
                book(Segment(from_at, at, value - from_value, estimated=False))
            book(Segment(at, next_at, amount, amount > 0 and is_estimated(at, next_at, rules)))
            from_at, from_value = next_at, level
            together_until = (next_at // QUARTER_US + 1) * QUARTER_US
        before_at, before_value, at, value = at, value, next_at, level
        flat_at = next_at if amount else flat_at
    else:
        place = len(times)
    if from_at != at:
        book(Segment(from_at, at, value - from_value, estimated=False))
    if place > start:
        state.previous, state.base, state.flat_at = Level(before_at, before_value), Level(at, value), flat_at
    return place


def _book_stretch(
    rules: Rules, state: State, effects: Effects, times: Sequence[int], raws: Sequence[int | Fraction]
) -> bool:
    """Take all the readings if the extremes of their rises and intervals show each to be plain and none estimated.

    False, and nothing is booked, where they do not show it.
    """
    base = state.base
    assert base is not None  # noqa: S101 - asked by the caller
    levels: Sequence[Any] = raws if rules.times == 1 else [raw * rules.times for raw in raws]  # type: ignore[operator]
    rises = list(map(sub, levels, chain((base.value,), levels)))
    if sum(rises).__class__ is not int:  # a Fraction among them makes a Fraction of the sum
        return False
    waits = list(map(sub, times, chain((base.at,), times)))
    longest = max(waits)
    if min(rises) < 0 or levels[-1] >= rules.ceiling or 2 * longest > 3 * rules.interval or longest > rules.gap:
        return False
    least, most = rules.bound(min(waits)), rules.bound(longest)
    if least is None or most is None or max(rises) > least or most >= rules.ceiling:
        return False
    flat_at = state.shown_since
    if times[-1] - flat_at > rules.still and _stands_long(flat_at, times, rises, rules.still):
        return False
    _book_quarters(base, times, levels, effects.segments.append)
    state.previous, state.base = Level(times[-2], levels[-2]), Level(times[-1], levels[-1])
    state.flat_at = _shown_since(flat_at, times, rises)
    return True


def _stands_long(flat_at: int, times: Sequence[int], rises: Sequence[int], still: int) -> bool:
    """Whether the register stands still somewhere for longer than is passed over."""
    for at, rise in zip(times, rises, strict=True):
        if at - flat_at > still:
            return True
        if rise:
            flat_at = at
    return False


def _shown_since(flat_at: int, times: Sequence[int], rises: Sequence[int]) -> int:
    """Since when the last level is shown: nearly always since the last reading."""
    last = len(rises) - 1
    while last >= 0 and not rises[last]:
        last -= 1
    return times[last] if last >= 0 else flat_at


def _book_quarters(base: Level, times: Sequence[int], levels: Sequence[int], book: Callable[[Segment], None]) -> None:
    """Book the legs within each quarter-hour as one, and those that pass its edge alone."""
    place, (at, value, _) = 0, base
    while place < len(times):
        edge = (at // QUARTER_US + 1) * QUARTER_US
        beyond = bisect_right(times, edge, place)
        until = max(beyond - 1, place)  # none before the edge: the next one passes it
        book(Segment(at, times[until], levels[until] - value, estimated=False))
        place, at, value = until + 1, times[until], levels[until]
