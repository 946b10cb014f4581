"""Days of the simulated plants: public holidays, and how warm it is outside.

Holidays are those of the State Council's notices for 2025 and 2026; later years have the statutory days of fixed date
only. The temperature is a model, seeded: the yearly course of Chongqing and a random departure of some days.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from hashlib import blake2b
from math import cos, pi
from typing import Final

FIRST_DAY: Final = date(2025, 1, 1)
_SPANS: Final = (
    (date(2025, 1, 1), 1), (date(2025, 1, 28), 8), (date(2025, 4, 4), 3), (date(2025, 5, 1), 5),
    (date(2025, 5, 31), 3), (date(2025, 10, 1), 8),
    (date(2026, 1, 1), 3), (date(2026, 2, 15), 9), (date(2026, 4, 4), 3), (date(2026, 5, 1), 5),
    (date(2026, 6, 19), 3), (date(2026, 9, 25), 3), (date(2026, 10, 1), 7),
)  # fmt: skip
"""First day and number of days of each holiday."""
_FIXED: Final = {(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)}
_HOLIDAYS: Final = frozenset(first + timedelta(days=n) for first, days in _SPANS for n in range(days))
_KNOWN_YEARS: Final = frozenset(day.year for day in _HOLIDAYS)
MEAN_C: Final = 18.5
SWING_C: Final = 10.5
"""Chongqing's monthly means run from about 8 °C in January to 29 °C in July and August."""
COLDEST_DAY: Final = 18
"""Day of the year."""
SPELL_DAYS: Final = 4
DEPARTURE_C: Final = 4.0
DAYS_SINCE_SOLSTICE: Final = 10
"""Of the first day of a year."""
_COLD_C, _HEATED_BELOW_C, _COOLED_ABOVE_C, _HOT_C = 4.0, 16.0, 22.0, 33.0


def is_holiday(day: int) -> bool:
    """Whether a day, counted from 2025-01-01, is a public holiday."""
    moment = FIRST_DAY + timedelta(days=day)
    return moment in _HOLIDAYS if moment.year in _KNOWN_YEARS else (moment.month, moment.day) in _FIXED


@cache
def temperature_c(day: int, seed: int) -> float:
    """The day's mean outdoor temperature: departures change smoothly from spell to spell."""
    spell, within = divmod(day, SPELL_DAYS)
    part = within / SPELL_DAYS
    departure = (1 - part) * _departure(spell, seed) + part * _departure(spell + 1, seed)
    return MEAN_C - SWING_C * cos(2 * pi * (day - COLDEST_DAY) / 365.25) + departure


def warmth(day: int, seed: int) -> int:
    """How much of its range a cooling plant needs on this day: 0 (cold) to 1000 (hot)."""
    return _share(temperature_c(day, seed), _COLD_C, _HOT_C)


def chill(day: int, seed: int) -> int:
    """How much of its range heating needs: 0 (warm) to 1000 (cold)."""
    return 1000 - _share(temperature_c(day, seed), _COLD_C, _HEATED_BELOW_C)


def discomfort(day: int, seed: int) -> int:
    """How much of its range air conditioning needs, which cools and heats: 0 (mild) to 1000 (hot or cold)."""
    return max(chill(day, seed), _share(temperature_c(day, seed), _COOLED_ABOVE_C, _HOT_C))


def sunshine(day: int, seed: int) -> int:
    """How much of its best day a roof yields: the season's height of the sun, and the clouds of the day."""
    season = 0.7 - 0.3 * cos(2 * pi * (day + DAYS_SINCE_SOLSTICE) / 365.25)
    clear = 0.8 + 0.2 * _drawn(f"{seed}/clouds/{day}")
    return round(1000 * season * clear)


def _share(value: float, low: float, high: float) -> int:
    return round(1000 * min(1.0, max(0.0, (value - low) / (high - low))))


def _departure(spell: int, seed: int) -> float:
    return DEPARTURE_C * _drawn(f"{seed}/weather/{spell}")


def _drawn(name: str) -> float:
    """Between −1 and 1."""
    return 2 * int.from_bytes(blake2b(name.encode(), digest_size=4).digest()) / 2**32 - 1
