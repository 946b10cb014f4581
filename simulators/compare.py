"""Books against truth, per register and hour: what is right, estimated, held, missing, interpolated, or wrong.

A difference is honest where the books themselves say that they do not know: an estimated mark in that hour, an event
whose leg touches it, or seconds that are not covered. A leg that passes the hour's edge is split in proportion: between
readings that came as often as they should that is the register's own resolution (interpolated, and never more than the
leg); where one is missing at the edge and the books do not say so, it is `not_marked`, a silent error like every other.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter as Count
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Final, NamedTuple

from services.accounting.state import BASELINES
from services.model import HOUR_US, QUARTER_US, SECOND_US
from services.units import half_even

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from services.accounting.state import Segment

HOUR_S: Final = 3600
MISSED: Final = 3, 2
"""A leg of more than so many intervals (a fraction) misses a reading."""


class Judgement(StrEnum):
    """How an hour's figure stands to the truth."""

    RIGHT = "right"
    STEP = "within_a_step"
    ESTIMATED = "estimated"
    HELD = "event"
    MISSING = "not_covered"
    INTERPOLATED = "interpolated"
    UNMARKED = "not_marked"
    WRONG = "wrong"


@dataclass(frozen=True, kw_only=True)
class Books:
    """What is booked of one register: levels in thousandths after the multiplier, amounts in parts of a thousandth."""

    values: Mapping[int, int]
    """read_at → stored level."""
    doubts: Mapping[int, str]
    """read_at → outcome, of all readings that are not sound."""
    events: Sequence[tuple[str, int]]
    segments: Sequence[Segment]
    """What a fold of the stored readings books; those taken back left out."""
    bound: Callable[[int, int], int | None] = lambda _start, _end: None
    """The most that may flow between two moments by the policy."""
    ledger: Mapping[int, tuple[int, int, int, int]]
    """Quarter-hour → amount, estimated amount, covered and estimated seconds."""
    parts: int = 1
    """How many parts a thousandth has."""

    @property
    def baselines(self) -> list[int]:
        """Moments of the readings that count."""
        return sorted(at for at in self.values if at not in self.doubts or self.doubts[at] in BASELINES)


SILENT: Final = frozenset({Judgement.UNMARKED, Judgement.WRONG})
"""Differences that nothing in the books speaks of."""


class Untrue(NamedTuple):
    """From the last true reading before a meter went on with what is not so, until it told the truth again."""

    start: int
    end: int
    adds_up: bool
    """Whether each leg must add up all the same; else it must bear a mark."""


class HourFound(NamedTuple):
    """One hour: what is booked, what is true."""

    starts_us: int
    booked: int
    true: int
    judgement: Judgement


class LegFound(NamedTuple):
    """A booked leg that is not what flowed, and that no event explains."""

    start: int
    end: int
    booked: int
    true: int


class DayFound(NamedTuple):
    """A day whose row is not the sum of its hours, so that what is said of the hours does not hold for it."""

    day: date
    booked: int
    hours: int


class ReadingFound(NamedTuple):
    """A stored reading that is not what the meter would have shown, and the leg that it ended."""

    at: int
    stored: int
    true: int
    outcome: str
    leg: Segment | None = None
    bound: int | None = None
    """The most that the policy allows in the leg; None where it knows no maximum."""

    @property
    def is_trusted(self) -> bool:
        """Whether the books count it like any other."""
        return self.outcome == "sound"


@dataclass
class Compared:
    """All findings of one register."""

    hours: list[HourFound] = field(default_factory=list)
    legs: list[LegFound] = field(default_factory=list)
    readings: list[ReadingFound] = field(default_factory=list)
    days: list[DayFound] = field(default_factory=list)

    @property
    def counts(self) -> Count[Judgement]:
        """Hours by judgement."""
        return Count(hour.judgement for hour in self.hours)

    @property
    def is_silently_wrong(self) -> bool:
        """Whether something is wrong and nothing says so."""
        accepted = any(found.is_trusted for found in self.readings)
        return bool(self.legs or self.days) or accepted or any(hour.judgement in SILENT for hour in self.hours)


def compare(
    books: Books,
    hours: Sequence[int],
    from_us: int,
    step: int,
    interval_us: int,
    flowed: Callable[[int, int], int],
    shown: Callable[[int], int],
    untrue: Sequence[Untrue] = (),
) -> Compared:
    """Compare one register with the truth.

    Args:
        books: What is stored.
        hours: True thousandths of each hour from `from_us` on.
        from_us: A full hour.
        step: One step of the register in thousandths.
        interval_us: How often the register should be read.
        flowed: True thousandths between two moments.
        shown: The true level on the display at a moment.
        untrue: When the meter went on with what is not so.
    """
    until_us = from_us + len(hours) * HOUR_US
    baselines = books.baselines
    windows = list(_windows(books.events, baselines, until_us))
    found = Compared()
    ending = {segment.end: segment for segment in books.segments}
    for at, value in sorted(books.values.items()):
        if abs(value - shown(at)) > step and not any(each.start <= at < each.end for each in untrue):
            leg = ending.get(at)
            bound = None if leg is None else books.bound(leg.start, leg.end)
            found.readings.append(ReadingFound(at, value, shown(at), books.doubts.get(at, "sound"), leg, bound))
    doubtful = [(each.start, each.end) for each in untrue if not each.adds_up]
    for start, end, parts, estimated, _ in books.segments:
        true, amount = flowed(start, end), half_even(Fraction(parts, books.parts))
        said = [*windows, *doubtful] if estimated else windows
        if abs(amount - true) > step and not any(a < end and start < b for a, b in said):
            found.legs.append(LegFound(start, end, amount, true))
    marked = _hours_of(windows, from_us)
    passing = _passing(books, interval_us)
    for number, true in enumerate(hours):
        starts = from_us + number * HOUR_US
        rows = [books.ledger.get(starts + n * QUARTER_US, (0, 0, 0, 0)) for n in range(4)]
        booked = half_even(Fraction(sum(row[0] for row in rows), books.parts))
        judged = _judge(
            booked - true,
            rows,
            step,
            marked=number in marked,
            passing=[passing[edge] for edge in (starts, starts + HOUR_US) if edge in passing],
        )
        found.hours.append(HourFound(starts, booked, true, judged))
    return found


def rule_of(reading: ReadingFound) -> str:
    """The rule of DESIGN §4 that took a reading, in words."""
    if reading.leg is None:
        return f"taken as {reading.outcome}: the first of its register, or none that counts"
    seconds = (reading.leg.end - reading.leg.start) // SECOND_US
    limit = "the policy knows no maximum" if reading.bound is None else f"at most {reading.bound} may flow"
    return f"rule 2 took it, plausible: {reading.leg.amount} in {seconds} s, where {limit}"


def _judge(
    difference: int,
    rows: Sequence[tuple[int, int, int, int]],
    step: int,
    *,
    marked: bool,
    passing: Sequence[tuple[Fraction, bool]],
) -> Judgement:
    if abs(difference) <= step:
        return Judgement.STEP if difference else Judgement.RIGHT
    if any(row[3] for row in rows):
        return Judgement.ESTIMATED
    if marked or sum(row[2] for row in rows) < HOUR_S:
        return Judgement.HELD if marked else Judgement.MISSING
    if abs(difference) > sum(abs(amount) for amount, _ in passing):
        return Judgement.WRONG
    return Judgement.UNMARKED if any(misses for _, misses in passing) else Judgement.INTERPOLATED


def _windows(events: Iterable[tuple[str, int]], baselines: Sequence[int], until_us: int) -> Iterator[tuple[int, int]]:
    """From the reading that counts before an event to the one at or after it."""
    for _, at in events:
        before, after = bisect_left(baselines, at) - 1, bisect_left(baselines, at)
        start = baselines[before] if before >= 0 else at
        yield start, baselines[after] if after < len(baselines) else until_us


def _hours_of(windows: Iterable[tuple[int, int]], from_us: int) -> set[int]:
    return {
        number
        for start, end in windows
        for number in range((start - from_us) // HOUR_US, -(-(end - from_us) // HOUR_US))
    }


def _passing(books: Books, interval_us: int) -> dict[int, tuple[Fraction, bool]]:
    """Hour's edge → the amount of the leg that passes it, and whether a reading is missing there."""
    times, parts = MISSED
    return {
        edge: (Fraction(segment.amount, books.parts), parts * (segment.end - segment.start) > times * interval_us)
        for segment in books.segments
        for edge in range((segment.start // HOUR_US + 1) * HOUR_US, segment.end, HOUR_US)
    }
