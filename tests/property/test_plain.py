"""The hot path of the fold, which asks for many readings together, against taking them one by one."""

from __future__ import annotations

import os
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from services.accounting.fold import Fold, HistoryNeededError
from services.accounting.plain import STRETCH
from services.accounting.policy import Policy, Version, compile_policy
from services.accounting.split import split
from services.accounting.state import Outcome
from services.model import QUARTER_US, SECOND_US, Kind

EXAMPLES = int(os.environ.get("TANFENG_EXAMPLES", "2000"))
MINUTE_US = 60 * SECOND_US


def policy_of(interval: int, gap: int, slack: int, rate: int, modulus: int | None, times: Fraction) -> Policy:
    """A register that only rises, of so many units an hour at most."""
    version = Version(
        max_rate=Decimal(rate),
        resolution=Decimal("0.001"),
        modulus=None if modulus is None else Decimal(modulus),
        interval_us=interval,
        gap_us=gap,
        slack_us=slack,
        noise=Decimal("0.002"),
    )
    return compile_policy(Kind.TOTAL_INCREASING, [version], multiplier=times)


@st.composite
def lives(draw: st.DrawFn) -> tuple[Policy, list[tuple[int, int]]]:
    """Rows of small rises at about the interval, with up to two steps that are none of that."""
    interval = draw(st.sampled_from([MINUTE_US, 90 * SECOND_US, 5 * MINUTE_US]))
    policy = policy_of(
        interval,
        gap=draw(st.sampled_from([1, 4])) * interval,
        slack=draw(st.sampled_from([0, MINUTE_US // 2])),
        rate=draw(st.sampled_from([1, 600])),
        modulus=draw(st.sampled_from([None, None, 3, 100])),
        times=draw(st.sampled_from([Fraction(1), Fraction(7), Fraction(1, 2)])),
    )
    steps = draw(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([2, 2, 2, 3])), min_size=STRETCH, max_size=60))
    odd = draw(st.dictionaries(st.integers(0, 60), st.tuples(st.integers(-200, 3000), st.integers(1, 9)), max_size=2))
    at, value, readings = draw(st.integers(0, 60)) * 15 * SECOND_US, draw(st.integers(0, 2990)), []
    for place, step in enumerate(steps):
        rise, halves = odd.get(place, step)
        at += halves * interval // 2 + draw(st.sampled_from([0, 0, 1]))
        value += rise
        readings.append((at, value))
    return policy, readings


def books_of(fold: Fold) -> tuple[object, ...]:
    """All that is written of a fold."""
    doubts = {at: said for at, said in fold.effects.verdicts.items() if said.outcome is not Outcome.SOUND}
    rows = {bucket: row for bucket, row in split(fold.effects.segments).items() if any(row)}
    return fold.state, rows, fold.effects.events, doubts


def booked(policy: Policy, *parts: list[tuple[int, int]]) -> Fold:
    """The parts booked one after the other."""
    fold = Fold(policy)
    for part in parts:
        fold.book_all([at for at, _ in part], [raw for _, raw in part])
    return fold


@given(lives(), st.integers(0, 60))
@settings(max_examples=EXAMPLES, deadline=None)
def test_readings_booked_together_give_the_books_of_taking_one_by_one(
    life: tuple[Policy, list[tuple[int, int]]], cut: int
) -> None:
    """Where the extremes show that all is plain, and where one reading is not, after any reading."""
    policy, readings = life
    whole = Fold(policy)
    whole.take_all(readings)
    try:
        together = booked(policy, readings[:cut], readings[cut:])
    except (
        HistoryNeededError
    ):  # a judgement looks back on what was booked together: the books are folded from the readings
        return
    assert books_of(together) == books_of(whole)


def test_a_calm_stretch_is_one_segment_a_quarter_hour() -> None:
    """An hour of minutes from a quarter-hour's edge on is booked by four segments, not sixty."""
    policy = policy_of(MINUTE_US, 4 * MINUTE_US, MINUTE_US, 1000, None, Fraction(1))
    readings = [(QUARTER_US + n * MINUTE_US, 5 * n) for n in range(61)]
    fold = booked(policy, readings[:1], readings[1:])
    assert [(each.start, each.end, each.amount) for each in fold.effects.segments] == [
        (QUARTER_US * n, QUARTER_US * (n + 1), 75) for n in range(1, 5)
    ]


def test_a_turn_after_a_standstill_is_told_by_what_follows_it() -> None:
    """Zeros that counted in the end are judged by their own rate, not by what was booked together before them."""
    policy = policy_of(MINUTE_US, MINUTE_US, 0, 600, 3, Fraction(7))
    readings = [(n * MINUTE_US + MINUTE_US // 2, value) for n, value in enumerate([3, 3, 0, 0, 0, 0, 0, 1])]
    whole = Fold(policy)
    whole.take_all(readings)
    assert books_of(booked(policy, readings)) == books_of(whole)
