"""The steel recording: energies of quarter-hours, turned back into the registers they came from.

UCI data set 851 (DAEWOO Steel, Gwangyang). `date` is local time (UTC+9, no daylight saving) and labels the *end*
of the quarter-hour; the last row of each day carries that same day's date at 00:00, where it physically is the
next day's midnight. So the order of the file is the truth, and labels only confirm it.
"""

from __future__ import annotations

import csv
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from services.errors import TanfengError
from services.model import to_us
from simulators.replay.columns import number, positions
from simulators.sample import Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LOCAL: Final = timezone(timedelta(hours=9))
QUARTER: Final = timedelta(minutes=15)
COLUMNS: Final = {"import": "Usage_kWh"}
START: Final = Decimal("100000.00")
"""What the register shows at the start of the first quarter-hour; the recording does not tell, any value does."""


def samples(lines: Iterable[str], columns: Mapping[str, str] = COLUMNS, start: Decimal = START) -> Iterator[Sample]:
    """Register readings: `start` at the beginning of the first interval, then `start` + running sum at each end.

    Raises:
        TanfengError: A label does not follow the one before by a quarter-hour, or a value is no number.
    """
    rows = csv.reader(lines)
    places = positions(next(rows, []), columns)
    level = dict.fromkeys(columns, start)
    end: datetime | None = None
    for line, row in enumerate(rows, 2):
        label = _label(row[0], line)
        if end is None:
            end = label - QUARTER
            yield Sample(to_us(end), dict(level))
        end += QUARTER
        _confirm(label, end, line)
        for register, place in places.items():
            level[register] += number(row[place], line)
        yield Sample(to_us(end), dict(level))


def _label(text: str, line: int) -> datetime:
    try:
        return datetime.strptime(text, "%d/%m/%Y %H:%M").replace(tzinfo=LOCAL)
    except ValueError as problem:
        raise TanfengError(f"line {line}: {text!r} is not dd/mm/yyyy HH:MM", "is this the steel file?") from problem


def _confirm(label: datetime, end: datetime, line: int) -> None:
    """A midnight carries the date of the day that it ends."""
    midnight = (end.hour, end.minute) == (0, 0)
    if label != (end - timedelta(days=1) if midnight else end):
        raise TanfengError(
            f"line {line}: label {label:%d/%m/%Y %H:%M} where {end:%d/%m/%Y %H:%M} ends",
            "keep the rows in the order of the file, none missing",
        )
