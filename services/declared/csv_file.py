"""A CSV file of registers, one a row, for bulk → the same entries as YAML gives.

Columns: enterprise, site, meter, level, register, then any field of a register, and of its meter: naive_zone,
meter_name_zh, meter_name_en. An empty cell is an absent field. Enterprises and sites must be registered already.
"""

from __future__ import annotations

import csv
import re
from typing import Final

from services.declared.problem import Problem
from services.declared.tree import Entry
from services.unseen import first_unseen

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
KEYS: Final = ("enterprise", "site", "meter", "register")
METER_FIELDS: Final = {
    "level": "level",
    "naive_zone": "naive_zone",
    "meter_name_zh": "name_zh",
    "meter_name_en": "name_en",
}


def parse_csv(text: str) -> tuple[Entry, list[Problem]]:
    """The entries of the file, and what is wrong with its form."""
    lines = _LINE_END.split(text.removeprefix("\ufeff"))
    if not lines[-1]:
        lines.pop()
    reader = csv.reader(lines, strict=True)
    problems = [
        Problem(number, f"{found[1]} at character {found[0] + 1}", "remove it; it does not show in an editor")
        for number, line in enumerate(lines, 1)
        if (found := first_unseen(line))
    ]
    if problems:
        return Entry(1, {"enterprises": Entry(1, {})}), problems
    enterprises: dict[str, Entry] = {}
    try:
        header = [name.strip() for name in next(reader, [])]
        problems += _check_header(header)
        for cells in reader if not problems else ():
            if any(cell.strip() for cell in cells):
                _add(enterprises, header, cells, reader.line_num, problems)
    except csv.Error as error:
        problems.append(Problem(reader.line_num, f"not CSV: {error}", "correct the quotation marks of this line"))
    return Entry(1, {"enterprises": Entry(1, enterprises)}), problems


def _check_header(header: list[str]) -> list[Problem]:
    missing = [name for name in (*KEYS, "level") if name not in header]
    repeated = sorted({name for name in header if header.count(name) > 1})
    return [Problem(1, f"column {name!r} is missing", "add it to the first line") for name in missing] + [
        Problem(1, f"column {name!r} stands there twice", "remove one") for name in repeated
    ]


def _add(
    enterprises: dict[str, Entry], header: list[str], cells: list[str], line: int, problems: list[Problem]
) -> None:
    if len(cells) > len(header):
        problems.append(Problem(line, f"{len(cells)} cells for {len(header)} columns", "quote cells with commas"))
        return
    row = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if cell.strip()}
    missing = [name for name in KEYS if name not in row]
    if missing:
        problems.append(Problem(line, f"{missing[0]} is empty", "fill it in"))
        return
    site = _child(_child(enterprises, row["enterprise"], line), "sites", line)
    meter = _child(_child(_child(site, row["site"], line), "meters", line), row["meter"], line)
    _meter_fields(meter, row, line, problems)
    registers = _child(meter, "registers", line)
    if row["register"] in registers:
        fix = f"remove one; the first is on line {registers[row['register']].line}"
        problems.append(Problem(line, f"register {row['register']!r} stands here twice", fix))
        return
    own = {name: Entry(line, text) for name, text in row.items() if name not in KEYS and name not in METER_FIELDS}
    registers[row["register"]] = Entry(line, own)


def _meter_fields(meter: dict[str, Entry], row: dict[str, str], line: int, problems: list[Problem]) -> None:
    for column, name in METER_FIELDS.items():
        if column not in row:
            continue
        before = meter.setdefault(name, Entry(line, row[column]))
        if before.value != row[column]:
            what = f"{column} of meter {row['meter']!r} is not {before.value!r} here"
            problems.append(Problem(line, what, f"give all rows of a meter the same; line {before.line} has another"))


def _child(parent: dict[str, Entry], key: str, line: int) -> dict[str, Entry]:
    return parent.setdefault(key, Entry(line, {})).mapping
