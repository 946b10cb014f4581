"""Any change that is not a newer reading: fold old and new inputs side by side and apply the difference.

Both folds start at the last sound reading before the change, from the baseline before it, and end where their states
are equal past the last change; from there on nothing can differ. Outcomes and events are differences as well: what
the old fold withdrew and the new one does not comes back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from services.accounting import standstills
from services.accounting.fold import SOUND, Fold
from services.accounting.policy import PLAIN_KINDS
from services.accounting.split import split
from services.accounting.state import Event, EventKind, Level, Origin, Outcome, State, Verdict

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from fractions import Fraction

    from services.accounting.policy import Policy
    from services.accounting.state import Effects


class Stored(NamedTuple):
    """A stored reading: raw value, outcome and noise high-water level."""

    at: int
    raw: int | Fraction
    verdict: Verdict

    def level(self, policy: Policy) -> int:
        """The level that it left behind as a baseline of a register that counts."""
        if self.verdict.high is not None:
            return self.verdict.high
        return policy.rules_at(self.at).level(policy.corrections.get(self.at, self.raw))


class Before(NamedTuple):
    """The baseline before the sound reading at which a refold starts."""

    reading: Stored
    flat_at: int
    """Since when the register shows its level (`standstills.began`)."""
    is_doubted: bool = False
    """Whether a break that casts doubt on what follows is before it (`suspicion.casts_doubt`), and no act since."""


@dataclass(slots=True)
class Difference:
    """What a change does to a register's books.

    `rows`: bucket → change of [amount, estimated_amount, covered_s, estimated_s], none of them all zero.
    `verdicts`: readings whose outcome changed, SOUND = no doubt left. `events`, `standstills`: None = withdrawn.
    `state`: the new state after the newest reading, or None where the old one stands.
    """

    rows: dict[int, list[int]] = field(default_factory=dict)
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    events: dict[tuple[EventKind, int], Event | None] = field(default_factory=dict)
    standstills: dict[int, int | None] = field(default_factory=dict)
    state: State | None = None


def refold(
    old: Policy,
    new: Policy,
    before: Before | None,
    start: int,
    *,
    added: Mapping[int, int | Fraction],
    settled_at: int,
    judged: Sequence[tuple[int, int]] = (),
) -> Generator[int, Sequence[tuple[int, int | Fraction]], Difference]:
    """Yield the instant from which the next page of stored readings is wanted; an empty page ends it.

    Args:
        old: What judged the stored readings so far.
        new: What judges them, and `added`, from now on.
        before: The baseline before `start`; None where `start` is at or before the first reading.
        start: Where the sound reading is; pages come from here on.
        added: New readings by instant, none of them stored yet, all at or after `start`.
        settled_at: The last instant at which old and new inputs differ.
        judged: The judgements of standstills since the change, as (`Event.flat_at`, `Event.judged_at`): one that looked
            back on readings before the states were equal is made again.

    Raises:
        HistoryNeededError: A judgement needs readings of before: start again from an earlier one.
    """
    folds = _begin(old, before), _begin(new, before)
    late = sorted(added.items(), reverse=True)
    wanted = start
    while page := (yield wanted):
        for at, raw in page:
            while late and late[-1][0] < at:
                folds[1].take(*late.pop())
            for fold in folds:
                fold.take(at, raw)
            if at >= settled_at and not late and folds[0].state == folds[1].state:
                settled_at = max(
                    (made for flat_at, made in judged if flat_at - standstills.LOOK_BACK_US <= at), default=at
                )
                if settled_at <= at:
                    return difference(folds[0].effects, folds[1].effects, None)
        wanted = page[-1][0] + 1
    while late:
        folds[1].take(*late.pop())
    return difference(folds[0].effects, folds[1].effects, folds[1].state)


def _begin(policy: Policy, before: Before | None) -> Fold:
    if before is None:
        return Fold(policy)
    at = before.reading.at
    if policy.kind in PLAIN_KINDS:
        rules = policy.rules_at(at)
        value = rules.fine_level(policy.corrections.get(at, before.reading.raw))
        return Fold(policy, State(base=Level(at + rules.shift, value)))
    level = before.reading.level(policy)
    if before.is_doubted:  # what a doubted level shows is no standstill (`legs.rests`)
        state = State(base=Level(at, level, Origin.DOUBTED), flat_at=at)
    else:
        state = State(base=Level(at, level), flat_at=before.flat_at)
    fold = Fold(policy, state)
    if before.reading.verdict.outcome is Outcome.CLOSING:
        fold.close_epochs_at(at)
    return fold


def difference(old: Effects, new: Effects, state: State | None) -> Difference:
    """New less old: ledger rows subtract, outcomes and events are compared."""
    rows = split(new.segments)
    for bucket, booked in split(old.segments).items():
        row = rows.setdefault(bucket, [0, 0, 0, 0])
        for column, amount in enumerate(booked):
            row[column] -= amount
    verdicts = {
        at: new.verdicts.get(at, SOUND)
        for at in sorted({*old.verdicts, *new.verdicts})
        if old.verdicts.get(at, SOUND) != new.verdicts.get(at, SOUND)
    }
    return Difference(
        {bucket: row for bucket, row in rows.items() if any(row)},
        verdicts,
        _changed(old.events, new.events),
        _changed(old.standstills, new.standstills),
        state,
    )


def _changed(old: Mapping[Any, Any], new: Mapping[Any, Any]) -> dict[Any, Any]:
    return {key: new.get(key) for key in sorted({*old, *new}) if old.get(key) != new.get(key)}


def outright(effects: Effects, state: State) -> Difference:
    """What a fold of newer readings, resumed from the state, does: all of it, withdrawals included."""
    rows = {bucket: row for bucket, row in split(effects.segments).items() if any(row)}
    verdicts = {at: verdict for at, verdict in effects.verdicts.items() if verdict is not SOUND}
    return Difference(rows, verdicts, effects.events, effects.standstills, state)
