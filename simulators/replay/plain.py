"""Any recording with a header and a column `read_at`: ISO 8601 with a zone; values are register readings."""

from __future__ import annotations

import csv
from datetime import datetime
from typing import TYPE_CHECKING, Final

from services.errors import TanfengError
from services.model import to_us
from simulators.replay.columns import number, positions
from simulators.sample import Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

COLUMNS: Final = {"import": "value"}


def samples(lines: Iterable[str], columns: Mapping[str, str] = COLUMNS) -> Iterator[Sample]:
    """Readings in the order of the file, which need not be that of time; an empty field is a missing reading.

    Raises:
        TanfengError: A column is missing, a time has no zone, or a value is no number.
    """
    rows = csv.reader(lines)
    header = next(rows, [])
    places = positions(header, columns)
    when = positions(header, {"read_at": "read_at"})["read_at"]
    for line, row in enumerate(rows, 2):
        shown = {register: number(row[place], line) for register, place in places.items() if row[place]}
        if shown:
            yield Sample(_moment(row[when], line), shown)


def _moment(text: str, line: int) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as problem:
        raise TanfengError(f"line {line}: {text!r} is no time", "write it as 2026-01-01T00:00:00+08:00") from problem
    if moment.tzinfo is None:
        raise TanfengError(f"line {line}: {text!r} has no zone", "write it as 2026-01-01T00:00:00+08:00")
    return to_us(moment)
