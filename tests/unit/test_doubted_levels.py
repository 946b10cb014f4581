"""What the fold suspects of a level that broke, and what it makes of what follows: series that a person can follow."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from services.accounting.fold import Fold
from services.accounting.policy import Act, Version, compile_policy
from services.accounting.split import split
from services.accounting.suspicion import zone_of
from services.model import HOUR_US, QUARTER_US, ActKind, Kind
from tests.accounting_books import MemoryBooks
from tests.quarter_series import KWH, energy, events, folded, version


def test_what_follows_a_change_of_scale_is_estimated_until_an_act_says_what_it_was() -> None:
    """A tenth is shown: the level breaks, and every later leg is estimated until the multiplier is declared."""
    before, after = [123456 + 15 * n for n in range(9)], [12359 + 2 * n for n in range(1, 9)]
    fold = folded([*before, *after], rate=100)
    assert events(fold) == {"break": "scale 0.1"}
    booked, estimated = energy(fold)
    assert (booked, estimated) == (120 + 14, 14)
    act = Act(ActKind.MULTIPLIER, 13 * QUARTER_US, value=Decimal(1), reading=Decimal(12369))
    told = folded([*before, *after], act, rate=100)
    assert energy(told)[1] == 8


@pytest.mark.parametrize(
    ("factor", "suspect"),
    [
        ("0.1", "scale 0.1"),
        ("1000", "scale 1000"),
        ("3.6", "scale 3.6"),
        ("40", "ratio 40"),
        ("1/40", "ratio 1/40"),
        ("5/18", "scale 1/3.6"),
    ],
)
def test_a_change_of_scale_or_ratio_is_named(factor: str, suspect: str) -> None:
    """The factor that makes the reading plausible after the baseline, as people write it."""
    levels = [Fraction(1_234_560 + 15 * n) * (1 if n < 9 else Fraction(factor)) for n in range(16)]
    fold = folded([int(level) for level in levels], rate=100)
    assert set(events(fold).values()) == {suspect}


def test_a_scaled_register_that_turned_over_is_named() -> None:
    """Ten times a level near the modulus is shown without its first digit."""
    whole = Version(
        max_rate=Decimal(25),
        resolution=Decimal("0.01"),
        modulus=Decimal(1_000_000),
        interval_us=QUARTER_US,
        gap_us=4 * QUARTER_US,
        slack_us=60_000_000,
        noise=Decimal("0.01"),
    )
    fold = Fold(compile_policy(Kind.TOTAL_INCREASING, [whole]))
    levels = [Decimal("999620.36") + n * Decimal("0.5") for n in range(12)]
    shown = [level if n < 6 else level * 10 % 1_000_000 for n, level in enumerate(levels)]
    fold.take_all((n * QUARTER_US, int(level * KWH)) for n, level in enumerate(shown))
    assert events(fold) == {"break": "scale 10"}


def test_a_clock_behind_by_whole_half_hours_is_named() -> None:
    """Eight hours more than a quarter-hour holds, at the usual rate."""
    levels = [10_000 + 25 * n for n in range(9)]
    levels += [10_000 + 25 * (n + 32) for n in range(9, 15)]
    assert events(folded(levels, rate=200)) == {"break": "zone -8:00"}


def test_a_clock_behind_under_a_load_that_varies_is_doubted() -> None:
    """Eight hours at another rate than the one after them: no number fits, what follows is estimated all the same."""
    levels = [10_000 + 25 * n for n in range(9)]
    levels += [10_200 + 25 + 32 * 18 + 31 * n for n in range(6)]
    fold = folded(levels, rate=200)
    assert events(fold) == {"break": "zone"}
    assert energy(fold) == (200 + 155, 155)
    told = folded(
        levels, Act(ActKind.REPLACEMENT, 9 * QUARTER_US - 1, final=Decimal(10_225), start=Decimal(10_801)), rate=200
    )
    assert energy(told) == (225 + 155, 0)


def test_a_doubted_level_that_stays_the_same_is_folded_again_as_it_was() -> None:
    """Another ratio is declared for later: books and state are those of one fold over all, whatever `flat` is."""
    levels = [10_000 + 25 * n for n in range(9)] + [10_801 + 31 * n for n in range(6)] + [10_956] * 12
    readings = [(n * QUARTER_US, level * KWH) for n, level in enumerate(levels)]
    rules, act = version(flat_us=HOUR_US, rate=200), Act(ActKind.MULTIPLIER, 30 * QUARTER_US, value=Decimal(2))
    books = MemoryBooks(Kind.TOTAL_INCREASING, [rules])
    books.book(readings)
    books.declare(act)
    whole = Fold(compile_policy(Kind.TOTAL_INCREASING, [rules], [act]))
    whole.take_all(readings)
    assert books.full_state() == whole.state
    assert books.ledger == {at: row for at, row in split(whole.effects.segments).items() if any(row)}


def test_a_rise_beyond_fourteen_hours_is_no_clock() -> None:
    """Another meter is: what it counts is measured."""
    fold = folded([*[10_000 + 25 * n for n in range(9)], *[14_000 + 31 * n for n in range(6)]], rate=200)
    assert events(fold) == {"break": ""}
    assert energy(fold) == (200 + 155, 0)


def test_a_zone_is_only_named_where_it_fits() -> None:
    """Neither an hour's quarter nor a day is an error of a zone."""
    assert zone_of(825, QUARTER_US, 25, QUARTER_US) == "zone -8:00"
    assert zone_of(825 + 15, QUARTER_US, 25, QUARTER_US) == ""
    assert zone_of(25 * 97, QUARTER_US, 25, QUARTER_US) == ""
