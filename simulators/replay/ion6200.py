"""The log of an ION6200 meter through an AcquiSuite: `'time',error,low,high,POINT00,POINT01,…`, no header.

From the test data of Open Energy Dashboard (MPL-2.0). The `.ini` beside the log names the points: POINT00 is the
kWh register, POINT05 the kvarh register, POINT02 the power in kW. Its zone is not stated; UTC is supposed.
"""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from services.errors import TanfengError
from services.model import to_us
from simulators.replay.columns import number, positions
from simulators.sample import Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LEADING: Final = 4
"""Columns before POINT00: time, error, low alarm, high alarm."""
POINTS: Final = 32
COLUMNS: Final = {"import": "POINT00"}


def samples(lines: Iterable[str], columns: Mapping[str, str] = COLUMNS) -> Iterator[Sample]:
    """Readings of the given points (POINT00 … POINT31); an empty field is a missing reading.

    Raises:
        TanfengError: A point is unknown, a time or a value unreadable.
    """
    points = [f"POINT{n:02d}" for n in range(POINTS)]
    places = {register: LEADING + place for register, place in positions(points, columns).items()}
    for line, row in enumerate(csv.reader(lines, quotechar="'"), 1):
        shown = {
            register: number(row[place], line) for register, place in places.items() if place < len(row) and row[place]
        }
        if shown:
            yield Sample(_moment(row[0], line), shown)


def _moment(text: str, line: int) -> int:
    try:
        return to_us(datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC))
    except ValueError as problem:
        raise TanfengError(f"line {line}: {text!r} is not YYYY-MM-DD HH:MM:SS", "is this the meter's log?") from problem
