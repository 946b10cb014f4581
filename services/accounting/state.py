"""Where a register's fold stands after a reading, and what the fold says of readings and events."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import NamedTuple


class Origin(IntEnum):
    """Where a level comes from."""

    READING = 0
    ACT = 1
    """Declared by an act."""
    ASSUMED = 2
    """The last level before an act that declared none; what is booked from it is estimated."""


class Level(NamedTuple):
    """A register's level at an instant."""

    at: int
    value: int
    origin: Origin = Origin.READING


class Outcome(StrEnum):
    """What became of a stored reading. Only a `sound` one may start a fold again; `held` before the baseline: false."""

    SOUND = "sound"
    HELD = "held"
    OUT_OF_RANGE = "out_of_range"
    NOISE = "noise"
    CONFIRMED = "confirmed"
    OVERRULED = "overruled"
    RESTART = "restart"
    CLOSING = "closing"
    IGNORED = "ignored"


BASELINES = frozenset({Outcome.SOUND, Outcome.NOISE, Outcome.CONFIRMED, Outcome.RESTART, Outcome.CLOSING})
"""Outcomes of readings that were the baseline once, and stay so."""


class EventKind(StrEnum):
    """What the fold implies and a person should know."""

    HELD = "held"
    ROLLOVER = "rollover"
    BREAK = "break"
    OVERRULED = "overruled"
    INCONSISTENT = "inconsistent"
    REPLACEMENT = "replacement"
    RESET = "reset"
    MULTIPLIER = "multiplier"


class Verdict(NamedTuple):
    """The outcome of one reading; `high` is the level the baseline keeps where the reading fell a little."""

    outcome: Outcome
    high: int | None = None


class Segment(NamedTuple):
    """Energy between two instants: `sign` −1 takes back one that was booked before."""

    start: int
    end: int
    amount: int
    estimated: bool
    sign: int = 1


@dataclass(slots=True)
class Run:
    """Readings held one after the other, each plausible after the one before.

    `members` are kept in full up to the fold's limit; beyond it `count` is larger than their number.
    """

    first: Level
    last: Level
    count: int
    members: list[tuple[int, int]]


@dataclass(slots=True)
class State:
    """All that the fold must remember between readings; equal states have equal futures."""

    base: Level | None = None
    previous: Level | None = None
    """The baseline before `base`; None where an act or nothing is before it."""
    runs: list[Run] = field(default_factory=list)


@dataclass(slots=True)
class Effects:
    """What a fold did: segments in order of booking; the last verdict of each reading; events, None = withdrawn."""

    segments: list[Segment] = field(default_factory=list)
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    events: dict[tuple[EventKind, int], int | None] = field(default_factory=dict)
