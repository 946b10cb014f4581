"""Books against truth, per register and hour: what is right, estimated, held, missing, interpolated, or wrong.

A difference is honest where the books themselves say that they do not know: an estimated mark in that hour, an event
whose leg touches it, or seconds that are not covered. One more kind is only half said: a leg within the register's
gap that passes the hour's edge without a reading there is split in proportion; only completeness shows it, so it is
counted apart and must not be more than the leg. Everything else is a silent error.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter as Count
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from services.accounting.state import BASELINES
from services.model import HOUR_US, QUARTER_US

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from services.accounting.state import Segment

HOUR_S: Final = 3600


class Judgement(StrEnum):
    """How an hour's figure stands to the truth."""

    RIGHT = "right"
    STEP = "within_a_step"
    ESTIMATED = "estimated"
    HELD = "event"
    MISSING = "not_covered"
    INTERPOLATED = "interpolated"
    WRONG = "wrong"


@dataclass(frozen=True, kw_only=True)
class Books:
    """What the database holds of one register; thousandths after the multiplier."""

    values: Mapping[int, int]
    """read_at → stored level."""
    doubts: Mapping[int, str]
    """read_at → outcome, of all readings that are not sound."""
    events: Sequence[tuple[str, int]]
    segments: Sequence[Segment]
    """What a fold of the stored readings books; those taken back left out."""
    ledger: Mapping[int, tuple[int, int, int, int]]
    """Quarter-hour → amount, estimated amount, covered and estimated seconds."""

    @property
    def baselines(self) -> list[int]:
        """Moments of the readings that count."""
        return sorted(at for at in self.values if at not in self.doubts or self.doubts[at] in BASELINES)


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
    """A stored reading that is not what the meter would have shown."""

    at: int
    stored: int
    true: int
    outcome: str


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
        accepted = any(found.outcome == "sound" for found in self.readings)
        return bool(self.legs or self.days) or accepted or self.counts[Judgement.WRONG] > 0


def compare(
    books: Books,
    hours: Sequence[int],
    from_us: int,
    step: int,
    flowed: Callable[[int, int], int],
    shown: Callable[[int], int],
) -> Compared:
    """Compare one register with the truth.

    Args:
        books: What is stored.
        hours: True thousandths of each hour from `from_us` on.
        from_us: A full hour.
        step: One step of the register in thousandths.
        flowed: True thousandths between two moments.
        shown: The true level on the display at a moment.
    """
    until_us = from_us + len(hours) * HOUR_US
    baselines = books.baselines
    windows = list(_windows(books.events, baselines, until_us))
    found = Compared()
    found.readings = [
        ReadingFound(at, value, shown(at), books.doubts.get(at, "sound"))
        for at, value in sorted(books.values.items())
        if abs(value - shown(at)) > step
    ]
    for start, end, amount, _, _ in books.segments:
        true = flowed(start, end)
        if abs(amount - true) > step and not any(a < end and start < b for a, b in windows):
            found.legs.append(LegFound(start, end, amount, true))
    marked = _hours_of(windows, from_us)
    passing = _passing(books.segments)
    for number, true in enumerate(hours):
        starts = from_us + number * HOUR_US
        rows = [books.ledger.get(starts + n * QUARTER_US, (0, 0, 0, 0)) for n in range(4)]
        booked = sum(row[0] for row in rows)
        judged = _judge(
            booked - true,
            rows,
            step,
            marked=number in marked,
            passing=passing.get(starts, 0) + passing.get(starts + HOUR_US, 0),
        )
        found.hours.append(HourFound(starts, booked, true, judged))
    return found


def _judge(
    difference: int, rows: Sequence[tuple[int, int, int, int]], step: int, *, marked: bool, passing: int
) -> Judgement:
    if not difference:
        return Judgement.RIGHT
    if abs(difference) <= step:
        return Judgement.STEP
    if any(row[3] for row in rows):
        return Judgement.ESTIMATED
    if marked:
        return Judgement.HELD
    if sum(row[2] for row in rows) < HOUR_S:
        return Judgement.MISSING
    return Judgement.INTERPOLATED if abs(difference) <= passing else Judgement.WRONG


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


def _passing(segments: Iterable[Segment]) -> dict[int, int]:
    """Hour's edge → the amount of the leg that passes it."""
    return {
        edge: segment.amount
        for segment in segments
        for edge in range((segment.start // HOUR_US + 1) * HOUR_US, segment.end, HOUR_US)
    }
