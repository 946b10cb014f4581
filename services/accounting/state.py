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
    DOUBTED = 3
    """Read, but after a break that looks like a change of scale or zone: estimated until an act says what it was."""


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
    REPEATED = "repeated"
    """The amount of an interval that is booked already, once more."""
    RELEASED = "released"
    """Held, and accepted by declaration."""


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
    STUCK = "stuck"
    """The register had stood still without being read: the leg is booked from where the standstill began."""


class Event(NamedTuple):
    """What an event says beside its kind and instant.

    A judgement that looked back at what the register had shown before a standstill names where that began and the
    reading at which it was made: a later change of what it saw must make it again.
    """

    shift: int = 0
    """New level − old level − booked."""
    suspect: str = ""
    """The likely cause, found by trying: `scale 0.1`, `ratio 40`, `zone -8:00`, `stuck`."""
    flat_at: int | None = None
    judged_at: int | None = None


class Verdict(NamedTuple):
    """The outcome of one reading; `high` is the level the baseline keeps where the reading fell a little."""

    outcome: Outcome
    high: int | None = None


class Segment(NamedTuple):
    """Energy between two instants, in the policy's unit (`Policy.parts`); `sign` −1 takes one back."""

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
    flat_at: int | None = None
    """Since when a register shows its baseline's level, where that is known to be longer than the baseline itself."""

    @property
    def shown_since(self) -> int:
        """Since when a register shows its baseline's level: the baseline's own instant unless it stands still."""
        if self.base is None:
            raise RuntimeError("no reading has been taken yet")
        return self.base.at if self.flat_at is None else self.flat_at


@dataclass(slots=True)
class Effects:
    """What a fold did: segments in order of booking; the last verdict of each reading; events, None = withdrawn.

    `standstills`: first reading → last one of each long standstill that ended, None = there is none.
    """

    segments: list[Segment] = field(default_factory=list)
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    events: dict[tuple[EventKind, int], Event | None] = field(default_factory=dict)
    standstills: dict[int, int | None] = field(default_factory=dict)
