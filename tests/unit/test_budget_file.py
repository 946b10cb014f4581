"""A file of budgets: the shipped example, exact amounts, and every fault with its line and fix."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from services.budgets.file import read_budgets
from services.budgets.model import Draft, Known, Measure

if TYPE_CHECKING:
    from services.declared.problem import Problem

EXAMPLE = Path(__file__).parents[2] / "examples" / "budgets.yaml"
COAL = ("raw_coal", "anthracite", "bituminous_coal", "lignite", "washed_coal", "gasoline", "diesel", "kerosene")
KNOWN = Known(
    "shili",
    frozenset({"steel", "tyre", "civic"}),
    {
        "steel-works": "steel",
        "tyre-plant": "tyre",
        "civic-centre": "civic",
        "strontium-plant": "strontium",
        "electronics-plant": "electronics",
    },
    {"electricity": "kWh", "natural_gas": "Nm3", **dict.fromkeys(COAL, "kg")},
    frozenset({"barometer", "municipal"}),
)
GOOD = """
budgets:
  - code: power
    year: 2026
    enterprise: steel
    name_zh: 电力
    name_en: Power
    carriers: [electricity]
    measure: energy
    unit: MWh
    annual: 1200.001
"""


def read(text: str) -> tuple[list[Draft], list[Problem]]:
    """The drafts and problems of a text."""
    return read_budgets(text, KNOWN)


def test_the_shipped_example_is_sound() -> None:
    """Caps for coal, refined oil and natural gas, each with its section of the plan, and one of every kind besides."""
    drafts, problems = read(EXAMPLE.read_text("utf-8"))
    assert problems == []
    by_code = {draft.code: draft for draft in drafts}
    for code, section in (("coal", "八·2"), ("refined-oil", "八·3"), ("natural-gas", "八·4")):
        cap = by_code[f"cap-{code}-2026"]
        assert (cap.enterprise, cap.site) == (None, None)
        assert section in cap.source
    assert sum(by_code["cap-natural-gas-2026"].parts.values()) == 300_000_000 * 1000
    assert sum(by_code["cap-refined-oil-2026"].parts.values()) == 156_000_000 * 1000
    assert {draft.measure for draft in drafts} == set(Measure)
    assert by_code["steel-intensity"].product == "粗钢"


def test_amounts_are_exact_and_the_months_add_up() -> None:
    """1200.001 MWh are 1,200,001,000 Wh, none lost in twelve parts."""
    drafts, problems = read(GOOD)
    assert problems == []
    assert sum(drafts[0].parts.values()) == 1_200_001_000
    assert drafts[0].unit.shown_per_base == Decimal("0.001")


def test_last_years_profile_leaves_the_months_to_the_store() -> None:
    """Only the total is in the file."""
    drafts, problems = read(GOOD + "    split: last_year\n")
    assert problems == []
    assert (drafts[0].split, drafts[0].total, drafts[0].parts) == ("last_year", 1_200_001_000, {})


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("enterprise: steel", "enterprise: stel", 5, "no enterprise 'stel'"),
        ("enterprise: steel", "district: elsewhere", 5, "no district 'elsewhere'"),
        ("enterprise: steel", "enterprise: steel\n    site: tyre-plant", 6, "no site 'tyre-plant'"),
        ("[electricity]", "[steam]", 8, "'steam' is unknown"),
        ("[electricity]", "[electricity, natural_gas]", 8, "adds up Nm3 and kWh"),
        ("unit: MWh", "unit: tce", 10, "unknown unit 'tce'"),
        ("annual: 1200.001", "annual: 0.0000001", 11, "finer than the books"),
        ("annual: 1200.001", "annual: -5", 11, "not above zero"),
        ("annual: 1200.001", "annual: 1\n    monthly: 2", 3, "gives annual and monthly"),
        ("annual: 1200.001", "limit: 5", 3, "gives limit"),
        ("annual: 1200.001", "", 3, "gives no amount"),
        ("annual: 1200.001", "monthly: {13: 5}", 11, "'13' is no month"),
        ("annual: 1200.001", "annual: 12\n    split: by_hand\n    months: {1: 12}", 13, "names 1 months"),
        ("measure: energy", "measure: coal", 10, "no unit of coal"),
        ("measure: energy", "measure: coal\n    basis: both", 11, "no unit of coal"),
        ("year: 2026", "year: 26", 4, "no year"),
        ("year: 2026", "year: 2026\n    coverage: 1.5", 5, "above 1"),
        ("year: 2026", "year: 2026\n    levels: [much]", 5, "no decimal"),
        ("year: 2026", "year: 2026\n    colour: red", 5, "unknown field 'colour'"),
        ("year: 2026", "year: 2026\n    scheme: rainbow", 5, "'rainbow' is unknown"),
    ],
)
def test_each_fault_is_told_with_its_line_and_leaves_no_draft(old: str, new: str, line: int, what: str) -> None:
    """What is wrong, where, and a fix."""
    drafts, problems = read(GOOD.replace(old, new))
    assert drafts == []
    assert [(each.line, bool(each.fix)) for each in problems if what in each.what] == [(line, True)], problems


def test_months_by_hand_must_add_up_to_the_year() -> None:
    """The difference is told."""
    months = ", ".join(f"{month}: 100" for month in range(1, 13))
    _, problems = read(GOOD + f"    split: by_hand\n    months: {{{months}}}\n")
    assert ["less than the year" in each.what for each in problems] == [True]


def test_a_budget_twice_in_a_file_is_refused() -> None:
    """Which of the two would hold?"""
    _, problems = read(GOOD + GOOD.replace("\nbudgets:\n", ""))
    assert ["twice" in each.what for each in problems] == [True]
