"""The rules' file, words and runbooks: checked by line, complete, and said in one line each."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from string import Formatter

import pytest

from services.alerts.catalogue import RULES
from services.alerts.file import from_settings, read_rules, shipped
from services.alerts.rule import Mode
from services.alerts.watchers import WATCHERS, WINDOW_WATCHERS
from services.alerts.words import number

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"


def test_the_shipped_file_is_sound_and_names_every_rule_with_its_defaults() -> None:
    """What the file says is what holds without it."""
    versions, problems = read_rules(shipped())
    assert problems == []
    assert {name: version.settings for name, version in versions.items()} == {
        name: version.settings for name, version in read_rules("rules: {}\n")[0].items()
    }
    for name in RULES:
        assert f"\n  {name}: {{" in shipped()


@pytest.mark.parametrize("name", RULES)
def test_every_rule_has_a_watcher_a_runbook_and_one_line_in_two_languages(name: str) -> None:
    """And its page names it and its settings."""
    rule = RULES[name]
    assert name in (WINDOW_WATCHERS if rule.mode is Mode.WINDOWS else WATCHERS)
    page = (RUNBOOKS / f"{name}.md").read_text("utf-8")
    assert page.startswith(f"# {name} · {rule.title_zh} / {rule.title_en}\n")
    assert all(f"`{parameter}`" in page for parameter in rule.parameters)
    for line in (rule.summary_zh, rule.summary_en):
        assert "\n" not in line
        assert list(Formatter().parse(line))
    assert rule.summary_zh != rule.summary_en


def test_no_runbook_is_of_a_rule_that_is_gone() -> None:
    """One page a rule."""
    assert {page.stem for page in RUNBOOKS.glob("*.md")} == set(RULES)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("rules:\n  PuHigh: {}\n", 2, "there is no rule PuHigh"),
        ("rules:\n  PueHigh: {fro: 1h}\n", 2, "PueHigh has an unknown field 'fro'"),
        ("rules:\n  PueHigh:\n    above: high\n", 3, "above of PueHigh: 'high' is no decimal number"),
        ("rules:\n  PueHigh:\n    clear: 1.6\n", 3, "PueHigh clears at 1.6, above is 1.5"),
        ("rules:\n  CompletenessLow: {clear: 0.8}\n", 2, "CompletenessLow clears at 0.8, below is 0.90"),
        ("rules:\n  PueHigh: {window: 2h}\n", 2, "window of PueHigh: '2h' is no window of PUE"),
        ("rules:\n  PueHigh: {severity: loud}\n", 2, "severity of PueHigh: 'loud' is unknown"),
        ("rules:\n  DemandHigh:\n    limits:\n      dc-a: -5\n", 4, "limits of DemandHigh, dc-a: -5 is not above zero"),
        ("rules:\n  PueHigh: {for: forever}\n", 2, "for of PueHigh: 'forever' is no duration"),
        ("rule: {}\n", 1, "the file has an unknown field 'rule'"),
        ("rules: [\n", 2, "not YAML: did not find expected node content"),
    ],
)
def test_a_wrong_file_is_told_by_line(text: str, line: int, what: str) -> None:
    """Each with a fix."""
    _, problems = read_rules(text)
    assert [(each.line, each.what) for each in problems] == [(line, what)]
    assert problems[0].fix


def test_settings_survive_the_database() -> None:
    """What is stored as JSON reads as what was written; what a later release added or dropped has its default."""
    version = read_rules("rules:\n  DemandHigh: {limits: {dc-a: 1200}, severity: notice, enabled: false}\n")[0][
        "DemandHigh"
    ]
    back = from_settings(RULES["DemandHigh"], version.settings | {"gone": "1"}, 3, 0)
    assert back.settings == version.settings
    assert (back.map("limits")["dc-a"], back.enabled, back.version) == (Decimal(1200), False, 3)


@pytest.mark.parametrize(
    ("value", "shown"),
    [("1.500000", "1.5"), ("1200", "1,200"), ("0", "0"), ("1.63636363", "1.6364"), ("1E+3", "1,000")],
)
def test_numbers_are_written_for_people(value: str, shown: str) -> None:
    """Separators, no trailing zeros."""
    assert number(Decimal(value)) == shown
