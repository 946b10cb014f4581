"""The words of the product as types: kinds of registers, readings, acts, and who publishes what.

Instants are integer microseconds since 1970-01-01T00:00Z (`_us`, or plain `at`), as PostgreSQL keeps them.
Amounts are integer thousandths of the carrier's unit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal  # noqa: TC003 - read at run time with the annotations
from enum import StrEnum
from fractions import Fraction
from math import ceil
from typing import Final

import msgspec

from services.units import LIMIT, MILLI, exact_decimal

SECOND_US: Final = 1_000_000
HOUR_US: Final = 3600 * SECOND_US
QUARTER_US: Final = 900 * SECOND_US
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Kind(StrEnum):
    """How a register counts."""

    TOTAL_INCREASING = "total_increasing"
    """Only rises; may reset or roll over."""
    TOTAL = "total"
    """Net; may fall."""
    INTERVAL = "interval"
    """Each value is the amount of the interval that ends at `read_at`, or starts there (`Stamp`)."""
    MEASUREMENT = "measurement"
    """A momentary value such as power; booked only where the register says `integrate`."""


COUNTING_KINDS: Final = frozenset({Kind.TOTAL_INCREASING, Kind.TOTAL})
"""Kinds whose readings are levels: energy is the difference of two, and the readings after one say what it was."""


class OnFall(StrEnum):
    """When a held run, of falls or of jumps, becomes the truth."""

    CONFIRM = "confirm"
    RESET = "reset"
    HOLD = "hold"


class Stamp(StrEnum):
    """Which end of its interval an amount is stamped with."""

    START = "start"
    END = "end"


class ActKind(StrEnum):
    """What an operator may declare."""

    REPLACEMENT = "replacement"
    RESET = "reset"
    MULTIPLIER = "multiplier"
    IGNORE = "ignore"
    CORRECTION = "correction"
    ACCEPT = "accept"
    """A held amount or momentary value was true after all; `at` is its `read_at`."""


class Direction(StrEnum):
    """Which way energy crosses the boundary; only import less export and sold-on counts as used."""

    IMPORT = "import"
    EXPORT = "export"
    SOLD = "sold"
    PRODUCED = "produced"


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """One received value of one register, on its way into the books.

    A Struct and no dataclass: made once per reading on the hot path, a tenth of the time.

    `raw` is the received decimal × unit factor in thousandths, before the multiplier, rounded half-even;
    `text` is the received decimal where that rounding lost something, else None.
    """

    register_id: int
    at: int
    raw: int
    text: str | None
    received_us: int


@dataclass(frozen=True, slots=True)
class RegisterRef:
    """What the decoder needs to know of a register."""

    register_id: int
    unit_factor: Fraction
    multiplier: Fraction
    """The largest multiplier in force, for the range check."""
    scale: Decimal | None = field(init=False, repr=False, compare=False)
    """unit_factor × 1000 where it is a decimal that ends, else None: what the fast decoder multiplies with."""
    whole_scale: int | None = field(init=False, repr=False, compare=False)
    """`scale` where it is an integer: whole numbers are multiplied without a Decimal."""
    raw_limit: int = field(init=False, repr=False, compare=False)
    """Thousandths before the multiplier must be less in magnitude."""

    def __post_init__(self) -> None:
        scale = self.unit_factor * MILLI
        object.__setattr__(self, "scale", exact_decimal(scale))
        object.__setattr__(self, "whole_scale", scale.numerator if scale.denominator == 1 else None)
        object.__setattr__(self, "raw_limit", ceil(LIMIT / max(Fraction(1), self.multiplier)))


@dataclass(frozen=True, slots=True)
class MeterRef:
    """A meter as the wire sees it: its registers by their key in the payload."""

    enterprise: str
    meter: str
    registers: dict[str, RegisterRef]
    zone: str | None
    """The zone of times without one, where the meter declares it."""


def to_us(moment: datetime) -> int:
    """An aware datetime as microseconds since 1970."""
    return (moment - EPOCH) // _MICROSECOND


def from_us(at: int) -> datetime:
    """Microseconds since 1970 as an aware UTC datetime."""
    return EPOCH + timedelta(microseconds=at)


def iso(at: int) -> str:
    """Microseconds since 1970 as ISO 8601 with Z: '2026-01-01T00:00:00Z'."""
    return from_us(at).isoformat().replace("+00:00", "Z")
