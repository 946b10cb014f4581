"""What the rest of a period will bring: pace and seasonal-naive, with a band learnt from their own past errors. Pure.

The only place of the product that counts in floats: a forecast is statistics, not energy. Its result is stored with
its method and shown beside exact figures, never added to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import exp, log, sqrt
from statistics import fmean
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

WEEKS: Final = 4
"""How many weeks back both methods look."""
HISTORY_DAYS: Final = 112
"""How much history the band is learnt from."""
SHORTEST: Final = 14
"""Days of history below which no past error can be told."""
ERRORS: Final = 10
"""Past errors below which there is no band."""
TENTH: Final = 1.2816
"""How many standard deviations above the middle a tenth of a normal distribution lies."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The amount still to come. p10 and p90 are None where there is too little history for a band."""

    method: str
    p10: float | None
    p50: float
    p90: float | None
    history_days: int


def forecast(days: Mapping[date, float], today: date, last: date, *, rest_of_today: float = 1.0) -> Forecast | None:
    """What `today` (its remaining share) and the days after it up to `last` will bring; None without history.

    Args:
        days: What well-known days before `today` brought; a day with missing data is not there.
        today: The first day that is not over.
        last: The last day of the period.
        rest_of_today: The share of today that is still to come.
    """
    history = _history(days, today)
    if not history:
        return None
    coming = [today + timedelta(days=n) for n in range((last - today).days + 1)]
    method = "seasonal_naive" if len(history) >= WEEKS * 7 else "pace"
    middle = _total(history, coming, method) - (1 - rest_of_today) * _total(history, coming[:1], method)
    spread = _spread(history, len(coming), method)
    if spread is None or middle <= 0:
        return Forecast(method, None, middle, None, len(history))
    wide = exp(TENTH * spread)
    return Forecast(method, middle / wide, middle, middle * wide, len(history))


def _history(days: Mapping[date, float], today: date) -> list[tuple[date, float]]:
    first = today - timedelta(days=HISTORY_DAYS)
    return sorted((day, amount) for day, amount in days.items() if first <= day < today)


def _total(history: Sequence[tuple[date, float]], coming: Sequence[date], method: str) -> float:
    """Seasonal-naive: each day as the same weekday of the last weeks was on average; pace: as all of them were."""
    recent = history[-WEEKS * 7 :]
    pace = fmean(amount for _, amount in recent)
    if method == "pace":
        return pace * len(coming)
    usual = {}
    for weekday in range(7):
        same = [amount for day, amount in recent if day.weekday() == weekday]
        usual[weekday] = fmean(same) if same else pace
    return sum(usual[day.weekday()] for day in coming)


def _spread(history: Sequence[tuple[date, float]], length: int, method: str) -> float | None:
    """The root mean square of the logarithmic errors that the method would have made over as many days, so far."""
    length = min(length, max(1, len(history) - SHORTEST - ERRORS))
    errors = []
    for start in range(SHORTEST, len(history) - length + 1):
        actual = sum(amount for _, amount in history[start : start + length])
        guess = _total(history[:start], [day for day, _ in history[start : start + length]], method)
        if actual > 0 and guess > 0:
            errors.append(log(actual / guess))
    return sqrt(fmean(error * error for error in errors)) if len(errors) >= ERRORS else None
