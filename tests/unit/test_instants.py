"""Acts at a reading's own instant, and stamps at an interval's edge, in series that a person can follow."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from services.accounting.fold import Fold
from services.accounting.policy import Act, compile_policy
from services.accounting.split import split
from services.accounting.state import EventKind, Outcome
from services.model import HOUR_US, QUARTER_US, SECOND_US, ActKind, Kind, Stamp
from services.units import PARTS
from tests.quarter_series import KWH, energy, folded, version


def test_a_reading_at_a_reset_belongs_to_the_side_it_fits() -> None:
    """The old one's last reading closes it, zero opens the new one; what fits neither is judged by the new side."""
    act = Act(ActKind.RESET, 4 * QUARTER_US)
    closing = folded([500, 520, 540, 560, 580, 20, 40], act)
    assert energy(closing) == (120, 0)
    assert closing.effects.verdicts[4 * QUARTER_US].outcome is Outcome.CLOSING
    opening = folded([500, 520, 540, 560, 0, 20, 40], act)
    assert energy(opening) == (100, 0)
    neither = folded([500, 520, 540, 560, 15, 35, 55], act)
    assert energy(neither) == (115, 0)


def test_with_a_final_level_the_old_side_must_fit_that_too() -> None:
    """A reading at the swap that would fit the old meter, but not its declared last level, is the new one's."""
    swap = Act(ActKind.REPLACEMENT, 4 * QUARTER_US, final=Decimal(565), start=Decimal(580))
    fold = folded([500, 520, 540, 560, 580, 600], swap)
    assert energy(fold) == (85, 0)
    assert fold.effects.verdicts[4 * QUARTER_US].outcome is Outcome.SOUND
    agreed = folded([500, 520, 540, 560, 580, 600], Act(ActKind.REPLACEMENT, 4 * QUARTER_US, final=Decimal(580),
                                                        start=Decimal(580)))  # fmt: skip
    assert energy(agreed) == (100, 0)
    assert agreed.effects.verdicts[4 * QUARTER_US].outcome is Outcome.CLOSING


def test_an_act_without_time_books_no_more_than_a_step() -> None:
    """A declared final level two steps above the reading of its very instant is not that reading's."""
    swap = Act(ActKind.REPLACEMENT, 2 * QUARTER_US, final=Decimal(543), start=Decimal(0))
    fold = folded([500, 520, 541, 20], swap)
    assert fold.effects.verdicts[2 * QUARTER_US].outcome is not Outcome.CLOSING
    assert (EventKind.REPLACEMENT, 2 * QUARTER_US) in fold.effects.events


@pytest.mark.parametrize(
    ("levels", "act", "booked"),
    [
        ([620, 20, 40], Act(ActKind.RESET, 0), 40),
        ([0, 20, 40], Act(ActKind.RESET, 0), 40),
        ([620, 7020, 7040], Act(ActKind.REPLACEMENT, 0, final=Decimal(620), start=Decimal(7000)), 40),
        ([7000, 7020, 7040], Act(ActKind.REPLACEMENT, 0, final=Decimal(620), start=Decimal(7000)), 40),
        ([620, 640, 660], Act(ActKind.MULTIPLIER, 0, value=Decimal(2), reading=Decimal(620)), 80),
    ],
)
def test_a_first_reading_at_an_act_belongs_to_the_side_it_fits(levels: list[int], act: Act, booked: int) -> None:
    """The old meter's last reading may be the first one there is: what follows starts at the new level, none held."""
    fold = folded(levels, act)
    assert energy(fold) == (booked, 0)
    assert {verdict.outcome for verdict in fold.effects.verdicts.values()} <= {Outcome.SOUND, Outcome.CLOSING}


@pytest.mark.parametrize(("stamp", "late_us", "booked"), [("end", 0, 70), ("end", 2_000_000, 70), ("start", 0, 80)])
def test_an_amount_that_ends_at_a_change_of_ratio_is_of_the_ratio_before(stamp: str, late_us: int, booked: int) -> None:
    """Five amounts of 10, the ratio doubled at the third stamp: that interval ends or begins there."""
    rules = replace(version(), stamp=Stamp(stamp))
    act = Act(ActKind.MULTIPLIER, 3 * QUARTER_US, value=Decimal(2))
    fold = Fold(compile_policy(Kind.INTERVAL, [rules], [act]))
    fold.take_all((n * QUARTER_US + late_us, 10 * KWH) for n in range(1, 6))
    assert sum(row[0] for row in split(fold.effects.segments).values()) == booked * KWH * PARTS


@pytest.mark.parametrize("stamp", list(Stamp))
def test_stamps_that_are_off_by_the_slack_both_ways_lose_nothing(stamp: Stamp) -> None:
    """A minute late, then a minute early: two stamps thirteen minutes apart are of neighbouring quarter-hours."""
    fold = Fold(compile_policy(Kind.INTERVAL, [replace(version(), stamp=stamp)]))
    fold.take_all((n * QUARTER_US + (60 if n % 2 else -60) * SECOND_US, 10 * KWH) for n in range(1, 97))
    assert sum(row[0] for row in split(fold.effects.segments).values()) == 960 * KWH * PARTS
    assert {verdict.outcome for verdict in fold.effects.verdicts.values()} == {Outcome.SOUND}


def test_a_stamp_off_by_more_than_a_quarter_of_the_interval_is_held() -> None:
    """However large the slack is: an amount of 74 minutes' distance in hours overlaps nothing, one of 44 does."""
    hourly = replace(version(), interval_us=HOUR_US, slack_us=HOUR_US)
    fold = Fold(compile_policy(Kind.INTERVAL, [hourly]))
    minutes = [60, 105, 149, 223]
    fold.take_all((n * HOUR_US // 60, 10 * KWH) for n in minutes)
    held = [at for at, verdict in fold.effects.verdicts.items() if verdict.outcome is Outcome.HELD]
    assert held == [149 * HOUR_US // 60]
