"""The fold and the refold against the naive oracle, in tiny numbers where the rules collide."""

from __future__ import annotations

import os
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.accounting.fold import Fold, HistoryNeededError
from services.accounting.policy import Act, Policy, compile_policy
from services.accounting.split import split
from services.accounting.state import Outcome, Segment, Verdict
from services.model import Kind
from tests.accounting_books import MemoryBooks
from tests.histories import FARTHEST, HOUR, WEEK, History, short_times
from tests.naive_fold import NaiveFold
from tests.oracles import quarters

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True, scope="module")
def _short_times() -> Iterator[None]:
    with short_times():
        yield


EXAMPLES = int(os.environ.get("TANFENG_EXAMPLES", "2000"))
LIVES = st.randoms(use_true_random=True)
many = settings(max_examples=EXAMPLES, deadline=None)


def compiled(history: History) -> Policy:
    """The policy with all its acts."""
    return compile_policy(history.kind, history.versions, history.acts, integrate=True)


def folded(policy: Policy, readings: list[tuple[int, int]]) -> Fold:
    """One fold over all readings."""
    fold = Fold(policy)
    fold.take_all(readings)
    return fold


def rows_of(fold: Fold) -> dict[int, list[int]]:
    """The ledger that a fold's segments make."""
    return {bucket: row for bucket, row in split(fold.effects.segments).items() if any(row)}


def doubts_of(fold: Fold) -> dict[int, Verdict]:
    """Every outcome but that of a sound reading."""
    return {at: verdict for at, verdict in fold.effects.verdicts.items() if verdict.outcome is not Outcome.SOUND}


@given(LIVES)
@many
def test_fold_equals_the_naive_oracle(rnd: Random) -> None:
    """Ledger, outcomes and events are those of the oracle."""
    history = History(rnd)
    if history.kind in {Kind.INTERVAL, Kind.MEASUREMENT}:
        return
    policy = compiled(history)
    oracle = NaiveFold(policy, history.readings, week=WEEK, hour=HOUR, farthest=FARTHEST)
    fold = folded(policy, history.readings)
    assert {at: str(v.outcome) for at, v in fold.effects.verdicts.items()} == oracle.outcome
    assert {(str(k), at): event.shift for (k, at), event in fold.effects.events.items() if event} == oracle.events
    if len({act.at for act in policy.acts}) == len(policy.acts):  # two acts at one instant share the oracle's leg
        assert rows_of(fold) == quarters(oracle.booked)


@given(LIVES)
@many
def test_energy_is_conserved(rnd: Random) -> None:
    """Σ booked = baseline now − first − Σ shift, in integers, for every register."""
    history = History(rnd)
    if history.kind in {Kind.INTERVAL, Kind.MEASUREMENT}:
        return
    policy = compiled(history)
    fold = folded(policy, history.readings)
    booked = sum(row[0] for row in rows_of(fold).values())
    shifts = sum(event.shift for event in fold.effects.events.values() if event is not None)
    first = NaiveFold(policy, history.readings).first
    now = fold.state.base.value if fold.state.base else 0
    assert booked == now - (first or 0) - shifts


@given(LIVES)
@many
def test_a_fold_resumes_after_any_reading(rnd: Random) -> None:
    """Two folds, the second from the first one's state, end like one."""
    history = History(rnd)
    policy, cut = compiled(history), rnd.randrange(len(history.readings) + 1)
    second = Fold(policy, folded(policy, history.readings[:cut]).state)
    try:
        second.take_all(history.readings[cut:])
    except HistoryNeededError:  # the books are folded from the readings then, as in the property on arrival
        return
    assert second.state == folded(policy, history.readings).state


@given(LIVES)
@many
def test_booking_in_parts_gives_the_books_of_taking_one_by_one(rnd: Random) -> None:
    """`book_all`, resumed after any reading: state, sums by quarter-hour, doubts and events of `take`."""
    history = History(rnd)
    policy, cut = compiled(history), rnd.randrange(len(history.readings) + 1)
    whole, booked = folded(policy, history.readings), Fold(policy)
    try:
        for part in (history.readings[:cut], history.readings[cut:]):
            booked.book_all([at for at, _ in part], [raw for _, raw in part])
    except HistoryNeededError:
        return
    assert booked.state == whole.state
    assert rows_of(booked) == rows_of(whole)
    assert booked.effects.events == whole.effects.events
    assert doubts_of(booked) == doubts_of(whole)


@given(LIVES)
@example(Random(6343013))  # a doubted level is shown for a while, then another ratio is declared for later
@example(Random(705848))  # an act before the week that a judgement looked back on changes what is held within it
@many
def test_arrival_does_not_matter(rnd: Random) -> None:
    """Any shuffle, repetition, batching and moment of acts gives the books of one fold over what was stored."""
    history = History(rnd)
    books = MemoryBooks(history.kind, history.versions)
    for step in history.steps:
        if isinstance(step, Act):
            books.declare(step)
        else:
            books.book(step)
    whole = folded(books.policy, sorted(books.stored.items()))
    assert books.doubts == doubts_of(whole)
    assert books.events == {key: event for key, event in whole.effects.events.items() if event is not None}
    assert books.standstills == {start: end for start, end in whole.effects.standstills.items() if end is not None}
    assert books.ledger == rows_of(whole)
    assert books.full_state() == whole.state


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(-5000, 5000), st.booleans())
def test_split_parts_add_up(start: int, length: int, amount: int, estimated: bool) -> None:  # noqa: FBT001
    """The parts are the differences of floors of the running sum, and add up to the whole."""
    begin, end = start * 10**4, (start + length) * 10**4
    rows = {b: r for b, r in split([Segment(begin, end, amount, estimated)]).items() if any(r)}
    assert rows == quarters({(begin, end): (amount, estimated)})
    assert sum(row[0] for row in rows.values()) == amount
