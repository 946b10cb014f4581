"""Standstills, true and stuck, in series that a person can follow."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from services.accounting.fold import Fold
from services.accounting.policy import Act, compile_policy
from services.accounting.split import split
from services.accounting.standstills import largest_mean
from services.accounting.state import Segment
from services.model import HOUR_US, QUARTER_US, ActKind, Kind, OnFall
from simulators.expected import standing
from tests.quarter_series import KWH, RUNNING, STUCK, TRUTH, covered_s, energy, events, folded, version


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


def test_the_largest_mean_is_over_an_hour_or_all() -> None:
    """A burst of minutes does not count as a rate; a stretch shorter than an hour counts as a whole."""
    minute = HOUR_US // 60
    burst = [(n * minute, 0 if n < 70 else 600) for n in range(131)]
    assert largest_mean(burst) * HOUR_US == 600
    assert largest_mean([(0, 0), (30 * minute, 100)]) * HOUR_US == 200
    assert largest_mean([(0, 0)]) == 0
