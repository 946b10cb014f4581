"""The OPSD household recording: cumulative kWh registers of one building, hourly, with real gaps.

Open Power System Data, "household_data", CC BY 4.0. An empty cell is a missing reading. `interpolated_values` names
the columns that the publisher filled in that hour: they lie between real readings, so differences hold with or
without them, but how the energy is spread between the neighbours is the publisher's guess.
"""

from __future__ import annotations

import csv
from datetime import datetime
from typing import TYPE_CHECKING, Final

from services.model import to_us
from simulators.replay.columns import number, positions
from simulators.sample import Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PREFIX: Final = "DE_KN_residential4_"
FLAGS: Final = "interpolated_values"


def register_code(column: str) -> str:
    """The register a column feeds unless told otherwise: 'DE_KN_residential4_grid_import' → 'grid-import'."""
    return column.removeprefix(PREFIX).replace("_", "-")


def samples(
    lines: Iterable[str], columns: Mapping[str, str] | None = None, *, interpolated: bool = True
) -> Iterator[Sample]:
    """Readings of the given columns (default: all nine); `interpolated=False` leaves the publisher's guesses out.

    Raises:
        TanfengError: A column is unknown, or a value is no number.
    """
    rows = csv.reader(lines)
    header = next(rows, [])
    if columns is None:
        columns = {register_code(name): name for name in header if name.startswith(PREFIX)}
    places = positions(header, columns)
    flags = positions(header, {FLAGS: FLAGS})[FLAGS]
    for line, row in enumerate(rows, 2):
        guessed = set() if interpolated else {name.strip() for name in row[flags].split("|")}
        shown = {
            register: number(row[place], line)
            for register, place in places.items()
            if row[place] and header[place] not in guessed
        }
        if shown:
            yield Sample(to_us(datetime.fromisoformat(row[0])), shown)
