"""Every rule has a series that fires it and one that must not: tests marked so, each mark checked after its test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from services.alerts.catalogue import RULES
from tests.alert_rig import untrue
from tests.marked_rules import MARKS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def marked() -> dict[str, set[str]]:
    """Mark → rules, over all contract tests there are and not only those of this run."""
    command = (sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "tests.marked_rules", "tests/contract")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    pairs = [line.strip().split(" of ") for line in done.stdout.splitlines() if " of " in line]
    return {mark: {rule for name, rule in pairs if name == mark} for mark in MARKS}


@pytest.mark.parametrize("mark", MARKS)
def test_every_rule_has_a_test_with_each_mark(marked: dict[str, set[str]], mark: str) -> None:
    """A rule without its pair of series fails here, and so does a mark that names no rule."""
    assert marked[mark] == set(RULES)


@pytest.mark.parametrize(
    ("mark", "raised", "is_true"),
    [
        ("fires", {"PueHigh": True}, True),
        ("fires", {"PueHigh": False}, False),
        ("fires", {}, False),
        ("stays_quiet", {"PueHigh": False}, True),
        ("stays_quiet", {"PueHigh": True}, False),
        ("stays_quiet", {}, False),
    ],
)
def test_a_mark_is_true_only_of_a_rule_that_was_looked_for(mark: str, raised: dict[str, bool], is_true: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """What no look saw is neither fired nor quiet."""
    assert untrue([(mark, "PueHigh")], raised) == ([] if is_true else [f"{mark} of PueHigh"])
