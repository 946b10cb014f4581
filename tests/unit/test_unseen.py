"""What nobody sees in a file and does not belong there."""

from __future__ import annotations

import pytest

from services.declared.csv_file import parse_csv
from tests.unit.test_registry_file import CSV_HEAD


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("steel,works,sub,3,imp\x07ort,electricity,total_increasing,kWh,0.01,50", "control byte 0x07 at character 22"),
        ("\ufeffsteel,works,sub,3,import,electricity,total_increasing,kWh,0.01,50", "a byte order mark (BOM) at"),
        ("steel,works,sub,3,import,electricity,total_increasing,kWh,0.01,50\x0c", "control byte 0x0c at character 66"),
    ],
)
def test_what_nobody_sees_in_a_csv_is_named_with_its_line_and_place(line: str, fault: str) -> None:
    """Such as the byte order mark of a second file put after the first; a form feed ends no line."""
    _, problems = parse_csv(f"{CSV_HEAD.rstrip()}\n{line}\n")
    [problem] = problems
    assert (problem.line, fault in problem.what) == (2, True), problem
