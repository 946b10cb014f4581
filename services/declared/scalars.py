"""Texts of a registry file → codes, decimals, durations, dates, instants and zones; each error names its fix."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from services.errors import TanfengError
from services.model import to_us

_CODE: Final = re.compile(r"[a-z0-9-]{1,40}")
_DECIMAL: Final = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")
_DURATION: Final = re.compile(r"([1-9][0-9]{0,6}|0)([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_INSTANT_FIX: Final = "write for example 2026-05-01T13:30:00+08:00"


def code(text: str) -> str:
    """A code as topics and payloads use it."""
    if _CODE.fullmatch(text) is None:
        raise TanfengError(f"{text!r} is no code", "use 1 to 40 lower-case letters, digits and hyphens")
    return text


def decimal(text: str) -> Decimal:
    """A plain decimal, exactly as written."""
    if _DECIMAL.fullmatch(text) is None:
        raise TanfengError(f"{text!r} is no decimal number", "write digits and a point, such as 1200 or 0.01")
    return Decimal(text)


def positive(text: str) -> Decimal:
    """A plain decimal above zero."""
    number = decimal(text)
    if number <= 0:
        raise TanfengError(f"{text} is not above zero", "write a positive number")
    return number


def not_negative(text: str) -> Decimal:
    """A plain decimal of at least zero."""
    number = decimal(text)
    if number < 0:
        raise TanfengError(f"{text} is below zero", "write zero or a positive number")
    return number


def duration(text: str) -> int:
    """Seconds of a duration such as 60s, 15m, 1h or 1d."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise TanfengError(f"{text!r} is no duration", "write for example 60s, 15m, 1h or 1d")
    return int(match[1]) * _SECONDS[match[2]]


def span(text: str) -> int:
    """Seconds of a duration that is not zero."""
    seconds = duration(text)
    if seconds == 0:
        raise TanfengError(f"{text!r} is no time at all", "write for example 15m")
    return seconds


def day(text: str) -> date:
    """A calendar day."""
    try:
        if len(text) == len("2026-01-01"):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise TanfengError(f"{text!r} is no date", "write for example 2026-01-01")


def instant(text: str) -> int:
    """An instant with its zone, in µs."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise TanfengError(f"{text!r} is no instant", _INSTANT_FIX) from None
    if moment.tzinfo is None:
        raise TanfengError(f"{text!r} has no zone", _INSTANT_FIX)
    return to_us(moment)


def instant_or_day(text: str, zone: str) -> int:
    """An instant with its zone, or the first moment of a day in `zone`, in µs."""
    if len(text) == len("2026-01-01"):
        return to_us(datetime.combine(day(text), time(), ZoneInfo(zone)))
    return instant(text)


def zone(text: str) -> str:
    """The name of a time zone of the IANA database."""
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise TanfengError(f"there is no time zone {text!r}", "write for example Asia/Shanghai") from None
    return text


def boolean(text: str) -> bool:
    """`true` or `false`."""
    if text not in {"true", "false"}:
        raise TanfengError(f"{text!r} is neither true nor false", "write true or false")
    return text == "true"


def words(text: str) -> str:
    """Printable text for a person, such as a name or a reason."""
    stripped = text.strip()
    if not stripped or not stripped.isprintable():
        raise TanfengError("the text is empty or holds control characters", "write one line of text")
    return stripped


def factor_region(text: str) -> str:
    """A region of the table of emission factors: CN, or a province such as CN-CQ."""
    if re.fullmatch(r"CN(-[A-Z]+)?", text) is None:
        raise TanfengError(f"{text!r} is no region", "write CN, or a province such as CN-CQ")
    return text


def factor_policy(text: str) -> str:
    """Which data year's factor holds."""
    if re.fullmatch(r"own_year_else_latest|[0-9]{4}|Y-[1-9]", text) is None:
        raise TanfengError(f"{text!r} is no factor policy", "write own_year_else_latest, a year, or Y-1 to Y-9")
    return text
