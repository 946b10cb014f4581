"""A CSV of `read_at,value` as the readings that can be folded, and for every row what became of it."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain, pairwise
from statistics import median_low
from typing import TYPE_CHECKING, Final

from services.errors import TanfengError
from services.model import HOUR_US, QUARTER_US, iso
from services.units import LIMIT, MILLI, thousandths
from services.wire.numbers import Number, value_of
from services.wire.outcome import RefusedError
from services.wire.rejections import REJECTIONS
from services.wire.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from fractions import Fraction
    from pathlib import Path
    from typing import TextIO

COLUMNS: Final = ("read_at", "value")
LONGEST_LINE: Final = 65_536
"""Characters; what has no line end (a device, a binary file) is refused there instead of read for ever."""
MOST_ROWS: Final = 2_000_000
"""Rows are read one by one, and each one kept takes about 1 KiB until the statement is printed: 2 GiB at this many."""
LONGEST_SPAN_US: Final = 60 * 366 * 24 * HOUR_US
"""Quarter-hours are held as rows too: a stamp of the year 1 or 9999 would make hundreds of millions of them."""
_LARGEST_EXPONENT: Final = 15


@dataclass(slots=True)
class Row:
    """One row as it stands in the file; `outcome` and `why` are known at once where the row is not folded."""

    read_at: str
    value: str
    at: int | None = None
    decimal: Decimal | None = None
    outcome: str = ""
    why: str = ""


@dataclass(slots=True)
class Listing:
    """The rows in file order, and the reading that stands for each instant."""

    rows: list[Row] = field(default_factory=list)
    standing: dict[int, Row] = field(default_factory=dict)

    def readings(self, unit_factor: Fraction) -> list[tuple[int, Fraction]]:
        """What is folded, in order of time, in thousandths before any multiplier."""
        return [
            (at, thousandths(row.decimal, unit_factor))
            for at, row in sorted(self.standing.items())
            if row.decimal is not None
        ]

    def interval_us(self) -> int:
        """The usual distance between readings: their lower median; of one distance none is usual: a quarter-hour.

        The lower one, so that a file of few readings does not take its own gap for what is usual.
        """
        times = sorted(self.standing)
        steps = [later - earlier for earlier, later in pairwise(times)]
        return median_low(steps) if len(steps) > 1 else min([QUARTER_US, *steps])

    def resolution(self) -> Decimal:
        """One unit of the last decimal place that the file shows."""
        places = [max(0, -int(_exponent(row))) for row in self.standing.values()]
        return Decimal(1).scaleb(-max(places, default=3))


def _exponent(row: Row) -> int:
    exponent = row.decimal.as_tuple().exponent if row.decimal is not None else 0
    return exponent if isinstance(exponent, int) else 0


def read_listing(path: Path, naive_zone: str | None) -> Listing:
    """Read the file; `naive_zone` is the zone of times without one.

    Raises:
        TanfengError: The file cannot be read, lacks a column, or is longer than can be held.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _bounded(path, sort_out(_rows(path, file), naive_zone))
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise TanfengError(
            f"cannot read {path}: {problem}", "name a UTF-8 CSV file with the columns read_at,value"
        ) from None


def _bounded(path: Path, listing: Listing) -> Listing:
    """The listing, refused where its readings lie further apart than can be held."""
    first, last = min(listing.standing, default=0), max(listing.standing, default=0)
    if last - first > LONGEST_SPAN_US:
        raise TanfengError(
            f"the readings of {path} reach from {iso(first)} to {iso(last)}: more than 60 years",
            "leave out the rows whose clock was wrong, or split the file by time",
        )
    return listing


def _rows(path: Path, file: TextIO) -> Iterator[Row]:
    lines = _lines(path, file)
    first = next(lines, "")
    separator = max(",;\t", key=first.count)
    table = csv.DictReader(chain([first], lines), delimiter=separator)
    missing = [column for column in COLUMNS if column not in (table.fieldnames or ())]
    if missing:
        found = ", ".join(table.fieldnames or ()) or "nothing"
        raise TanfengError(
            f"{path} has no column {' and '.join(missing)} (found: {found})", "name them in the first line"
        )
    for number, row in enumerate(table, 1):
        if number > MOST_ROWS:
            raise TanfengError(f"{path} has more than {MOST_ROWS:,} rows", "split it by time")
        yield Row((row["read_at"] or "").strip(), (row["value"] or "").strip())


def _lines(path: Path, file: TextIO) -> Iterator[str]:
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise TanfengError(
                f"line {number} of {path} has more than {LONGEST_LINE:,} characters",
                "name a CSV file with the columns read_at,value, one reading a line",
            )
        yield line


def sort_out(rows: Iterable[Row], naive_zone: str | None) -> Listing:
    """Judge each row on its own: rejected, repeated, in conflict with an earlier row, or standing."""
    listing = Listing()
    for row in rows:
        listing.rows.append(row)
        try:
            row.at, row.decimal = _parsed(row, naive_zone)
        except RefusedError as refusal:
            explanation = REJECTIONS[refusal.code]
            row.outcome = "rejected"
            row.why = f"{explanation.what_zh} / {explanation.what_en}: {refusal.detail}"
            continue
        first = listing.standing.setdefault(row.at, row)
        if first is not row:
            row.outcome = "duplicate" if first.decimal == row.decimal else "conflict"
            row.why = (
                "同一时刻同一数值，只计一次 / the same value for the same instant counts once"
                if row.outcome == "duplicate"
                else f"同一时刻先有 {first.value}，以先到者为准 / {first.value} came first for this instant and stands"
            )
    return listing


def _parsed(row: Row, naive_zone: str | None) -> tuple[int, Decimal]:
    at, value = parse_time(_numeric(row.read_at), naive_zone), value_of(_numeric(row.value))
    if value.adjusted() > _LARGEST_EXPONENT or abs(value) * MILLI >= LIMIT:
        raise RefusedError("out_of_range", row.value)
    return at, value


def _numeric(text: str) -> str:
    """A cell that is a number as the wire's number type, so that epoch times and exponents are read as there."""
    try:
        return Number(text) if Decimal(text).is_finite() else text
    except ArithmeticError:
        return text
