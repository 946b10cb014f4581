"""Back-test of the budget forecast on the real steel half-year: how often the end of a month was within the band.

    .venv/bin/python -m benchmarks.forecast [STEEL_CSV]

On every day of every month from the 22nd day of the recording on, the rest of the month is forecast from the days
before alone and compared with what came. A band of P10 to P90 should hold 80 % of the ends.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from statistics import fmean, median

from services.budgets.forecast import forecast

STEEL = Path(__file__).parents[1] / "../shared/data/steel/steel_2018_h1.csv"
FIRST = date(2018, 1, 1)
BEFORE = 21


def daily(file: Path) -> dict[date, float]:
    """Energy a day in kWh; the rows of the file are quarter-hours in order."""
    days: dict[date, float] = defaultdict(float)
    with file.open(encoding="utf-8") as lines:
        for index, row in enumerate(csv.DictReader(lines)):
            days[FIRST + timedelta(days=index // 96)] += float(row["Usage_kWh"])
    return dict(days)


def backtest(days: dict[date, float]) -> dict[int, list[tuple[bool | None, float, float]]]:
    """Month → for each day: whether the end was in the band, the error and the band's width, as shares of the end."""
    found: dict[int, list[tuple[bool | None, float, float]]] = defaultdict(list)
    for today in sorted(days)[BEFORE:]:
        month = [day for day in days if (day.year, day.month) == (today.year, today.month)]
        if today == month[0]:
            continue
        known = {day: amount for day, amount in days.items() if day < today}
        guess = forecast(known, today, month[-1])
        if guess is None:
            continue
        so_far = sum(days[day] for day in month if day < today)
        coming = sum(days[day] for day in month if day >= today)
        end = so_far + coming
        inside = None if guess.p10 is None or guess.p90 is None else guess.p10 <= coming <= guess.p90
        width = (guess.p90 or 0.0) - (guess.p10 or 0.0)
        found[today.month].append((inside, abs(guess.p50 - coming) / end, width / end))
    return found


def main() -> None:
    """Print the coverage of the band, the error and the width by month and in all."""
    found = backtest(daily(Path(sys.argv[1]) if len(sys.argv) > 1 else STEEL))
    print("month  origins  with band  in band  median error  mean width")
    everything = [each for month in found.values() for each in month]
    for name, rows in [*((str(month), rows) for month, rows in found.items()), ("all", everything)]:
        banded = [inside for inside, _, _ in rows if inside is not None]
        share = sum(banded) / len(banded) if banded else float("nan")
        print(
            f"{name:>5}  {len(rows):7}  {len(banded):9}  {share:7.1%}  {median(row[1] for row in rows):12.1%}"
            f"  {fmean(row[2] for row in rows):10.1%}"
        )


if __name__ == "__main__":
    main()
