"""What a fold says, as a person reads it: intervals of one grain, each reading's outcome, events."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo

from services.accounting.split import split
from services.accounting.state import BASELINES, Outcome, Segment, State, Verdict
from services.days import day_ends, day_of
from services.model import HOUR_US, QUARTER_US, SECOND_US, from_us, iso, to_us
from services.units import MILLI, half_even

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from services.accounting.state import Effects, Event, EventKind
    from tanfeng.energy.listing import Listing, Row

GRAINS: Final = ("segments", "15m", "1h", "1d")

_WHY: Final = {
    Outcome.SOUND: "",
    Outcome.NOISE: "略有回落，属抖动，不计电量 / fell within the noise: no energy, the higher level is kept",
    Outcome.CONFIRMED: "先存疑，后被后续读数证实 / held at first, confirmed by the readings that followed",
    Outcome.RESTART: "表计归零重新计数 / the register restarted",
    Outcome.CLOSING: "旧表的最后读数 / the old meter's last reading",
    Outcome.OUT_OF_RANGE: "超出寄存器量程，不作为依据 / outside the register's range, never evidence",
    Outcome.OVERRULED: "后续读数证明此读数有误，已撤销 / overruled: the readings that followed prove it false",
    Outcome.IGNORED: "按申明忽略 / ignored by declaration",
    Outcome.REPEATED: "同一时段的用量重复，只计一次 / the amount of the same interval once more counts once",
    Outcome.RELEASED: "原存疑，按申明采信 / held at first, accepted by declaration",
}
_PENDING: Final = "与前一读数不相容，等待后续读数判定 / not plausible after the reading before; waits for the next ones"
_FALSE: Final = "与前后读数不相容，判为误读 / false: not plausible between the readings around it"
_WORD: Final = {
    **dict.fromkeys((*BASELINES, Outcome.RELEASED), "accepted"),
    Outcome.REPEATED: "duplicate",
}
"""What a reading's outcome is called; `held` where nothing stands here."""


class Interval(NamedTuple):
    """One interval's energy in the policy's unit and how much of it is covered, in seconds."""

    starts_at: int
    amount: int
    estimated: int
    covered_s: int
    estimated_s: int

    def record(self, parts: int) -> dict[str, str | int]:
        """As JSON has it: decimals as strings; `parts` of a thousandth are what the amounts count."""
        return {
            "starts_at": iso(self.starts_at),
            "amount": amount_text(self.amount, parts),
            "estimated": amount_text(self.estimated, parts),
            "covered_s": self.covered_s,
            "estimated_s": self.estimated_s,
        }


def intervals(effects: Effects, times: Iterable[int], grain: str, zone: str) -> list[Interval]:
    """Intervals without gaps from the first to the last reading; days and hours are those of `zone`."""
    segments = standing(effects.segments)
    instants = [*times, *(instant for segment in segments for instant in segment[:2])]
    if not instants:
        return []
    first, last = min(instants), max(instants)
    if grain == "segments":
        return _pieces(segments, first, last)
    rows = split(segments)
    starts = list(_starts(first, last, grain, zone))
    return (
        [
            Interval(start, *_total(rows, start, end))
            for start, end in pairwise([*starts, _next(starts[-1], grain, zone)])
        ]
        if starts
        else []
    )


def standing(segments: Iterable[Segment]) -> list[Segment]:
    """What was booked less what was taken back, in order of time; legs of a standstill are taken back together."""
    kept: list[Segment] = []
    for segment in segments:
        same = segment._replace(sign=1)
        if segment.sign > 0:
            kept.append(segment)
        elif same in kept:
            kept.remove(same)
        else:
            kept = [each for each in kept if each.amount or each.start < segment.start or each.end > segment.end]
    return sorted(kept)


def amount_text(amount: int, parts: int) -> str:
    """An amount as a decimal: of thousandths where they are whole, else of millionths, rounded half-even once."""
    places = 3 if parts == 1 else 6
    shown = half_even(Fraction(amount * 10**places, MILLI * parts))
    whole, rest = divmod(abs(shown), 10**places)
    return f"{'-' if shown < 0 else ''}{whole}.{rest:0{places}d}"


def _pieces(segments: list[Segment], first: int, last: int) -> list[Interval]:
    """The segments, and the stretches between them that nothing covers."""
    pieces, reached = [], first
    for segment in segments:
        if segment.start > reached:
            pieces.append(Interval(reached, 0, 0, 0, 0))
        seconds = segment.end // SECOND_US - segment.start // SECOND_US
        guess = segment.estimated
        pieces.append(Interval(segment.start, segment.amount, segment.amount * guess, seconds, seconds * guess))
        reached = max(reached, segment.end)
    return [*pieces, Interval(reached, 0, 0, 0, 0)] if reached < last else pieces


def _starts(first: int, last: int, grain: str, zone: str) -> Iterable[int]:
    start = _floor(first, grain, zone)
    while start < last:
        yield start
        start = _next(start, grain, zone)


def _floor(at: int, grain: str, zone: str) -> int:
    if grain == "15m":
        return at // QUARTER_US * QUARTER_US
    if grain == "1d":
        return day_ends(zone, day_of(zone, at) - timedelta(days=1))
    offset = datetime.fromtimestamp(at // SECOND_US, ZoneInfo(zone)).utcoffset() or timedelta()
    local = at + offset // timedelta(microseconds=1)
    return local // HOUR_US * HOUR_US - offset // timedelta(microseconds=1)


def _next(start: int, grain: str, zone: str) -> int:
    if grain == "1d":
        return day_ends(zone, day_of(zone, start))
    return start + (QUARTER_US if grain == "15m" else HOUR_US)


def _total(rows: Mapping[int, list[int]], start: int, end: int) -> tuple[int, int, int, int]:
    total = [0, 0, 0, 0]
    for bucket in range(start, end, QUARTER_US):
        for column, amount in enumerate(rows.get(bucket, ())):
            total[column] += amount
    return total[0], total[1], total[2], total[3]


def outcome(row: Row, verdicts: Mapping[int, Verdict], state: State) -> tuple[str, str]:
    """A reading's outcome and why, in words."""
    if row.outcome or row.at is None:
        return row.outcome, row.why
    verdict = verdicts[row.at]
    if verdict.outcome is Outcome.HELD:
        return "held", _FALSE if state.base is not None and row.at < state.base.at else _PENDING
    return _WORD.get(verdict.outcome, "held"), _WHY[verdict.outcome]


def reading_records(listing: Listing, verdicts: Mapping[int, Verdict], state: State) -> list[dict[str, str]]:
    """Every row of the file, in its order."""
    records = []
    for row in listing.rows:
        result, why = outcome(row, verdicts, state)
        read_at = row.read_at if row.at is None else iso(row.at)
        records.append({"read_at": read_at, "value": row.value, "outcome": result, "why": why})
    return records


def event_records(events: Mapping[tuple[EventKind, int], Event | None]) -> list[dict[str, str]]:
    """The events that stand, by time; `suspect` is the likely cause, '' where none was found."""
    return [
        {"kind": kind.value, "at": iso(at), "shift": amount_text(event.shift, 1), "suspect": event.suspect}
        for (kind, at), event in sorted(events.items(), key=lambda entry: (entry[0][1], entry[0][0]))
        if event is not None
    ]


def local(at: int, zone: str) -> str:
    """An instant in a zone, for tables: '2026-01-01 08:15'."""
    return from_us(at).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


def instant(text: str) -> int:
    """The instant of a record back as µs."""
    return to_us(datetime.fromisoformat(text))
