"""Standstills, suspicions and acts at a reading's instant, in series that a person can follow."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from services.accounting.fold import Fold
from services.accounting.policy import Act, Version, compile_policy
from services.accounting.split import split
from services.accounting.standstills import largest_mean
from services.accounting.state import EventKind, Outcome, Segment
from services.accounting.suspicion import zone_of
from services.model import HOUR_US, QUARTER_US, SECOND_US, ActKind, Kind, OnFall, Stamp
from services.units import PARTS
from simulators.expected import standing
from tests.accounting_books import MemoryBooks

if TYPE_CHECKING:
    from collections.abc import Sequence

KWH = 1000  # thousandths


def version(*, flat_us: int | None = None, on_fall: OnFall = OnFall.CONFIRM, rate: int = 600) -> Version:
    """A quarter-hourly register of whole kWh."""
    return Version(
        max_rate=Decimal(rate),
        resolution=Decimal(1),
        modulus=None,
        interval_us=QUARTER_US,
        gap_us=4 * QUARTER_US,
        slack_us=60_000_000,
        noise=Decimal(1),
        on_fall=on_fall,
        flat_us=flat_us,
    )


def folded(levels: Sequence[int | None], *acts: Act, kind: Kind = Kind.TOTAL_INCREASING, **fields: object) -> Fold:
    """One reading a quarter-hour, None where it is missing; levels in kWh."""
    fold = Fold(compile_policy(kind, [version(**fields)], acts))  # type: ignore[arg-type]
    fold.take_all((n * QUARTER_US, level * KWH) for n, level in enumerate(levels) if level is not None)
    return fold


def energy(fold: Fold) -> tuple[int, int]:
    """Booked and estimated kWh."""
    rows = split(fold.effects.segments).values()
    return sum(row[0] for row in rows) // KWH, sum(row[1] for row in rows) // KWH


def covered_s(fold: Fold) -> int:
    """Seconds covered."""
    return sum(row[2] for row in split(fold.effects.segments).values())


def events(fold: Fold) -> dict[str, str]:
    """The events that stand, by kind, with their suspicion."""
    return {kind.value: event.suspect for (kind, _), event in fold.effects.events.items() if event is not None}


RUNNING = [1000 + 25 * n for n in range(9)]
STUCK = [1200] * 12
TRUTH = [1525 + 25 * n for n in range(6)]


def test_a_gateway_that_repeats_is_booked_from_where_it_stuck() -> None:
    """Three hours of one value, then the truth: all of it is booked, the leg estimated, the event says so."""
    fold = folded([*RUNNING, *STUCK, *TRUTH])
    assert energy(fold) == (650, 325)
    assert events(fold) == {"stuck": ""}


def test_a_reading_missing_in_between_changes_nothing_of_that() -> None:
    """The standstill is one, with or without all its readings."""
    fold = folded([*RUNNING, *STUCK[:5], None, None, *STUCK[7:], *TRUTH])
    assert energy(fold) == (650, 325)
    assert events(fold) == {"stuck": ""}


def test_a_true_standstill_stays_measured() -> None:
    """An idle night and a plant that starts again at a rate its meter can count: nothing is estimated or suspected."""
    fold = folded([*RUNNING, *STUCK, *[1200 + 140 * n for n in range(1, 6)]])
    assert energy(fold) == (900, 0)
    assert events(fold) == {}


def test_another_meter_after_idle_days_breaks_the_level() -> None:
    """What lies between two meters is no energy; the event says what it might have been."""
    fold = folded([*RUNNING, *STUCK, *[2900 + 10 * n for n in range(6)]])
    assert energy(fold) == (250, 0)
    assert events(fold) == {"break": "stuck"}


def test_a_single_jump_out_of_a_standstill_stays_false() -> None:
    """One reading out of reach that nothing follows is held."""
    fold = folded([*RUNNING, *STUCK, 1525, *STUCK])
    assert energy(fold) == (200, 0)
    assert events(fold) == {"held": "stuck"}


IDLE_AGAIN = [1525] * 8


def test_a_plant_that_idles_when_the_truth_is_back_is_booked_from_where_it_stuck() -> None:
    """Three readings of one value are the way out of a standstill, at a rate shown before it."""
    fold = folded([*RUNNING, *STUCK, *IDLE_AGAIN])
    assert energy(fold) == (525, 325)
    assert events(fold) == {"stuck": ""}
    assert [each.estimated for each in standing(fold.effects.segments) if each.start >= 21 * QUARTER_US] == [False] * 7


def test_a_lasting_value_at_a_rate_never_shown_is_not_the_way_out() -> None:
    """2000 after three hours would be 267 an hour where 100 were shown: held, until the time makes it plausible."""
    fold = folded([*RUNNING, *STUCK, 2000, 2000, 2000])
    assert energy(fold) == (200, 0)
    assert events(fold) == {"held": "stuck"}
    assert [event.judged_at for event in fold.effects.events.values() if event is not None] == [
        23 * QUARTER_US,
        None,
        None,
    ]


def test_a_register_that_goes_on_idling_after_zeros_stays_where_it_was() -> None:
    """Zeros are no evidence, though the register could have turned over since it stood still."""
    turning = replace(version(), modulus=Decimal(1686))
    fold = Fold(compile_policy(Kind.TOTAL_INCREASING, [turning]))
    levels = [*RUNNING, *STUCK, 0, 0, 0, *STUCK]
    fold.take_all((n * QUARTER_US, level * KWH) for n, level in enumerate(levels))
    assert energy(fold) == (200, 0)


def test_a_declared_last_level_tells_that_the_gateway_was_stuck() -> None:
    """A swap after three stuck hours: what the old meter counted is booked from where it stuck, estimated."""
    swap = Act(ActKind.REPLACEMENT, 20 * QUARTER_US + QUARTER_US // 3, final=Decimal(1525), start=Decimal(0))
    fold = folded([*RUNNING, *STUCK, 20, 45, 70], swap)
    assert energy(fold) == (200 + 325 + 70, 325)
    assert events(fold) == {"stuck": "", "replacement": ""}
    assert [each for each in standing(fold.effects.segments) if each.estimated] == [
        Segment(8 * QUARTER_US, swap.at, 325 * KWH, estimated=True)
    ]


def test_a_declared_last_level_that_nothing_explains_is_inconsistent() -> None:
    """Neither the end of the standstill nor its start reaches it."""
    swap = Act(ActKind.REPLACEMENT, 20 * QUARTER_US + QUARTER_US // 3, final=Decimal(5525), start=Decimal(0))
    fold = folded([*RUNNING, *STUCK, 20, 45, 70], swap)
    assert energy(fold) == (200 + 70, 0)
    assert events(fold) == {"inconsistent": "", "replacement": ""}


def test_a_register_that_holds_books_no_way_back() -> None:
    """`on_fall: hold` decides nothing by itself."""
    fold = folded([*RUNNING, *STUCK, *[3000 + 25 * n for n in range(6)]], on_fall=OnFall.HOLD)
    assert energy(fold) == (200, 0)


def test_a_standstill_beyond_belief_covers_nothing() -> None:
    """Its readings are no measurement of zero; the rise that ends it is booked from its start, estimated."""
    standing = folded([*RUNNING, *STUCK], flat_us=HOUR_US)
    assert covered_s(standing) == 8 * 900
    ended = folded([*RUNNING, *STUCK, 1300, 1325], flat_us=HOUR_US)
    assert energy(ended) == (325, 100)
    assert covered_s(ended) == 22 * 900
    assert events(ended) == {"stuck": ""}


def test_a_standstill_within_belief_is_covered() -> None:
    """It counts from its first reading to its last."""
    assert covered_s(folded([*RUNNING, *STUCK], flat_us=4 * HOUR_US)) == 20 * 900


def test_a_register_that_stood_still_over_a_gap_is_measured() -> None:
    """One that only rises and shows the same on both sides stood still in between; a net one may not have."""
    levels = [*RUNNING, None, None, None, None, None, 1200, 1225]
    rows = split(folded(levels).effects.segments)
    assert sum(row[3] for row in rows.values()) == 0
    rows = split(folded(levels, kind=Kind.TOTAL).effects.segments)
    assert sum(row[3] for row in rows.values()) == 6 * 900


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


def test_the_largest_mean_is_over_an_hour_or_all() -> None:
    """A burst of minutes does not count as a rate; a stretch shorter than an hour counts as a whole."""
    minute = HOUR_US // 60
    burst = [(n * minute, 0 if n < 70 else 600) for n in range(131)]
    assert largest_mean(burst) * HOUR_US == 600
    assert largest_mean([(0, 0), (30 * minute, 100)]) * HOUR_US == 200
    assert largest_mean([(0, 0)]) == 0


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
