"""Days of a site: which calendar day a quarter-hour belongs to in a zone, and when that day ends."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from services.model import SECOND_US, to_us


@lru_cache(maxsize=100_000)
def day_of(zone: str, at: int) -> date:
    """The calendar day in `zone` of an instant in µs."""
    return datetime.fromtimestamp(at // SECOND_US, ZoneInfo(zone)).date()


@lru_cache(maxsize=10_000)
def day_ends(zone: str, day: date) -> int:
    """The instant in µs at which `day` ends in `zone`: days are 23, 24 or 25 hours long."""
    return to_us(datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone)))
