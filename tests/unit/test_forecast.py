"""The forecast: what even, weekly and short histories give, and how wide its band is."""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import date, timedelta
from math import isclose
from typing import TYPE_CHECKING

import pytest

from services.budgets.forecast import forecast

if TYPE_CHECKING:
    from pathlib import Path

TODAY = date(2026, 3, 2)  # a Monday


def history(days: int, amount: float = 100.0, weekend: float = 100.0) -> dict[date, float]:
    """`days` days before today, with another amount on Saturdays and Sundays."""
    found = (TODAY - timedelta(days=n) for n in range(1, days + 1))
    return {day: weekend if day.weekday() >= 5 else amount for day in found}


def test_without_history_there_is_no_forecast() -> None:
    """Nothing is no pace of zero."""
    assert forecast({}, TODAY, TODAY) is None
    assert forecast({TODAY: 5.0}, TODAY, TODAY) is None


def test_little_history_gives_the_pace_without_a_band() -> None:
    """A week tells the mean, not how wrong it is."""
    found = forecast(history(7), TODAY, TODAY + timedelta(days=9))
    assert found is not None
    assert (found.method, found.p10, found.p50, found.p90, found.history_days) == ("pace", None, 1000.0, None, 7)


def test_a_weekly_pattern_is_kept() -> None:
    """Five days and a weekend: seasonal-naive knows which days are to come, and was never wrong."""
    found = forecast(history(56, 100.0, 20.0), TODAY, TODAY + timedelta(days=6))
    assert found is not None
    assert found.method == "seasonal_naive"
    assert isclose(found.p50, 540.0)
    assert found.p10 is not None
    assert isclose(found.p10, found.p50)


def test_only_the_rest_of_today_is_to_come() -> None:
    """At noon of the last day half a day is left."""
    found = forecast(history(56), TODAY, TODAY, rest_of_today=0.5)
    assert found is not None
    assert isclose(found.p50, 50.0)


def test_a_day_that_is_not_known_has_no_part_in_it() -> None:
    """A hole is left out, not taken for zero."""
    days = history(56)
    del days[TODAY - timedelta(days=3)]
    found = forecast(days, TODAY, TODAY + timedelta(days=6))
    assert found is not None
    assert isclose(found.p50, 700.0)


def test_nothing_used_is_forecast_as_nothing_and_without_a_band() -> None:
    """A plant that stands still."""
    found = forecast(history(56, 0.0, 0.0), TODAY, TODAY + timedelta(days=6))
    assert found is not None
    assert (found.p50, found.p10) == (0.0, None)


def test_on_the_steel_half_year_the_band_holds_about_eight_ends_of_ten(shared: Path) -> None:
    """From every day of the half-year on which a band can be given; benchmarks/forecast.py prints it by month."""
    days: dict[date, float] = defaultdict(float)
    with (shared / "data" / "steel" / "steel_2018_h1.csv").open(encoding="utf-8") as lines:
        for index, row in enumerate(csv.DictReader(lines)):
            days[date(2018, 1, 1) + timedelta(days=index // 96)] += float(row["Usage_kWh"])
    inside = []
    for today in sorted(days)[21:]:
        last = max(day for day in days if day.month == today.month)
        found = forecast({day: amount for day, amount in days.items() if day < today}, today, last)
        assert found is not None
        if found.p10 is not None and found.p90 is not None and today.day > 1:
            inside.append(found.p10 <= sum(a for day, a in days.items() if today <= day <= last) <= found.p90)
    assert len(inside) == 152
    assert sum(inside) / len(inside) == pytest.approx(0.836, abs=0.001)
