"""`read_at` of a payload → microseconds since 1970, and whether it may be admitted.

A string is ISO 8601 with a zone ('2026-11-22T10:00:00+08:00', 'Z', also with a space for the T); without one it is
taken only where the meter declares the zone of its clock. A number is epoch seconds below 10^11 (the year 5138) and
milliseconds from there on (March 1973); so is one in quotes of 10 or 13 digits, which no date without separators has.
What is finer than a microsecond is cut off.
"""

from __future__ import annotations

import re
from datetime import datetime
from fractions import Fraction
from functools import lru_cache
from math import floor
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from services.model import SECOND_US, iso, to_us
from services.wire.numbers import Number, check_size, to_decimal
from services.wire.outcome import RefusedError, shown

if TYPE_CHECKING:
    from services.wire.outcome import Limits

EARLIEST_US: Final = 978_307_200 * SECOND_US
"""2001-01-01T00:00Z. Clocks that lost their time restart in 1970 or 2000."""

MILLISECONDS_FROM: Final = 10**11
_NEITHER_FROM: Final = 10**14
_QUOTED_EPOCH: Final = re.compile(r"[0-9]{10}([0-9]{3})?(\.[0-9]{1,9})?")
_LONGEST: Final = 40
_EXTENDED: Final = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?( ?[+-]\d\d(:?\d\d(:?\d\d)?)?| ?Z)?", re.ASCII
)
"""YYYY-MM-DDThh:mm…, the form all versions of Python read alike: no weeks, no basic form. What stands between the
seconds and the zone must be told here: Python passes over one character there, whatever it is."""


def parse_time(value: object, zone: str | None) -> int:
    """The instant that a payload's `read_at` names.

    Raises:
        RefusedError: `bad_time`, `time_without_zone` or `time_ambiguous`.
    """
    if isinstance(value, Number):
        return _epoch(value)
    if type(value) is str:
        return _epoch(Number(value)) if _QUOTED_EPOCH.fullmatch(value) else iso_time(value, zone)
    raise RefusedError("bad_time", shown(value))


def admit(at: int, received_us: int, limits: Limits) -> None:
    """Refuse an instant that no reading received now can have.

    Raises:
        RefusedError: `time_implausible`, `time_ahead` or `time_too_old`.
    """
    earliest, latest = window(received_us, limits)
    if earliest <= at <= latest:
        return
    if at < EARLIEST_US:
        raise RefusedError("time_implausible", _named(at))
    raise RefusedError("time_ahead" if at > latest else "time_too_old", _named(at))


def window(received_us: int, limits: Limits) -> tuple[int, int]:
    """The first and last instant admitted now."""
    oldest = received_us - limits.horizon_us if limits.horizon_us else EARLIEST_US
    return max(oldest, EARLIEST_US), received_us + limits.ahead_us


def epoch_us(number: int | Fraction) -> int:
    """Epoch seconds or milliseconds, told apart by magnitude, as microseconds.

    Raises:
        RefusedError: `bad_time`.
    """
    if -MILLISECONDS_FROM < number < MILLISECONDS_FROM:
        return floor(number * SECOND_US)
    if -_NEITHER_FROM < number < _NEITHER_FROM:
        return floor(number * 1000)
    raise RefusedError("bad_time", "neither epoch seconds nor milliseconds")


@lru_cache(maxsize=8192)
def iso_time(text: str, zone: str | None) -> int:
    """An ISO 8601 instant; meters report on the same quarter-hours, so most are cached.

    Raises:
        RefusedError: `bad_time`, `time_without_zone` or `time_ambiguous`.
    """
    moment = _moment(text)
    if moment.tzinfo is not None:
        return to_us(moment)
    if zone is None:
        raise RefusedError("time_without_zone", shown(text))
    local = moment.replace(tzinfo=ZoneInfo(zone))
    if local.utcoffset() != local.replace(fold=1).utcoffset():
        raise RefusedError("time_ambiguous", f"{shown(text)} in {zone}")
    return to_us(local)


def _moment(text: str) -> datetime:
    try:
        if len(text) <= _LONGEST and _EXTENDED.fullmatch(text) and text[11:13] != "24":
            return datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        pass
    raise RefusedError("bad_time", shown(text))


def _epoch(text: Number) -> int:
    try:
        number = to_decimal(text)
        check_size(number)
    except RefusedError:
        raise RefusedError("bad_time", shown(str(text))) from None
    return epoch_us(Fraction(number))


def _named(at: int) -> str:
    try:
        return iso(at)
    except OverflowError:
        return f"{at} µs since 1970"
