"""Registers that do not count, against exact sums: amounts of intervals and powers integrated, in Fractions.

The oracle below knows the readings, the acts and the rules as they are written in the design; it shares no code with
the fold. Amounts are compared in whole parts of a thousandth, so that nothing may be rounded before it is summed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from services.accounting.fold import Fold
from services.accounting.policy import Act, Version, compile_policy
from services.accounting.split import split
from services.accounting.state import Outcome
from services.model import HOUR_US, QUARTER_US, SECOND_US, ActKind, Kind, Stamp
from services.units import PARTS
from tests.accounting_books import MemoryBooks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

EXAMPLES = int(os.environ.get("TANFENG_EXAMPLES", "2000"))
many = settings(max_examples=EXAMPLES, deadline=None)
LIVES = st.randoms(use_true_random=True)

INTERVALS_S = (1, 2, 10, 60, 300, 900, 1800, 3600)
THOUSANDTH = Fraction(1, 1000)
Readings = dict[int, Fraction]
"""read_at → amount or power, in thousandths of the unit; may be far below one."""


@dataclass
class Life:
    """A register's readings by moment, those that came too late to count for theirs, and what was declared."""

    kind: Kind
    version: Version
    readings: Readings
    acts: list[Act] = field(default_factory=list)
    arrivals: list[tuple[int, Fraction]] = field(default_factory=list)

    @property
    def values(self) -> Readings:
        """What counts, corrections made, without what is ignored; in order of time."""
        told = {act.at: Fraction(act.value) / THOUSANDTH for act in self.acts if act.value is not None}
        spans = [(act.at, act.until) for act in self.acts if act.kind is ActKind.IGNORE]
        return {
            at: told.get(at, value)
            for at, value in sorted(self.readings.items())
            if not any(start <= at < (until or start) for start, until in spans)
        }

    @property
    def accepted(self) -> set[int]:
        """Moments of the readings that are declared to be true."""
        return {act.at for act in self.acts if act.kind is ActKind.ACCEPT}


@dataclass
class Sums:
    """What the oracle books: every piece with its start, end and exact thousandths, and the held readings."""

    pieces: list[tuple[int, int, Fraction]] = field(default_factory=list)
    held: set[int] = field(default_factory=set)
    repeated: set[int] = field(default_factory=set)

    @property
    def total(self) -> Fraction:
        """Thousandths of the unit."""
        return sum((amount for *_, amount in self.pieces), Fraction(0))

    def quarters(self) -> dict[int, Fraction]:
        """Thousandths by quarter-hour, each piece in proportion to time."""
        found: dict[int, Fraction] = {}
        for start, end, amount in self.pieces:
            for bucket in range(start // QUARTER_US * QUARTER_US, end, QUARTER_US):
                within = min(end, bucket + QUARTER_US) - max(start, bucket)
                found[bucket] = found.get(bucket, Fraction(0)) + amount * Fraction(within, end - start)
            if start == end:
                bucket = (start - 1) // QUARTER_US * QUARTER_US
                found[bucket] = found.get(bucket, Fraction(0)) + amount
        return {bucket: amount for bucket, amount in found.items() if amount}


def exact(life: Life) -> Sums:
    """The sums of a life, from the text of the design alone."""
    return _intervals(life) if life.kind is Kind.INTERVAL else _powers(life)


def _most(life: Life, span_us: int, slack_us: int) -> Fraction | None:
    """Thousandths that may flow in a span; None: nobody knows."""
    version = life.version
    if version.max_rate is None:
        return None
    rate = ceil(Fraction(version.max_rate) / THOUSANDTH)
    step = max(1, ceil(Fraction(version.resolution) / THOUSANDTH))
    return Fraction(floor(rate * Fraction(105, 100) * Fraction(span_us + slack_us, HOUR_US)) + step)


def _intervals(life: Life) -> Sums:
    sums, interval = Sums(), life.version.interval_us
    near = min(life.version.slack_us * 2, interval // 4)
    most = _most(life, interval, life.version.slack_us)
    until: int | None = None
    last: Fraction | None = None
    for at, value in life.values.items():
        ends = at + interval if life.version.stamp is Stamp.START else at
        starts = ends - interval
        if until is not None and abs(starts - until) <= near:
            starts = until
        overlaps = until is not None and starts < until
        if at not in life.accepted:
            if overlaps and abs(ends - (until or 0)) <= near and value == last:
                sums.repeated.add(at)
                continue
            if value < 0 or overlaps or (most is not None and value > most):
                sums.held.add(at)
                continue
        if until is not None:
            starts = max(starts, until)
        sums.pieces.append((min(starts, ends), ends, value))
        until, last = max(ends, ends if until is None else until), value
    return sums


def _powers(life: Life) -> Sums:
    sums, version = Sums(), life.version
    most = _most(life, HOUR_US, 0)
    before: tuple[int, Fraction] | None = None
    for at, value in life.values.items():
        if at not in life.accepted and most is not None and abs(value) > most:
            sums.held.add(at)
            continue
        if before is not None and at - before[0] <= version.gap_us:
            area = (before[1] + value) / 2 * Fraction(at - before[0], HOUR_US)
            sums.pieces.append((before[0], at, area))
        before = at, value
    return sums


# lives -------------------------------------------------------------------------------------------------------------


def a_version(rnd: Random, kind: Kind) -> Version:
    """Sampling from each second to each hour; a maximum of nothing to plenty."""
    interval = rnd.choice(INTERVALS_S) * SECOND_US
    return Version(
        max_rate=rnd.choice([None, Decimal("0.05"), Decimal(3), Decimal(5000)]),
        resolution=rnd.choice([Decimal("0.000001"), Decimal("0.0001"), Decimal("0.001"), Decimal("0.1")]),
        modulus=None,
        interval_us=interval,
        gap_us=rnd.choice([2, 4]) * interval,
        slack_us=rnd.choice([0, min(60 * SECOND_US, interval), interval // 10]),
        noise=Decimal(0),
        stamp=rnd.choice(list(Stamp)) if kind is Kind.INTERVAL else Stamp.END,
    )


def a_value(rnd: Random, version: Version, kind: Kind) -> Fraction:
    """Small loads most of the time, in millionths of the unit; a power may flow backwards, an amount may be false."""
    size = rnd.choice([0, 1, 400, 50_000, 2_000_000])
    millionths = rnd.randint(0, size)
    if kind is Kind.INTERVAL:
        millionths = millionths * version.interval_us // HOUR_US
    sign = -1 if rnd.random() < (0.3 if kind is Kind.MEASUREMENT else 0.03) else 1
    return Fraction(sign * millionths, 1000)


def a_life(rnd: Random, kind: Kind) -> Life:
    """Some readings at about the interval, with jitter, holes and doubles; acts; and an order of arrival."""
    version = a_version(rnd, kind)
    interval, at = version.interval_us, rnd.randrange(100) * 60 * SECOND_US + HOUR_US
    jitter = rnd.choice([0, 0, interval // 20, interval // 4, interval // 3])
    readings: Readings = {}
    for _ in range(rnd.randrange(1, 25)):
        at += interval * rnd.choice([1, 1, 1, 1, 1, 1, 2, 5])
        readings[at + rnd.randint(-jitter, jitter)] = a_value(rnd, version, kind)
        if rnd.random() < 0.1:  # the same interval once more, a moment later
            again = readings.get(at, a_value(rnd, version, kind))
            readings.setdefault(at + rnd.choice([1, 3 * SECOND_US]), rnd.choice([again, again + 1]))
    life = Life(kind, version, readings)
    life.acts = [act for _ in range(rnd.choice([0, 0, 1, 3])) if (act := an_act(rnd, life)) is not None]
    life.acts = list({(act.kind, act.at): act for act in life.acts}.values())
    life.arrivals = arrivals(rnd, readings)
    return life


def an_act(rnd: Random, life: Life) -> Act | None:
    """What may be declared of such a register, at the moment of one of its readings."""
    at = rnd.choice(list(life.readings))
    kind = rnd.choice([ActKind.ACCEPT, ActKind.ACCEPT, ActKind.IGNORE, ActKind.CORRECTION])
    if kind is ActKind.IGNORE:
        return Act(kind, at, until=at + rnd.randrange(1, 4) * life.version.interval_us)
    value = a_value(rnd, life.version, life.kind) * THOUSANDTH
    decimal = Decimal(value.numerator) / value.denominator
    return Act(kind, at, value=decimal if kind is ActKind.CORRECTION else None)


def arrivals(rnd: Random, readings: Readings) -> list[tuple[int, Fraction]]:
    """All of them, some twice, from in order to shuffled; another value for a moment only once it is stored."""
    found = [*sorted(readings.items()), *rnd.choices(sorted(readings.items()), k=3)]
    for _ in range(rnd.choice([0, 1, 5, 60])):
        found.insert(rnd.randrange(len(found)), found.pop(rnd.randrange(len(found))))
    return found + [(at, value + 1) for at, value in rnd.choices(found, k=2)]


def whole(life: Life) -> Fold:
    """One fold over all readings, with all acts."""
    policy = compile_policy(life.kind, [life.version], life.acts, integrate=True)
    fold = Fold(policy)
    fold.take_all(sorted(life.readings.items()))
    return fold


def booked(fold: Fold) -> dict[int, Fraction]:
    """Thousandths by quarter-hour, exactly as they are kept."""
    rows = split(fold.effects.segments)
    return {bucket: Fraction(row[0], PARTS) for bucket, row in rows.items() if row[0]}


def outcomes(fold: Fold, outcome: Outcome) -> set[int]:
    """Readings that became this."""
    return {at for at, verdict in fold.effects.verdicts.items() if verdict.outcome is outcome}


def check(fold: Fold, life: Life) -> None:
    """Held, repeated and booked are what the oracle says: in sum exactly, by quarter-hour but for the last part."""
    sums = exact(life)
    assert outcomes(fold, Outcome.HELD) == sums.held
    assert outcomes(fold, Outcome.REPEATED) == sums.repeated
    found, wanted = booked(fold), sums.quarters()
    assert sum(found.values()) == sums.total
    close = Fraction(len(life.readings), PARTS)  # each piece is split by the floor of its running sum
    assert all(abs(found.get(at, Fraction(0)) - wanted.get(at, Fraction(0))) <= close for at in {*found, *wanted})


@given(LIVES)
@many
def test_amounts_of_intervals_are_booked_to_the_last_part(rnd: Random) -> None:
    """Whatever their size, their jitter, their stamps and what was declared of them."""
    life = a_life(rnd, Kind.INTERVAL)
    check(whole(life), life)


@given(LIVES)
@many
def test_a_power_is_integrated_to_the_last_part(rnd: Random) -> None:
    """From each second to each hour, forwards and backwards, never across a gap."""
    life = a_life(rnd, Kind.MEASUREMENT)
    fold = whole(life)
    check(fold, life)
    assert all(segment.estimated for segment in fold.effects.segments)


@given(LIVES, st.sampled_from([Kind.INTERVAL, Kind.MEASUREMENT]))
@many
def test_order_repetition_and_late_declarations_change_nothing(rnd: Random, kind: Kind) -> None:
    """Batches in any order with doubles and conflicts, acts entered at any moment: the books of one fold."""
    life = a_life(rnd, kind)
    books = MemoryBooks(kind, [life.version])
    steps: list[Sequence[tuple[int, Fraction]] | Act] = []
    rest = life.arrivals
    while rest:
        size = rnd.choice([1, 1, 2, 7])
        steps.append(rest[:size])
        rest = rest[size:]
    for act in life.acts:
        steps.insert(rnd.randrange(len(steps) + 1), act)
    for step in steps:
        if isinstance(step, Act):
            books.declare(step)
        else:
            books.book(step)  # type: ignore[arg-type]  # thousandths that are no integers
    stored = replace(life, readings={at: Fraction(value) for at, value in books.stored.items()})
    assert stored.readings == life.readings  # of two values the first stands
    fold = whole(stored)
    assert {at: row for at, row in books.ledger.items() if any(row)} == {
        at: row for at, row in split(fold.effects.segments).items() if any(row)
    }
    assert set(books.doubts) == {at for at, v in fold.effects.verdicts.items() if v.outcome is not Outcome.SOUND}
    assert books.state == fold.state
    check(fold, stored)


def test_the_oracle_books_what_a_person_would() -> None:
    """A minute of 50 W is 5/6 of a watt-hour; two amounts a second apart are one, the other is held."""
    version = replace(a_plain_version(60), max_rate=Decimal(5000))
    power = Life(Kind.MEASUREMENT, version, {0: Fraction(50), 60 * SECOND_US: Fraction(50)})
    assert exact(power).total == Fraction(50, 60)
    quarter = a_plain_version(900)
    amounts = {n * 900 * SECOND_US: Fraction(10_000) for n in range(1, 4)} | {1_801 * SECOND_US: Fraction(9_000)}
    sums = exact(Life(Kind.INTERVAL, quarter, amounts))
    assert sums.total == 30_000
    assert sums.held == {1_801 * SECOND_US}


def a_plain_version(interval_s: int) -> Version:
    """A register of this interval with the usual tolerances."""
    interval = interval_s * SECOND_US
    slack = min(60 * SECOND_US, interval)
    return Version(None, Decimal("0.001"), None, interval, 4 * interval, slack, Decimal(0))
