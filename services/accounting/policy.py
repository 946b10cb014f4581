"""What decides how a register's readings are judged: dated rules and declared acts, compiled to integers.

Times are microseconds, amounts thousandths of the carrier's unit, both `int`. `resolution`, `modulus`, `noise` and the
values of acts are declared as the meter displays them, before the multiplier; `max_rate` is on the primary side,
in units per hour.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from math import ceil, floor
from typing import TYPE_CHECKING, Final

from services.model import HOUR_US, SECOND_US, ActKind, Kind, OnFall, Stamp
from services.units import MICRO, MILLI, PARTS, half_even

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

EVER: Final = -(2**63)
"""Before every reading: where the first version of a policy starts."""

ABOVE_ALL: Final = 2**80
"""Above every level and every duration."""

PLAIN_KINDS: Final = frozenset({Kind.INTERVAL, Kind.MEASUREMENT})
"""Kinds whose readings are amounts or momentary values, judged one by one; the others count."""

HOUR_BOUND: Final = 20 * HOUR_US
"""Denominator of the bound: µs an hour, and the 20 of the margin 21/20."""

DEFAULT_SLACK_US: Final = 60 * SECOND_US
DEFAULT_GAP_INTERVALS: Final = 4
LONG_INTERVALS: Final = 64
"""A standstill of so many intervals is written down, so that its beginning is found without reading it."""


@dataclass(frozen=True, slots=True)
class Version:
    """One declared version of a register's policy, in force for readings from `valid_from` on.

    `max_rate` None is unknown: any rise is plausible, no rollover or restart is booked. `modulus` None: none.
    """

    max_rate: Decimal | None
    resolution: Decimal
    modulus: Decimal | None
    interval_us: int
    gap_us: int
    slack_us: int
    noise: Decimal
    on_fall: OnFall = OnFall.CONFIRM
    valid_from: int = EVER
    flat_us: int | None = None
    """The longest believable standstill; None: a standstill of any length is believed."""
    stamp: Stamp = Stamp.END


@dataclass(frozen=True, slots=True)
class Act:
    """One declared act; what each kind needs is in DESIGN §4. Later acts of one instant stand later in the list."""

    kind: ActKind
    at: int
    until: int | None = None
    final: Decimal | None = None
    start: Decimal | None = None
    value: Decimal | None = None
    reading: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """One version of a policy under one multiplier."""

    kind: Kind
    integrate: bool
    max_rate: int | None
    step: int
    modulus: int | None
    interval: int
    gap: int
    slack: int
    noise: int
    on_fall: OnFall
    multiplier: Fraction
    times: int | None
    """The multiplier where it is an integer, else None."""
    hourly_bound: int
    """`max_rate` with its margin of 5 %, in HOUR_BOUND-ths a µs; 0 where it is unknown."""
    ceiling: int
    """The modulus, or more than any value where there is none."""
    flat: int
    """The longest believable standstill in µs, ABOVE_ALL where there is no limit."""
    long: int
    """A standstill of so many µs is written down."""
    still: int
    """A standstill up to so many µs is nothing to look at: neither unbelievable nor long."""
    stamp: Stamp
    shift: int
    """What must be added to `read_at` to have the end of an interval."""
    tolerance: int
    """How far the stamp of an interval may be from the one that ended the interval before, in µs: twice the slack, for
    both may be off, and at most a quarter of the interval, lest a second amount a moment later count double."""

    def level(self, raw: int | Fraction) -> int:
        """Thousandths before the multiplier → the booked level, half-even once."""
        if self.times is not None and raw.__class__ is int:
            return raw * self.times
        return half_even(raw * self.multiplier)

    def fine_level(self, raw: int | Fraction) -> int:
        """The same in millionths of the unit, for kinds whose values are not differences of a register's."""
        return half_even(raw * self.multiplier * MICRO)

    def parts(self, raw: int | Fraction) -> int:
        """An amount in PARTS of a thousandth."""
        return half_even(raw * self.multiplier * PARTS)

    def bound(self, elapsed: int, *, by_act: bool = False) -> int | None:
        """The most that can flow in `elapsed` µs; a leg touching an act has one interval more. None: unknown."""
        if self.max_rate is None:
            return None
        if by_act:
            elapsed += self.interval
        return self.hourly_bound * (elapsed + self.slack) // HOUR_BOUND + self.step

    def in_range(self, value: int) -> bool:
        """Whether a register that only rises can show `value` at all."""
        return self.kind is not Kind.TOTAL_INCREASING or (value >= 0 and (self.modulus is None or value < self.modulus))


@dataclass(frozen=True, slots=True)
class EpochAct:
    """An act that ends an epoch: the level goes from `final` to `start` at `at`.

    `final` None: the old meter's last value is unknown. `start` None: a multiplier declared without a reading, whose
    level is taken from the reading at exactly `at`, else from the last one before.
    """

    kind: ActKind
    at: int
    final: int | None
    start: int | None
    old: Rules
    new: Rules


@dataclass(frozen=True)
class Policy:
    """All that judges one register's readings, at any moment of its life."""

    kind: Kind
    rules: tuple[Rules, ...]
    rules_from: tuple[int, ...]
    acts: tuple[EpochAct, ...] = ()
    ignored: tuple[tuple[int, int], ...] = ()
    corrections: dict[int, Fraction] = field(default_factory=dict)
    acts_at: tuple[int, ...] = ()
    accepted: frozenset[int] = frozenset()

    @property
    def parts(self) -> int:
        """In how many parts of a thousandth segments are: PARTS where values are no differences, 1 for registers."""
        return PARTS if self.kind in PLAIN_KINDS else 1

    @cached_property
    def plain(self) -> bool:
        """Whether one version of bounded rules judges all readings and nothing was ever declared."""
        rules = self.rules[0]
        declared = self.acts or self.ignored or self.corrections or len(self.rules) > 1
        return self.kind is Kind.TOTAL_INCREASING and not declared and None not in {rules.max_rate, rules.times}

    def rules_at(self, at: int) -> Rules:
        """The rules for a reading at `at`."""
        return self.rules[0] if len(self.rules) == 1 else self.rules[bisect_right(self.rules_from, at) - 1]

    def acts_between(self, after: int, until: int) -> tuple[EpochAct, ...]:
        """Epoch-ending acts in (after, until], in order."""
        return self.acts[bisect_right(self.acts_at, after) : bisect_right(self.acts_at, until)]

    def is_ignored(self, at: int) -> bool:
        """Whether readings at `at` are declared to be skipped."""
        return any(start <= at < until for start, until in self.ignored)


def compile_policy(
    kind: Kind,
    versions: Sequence[Version],
    acts: Iterable[Act] = (),
    *,
    unit_factor: Fraction = Fraction(1),
    multiplier: Fraction = Fraction(1),
    integrate: bool = False,
) -> Policy:
    """Compile declared versions (at least one; the earliest holds for all time before it) and acts.

    Of two acts of one kind at one instant the later declared stands.
    """
    acts = sorted({(act.kind, act.at, act.until): act for act in acts}.values(), key=lambda act: act.at)
    dated = sorted(versions, key=lambda version: version.valid_from)
    changes = [(EVER, multiplier)] + [
        (_applies_from(act.at, kind, _latest(dated, act.at)), Fraction(act.value))
        for act in acts
        if act.kind is ActKind.MULTIPLIER and act.value is not None
    ]
    starts = sorted({EVER, *(version.valid_from for version in dated[1:]), *(at for at, _ in changes)})
    rules = tuple(
        _rules(kind, _latest(dated, start), _in_force(changes, start), unit_factor, integrate=integrate)
        for start in starts
    )
    new_levels = {act.at for act in acts if act.kind in _NEW_LEVEL}
    epoch_acts = tuple(
        _epoch_act(act, starts, rules, unit_factor)
        for act in acts
        # A meter swapped together with its transformers: the swap alone says both levels.
        if act.kind in _NEW_LEVEL or (act.kind is ActKind.MULTIPLIER and act.at not in new_levels)
    )
    return Policy(
        kind=kind,
        rules=rules,
        rules_from=tuple(starts),
        acts=epoch_acts,
        acts_at=tuple(act.at for act in epoch_acts),
        accepted=frozenset(a.at for a in acts if a.kind is ActKind.ACCEPT),
        ignored=tuple((a.at, a.until) for a in acts if a.kind is ActKind.IGNORE and a.until is not None),
        corrections={
            a.at: Fraction(a.value) * unit_factor * MILLI
            for a in acts
            if a.kind is ActKind.CORRECTION and a.value is not None
        },
    )


_NEW_LEVEL: Final = (ActKind.REPLACEMENT, ActKind.RESET)


def _applies_from(at: int, kind: Kind, version: Version) -> int:
    """The first `read_at` that a ratio declared at `at` is for.

    An amount stamped with the end of its interval is of the ratio that held in its middle: the one stamped at the
    change itself, or a moment after, was counted before it.
    """
    return at + version.interval_us // 2 if kind is Kind.INTERVAL and version.stamp is Stamp.END else at


def _latest(dated: Sequence[Version], at: int) -> Version:
    later = [version for version in dated if version.valid_from <= at]
    return later[-1] if later else dated[0]


def _in_force(changes: Sequence[tuple[int, Fraction]], at: int) -> Fraction:
    return [multiplier for start, multiplier in changes if start <= at][-1]


def _rules(kind: Kind, version: Version, multiplier: Fraction, unit_factor: Fraction, *, integrate: bool) -> Rules:
    displayed = unit_factor * MILLI * multiplier
    max_rate = None if version.max_rate is None else ceil(Fraction(version.max_rate) * unit_factor * MILLI)
    modulus = None if version.modulus is None else half_even(Fraction(version.modulus) * displayed)
    flat = ABOVE_ALL if version.flat_us is None else version.flat_us
    return Rules(
        kind=kind,
        integrate=integrate,
        max_rate=max_rate,
        step=max(1, ceil(Fraction(version.resolution) * displayed)),
        modulus=modulus,
        interval=version.interval_us,
        gap=version.gap_us,
        slack=version.slack_us,
        noise=floor(Fraction(version.noise) * displayed),
        on_fall=version.on_fall,
        multiplier=multiplier,
        times=int(multiplier) if multiplier.denominator == 1 else None,
        hourly_bound=0 if max_rate is None else max_rate * 21,
        ceiling=ABOVE_ALL if modulus is None else modulus,
        flat=flat,
        long=LONG_INTERVALS * version.interval_us,
        still=min(flat, LONG_INTERVALS * version.interval_us),
        stamp=version.stamp,
        shift=version.interval_us if version.stamp is Stamp.START else 0,
        tolerance=min(2 * version.slack_us, version.interval_us // 4),
    )


def _epoch_act(act: Act, starts: Sequence[int], rules: Sequence[Rules], unit_factor: Fraction) -> EpochAct:
    old = rules[max(0, bisect_left(starts, act.at) - 1)]
    new = rules[bisect_right(starts, act.at) - 1]

    def level(declared: Decimal | None, under: Rules) -> int | None:
        return None if declared is None else under.level(Fraction(declared) * unit_factor * MILLI)

    if act.kind is ActKind.MULTIPLIER:
        return EpochAct(act.kind, act.at, level(act.reading, old), level(act.reading, new), old, new)
    start = 0 if act.kind is ActKind.RESET else level(act.start, new)
    return EpochAct(act.kind, act.at, level(act.final, old), start, old, new)
