"""The forecasts of the running budgets: made from what the store knows, kept there with their method."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from services.budgets.forecast import HISTORY_DAYS, Forecast, forecast
from services.budgets.status import DueForecast, days_known, due_forecasts, keep_forecast
from services.days import day_ends, day_of
from services.model import HOUR_US

if TYPE_CHECKING:
    from services.store.pool import Connection

FRESH_US: Final = HOUR_US
"""A forecast younger than this is not made again."""


async def forecast_budgets(con: Connection, now_us: int) -> int:
    """Make and keep the forecasts of the running periods that have none from the last hour; how many were made."""
    made = 0
    for due in await due_forecasts(con, now_us, FRESH_US):
        guess = await _guess(con, due)
        if guess is not None:
            ends = (guess.p10, guess.p50, guess.p90)
            await keep_forecast(con, due, guess.method, ends, guess.history_days)
            made += 1
    return made


async def _guess(con: Connection, due: DueForecast) -> Forecast | None:
    today = day_of(due.zone, due.at)
    days = await days_known(con, due.version_id, today - timedelta(days=HISTORY_DAYS), today)
    ends = day_ends(due.zone, today)
    starts = day_ends(due.zone, today - timedelta(days=1))
    amounts = {day: float(value) for day, value in days.items()}
    return forecast(amounts, today, due.ends_on - timedelta(days=1), rest_of_today=(ends - due.at) / (ends - starts))
