"""A plugin of pytest that prints which rules the collected tests are marked with: 'fires of PueHigh', one a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pytest

MARKS: Final = ("fires", "stays_quiet")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Print each mark and rule once; a test that would be skipped proves nothing."""
    runs = [item for item in items if item.get_closest_marker("skip") is None]
    marks = [mark for item in runs for mark in item.iter_markers() if mark.name in MARKS]
    found = {(mark.name, rule) for mark in marks for rule in mark.args}
    print(*(f"\n{mark} of {rule}" for mark, rule in sorted(found)))  # noqa: T201 - what it is for
