"""Any change that is not a newer reading: fold old and new inputs side by side and apply the difference.

Both folds start at the last sound reading before the change, from the baseline before it, and end where their states
are equal past the last change; from there on nothing can differ. Outcomes and events are differences as well: what
the old fold withdrew and the new one does not comes back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from services.accounting.fold import SOUND, Fold
from services.accounting.split import split
from services.accounting.state import EventKind, Level, Outcome, State, Verdict

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from fractions import Fraction

    from services.accounting.policy import Policy
    from services.accounting.state import Effects


class Before(NamedTuple):
    """The baseline before the sound reading at which a refold starts: raw value, outcome and noise high-water level."""

    at: int
    raw: int | Fraction
    verdict: Verdict


@dataclass(slots=True)
class Difference:
    """What a change does to a register's books.

    `rows`: bucket → change of [amount, estimated_amount, covered_s, estimated_s], none of them all zero.
    `verdicts`: readings whose outcome changed, SOUND = no doubt left. `events`: None = withdrawn.
    `state`: the new state after the newest reading, or None where the old one stands.
    """

    rows: dict[int, list[int]] = field(default_factory=dict)
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    events: dict[tuple[EventKind, int], int | None] = field(default_factory=dict)
    state: State | None = None


def refold(
    old: Policy,
    new: Policy,
    before: Before | None,
    start: int,
    *,
    added: Mapping[int, int | Fraction],
    settled_at: int,
) -> Generator[int, Sequence[tuple[int, int | Fraction]], Difference]:
    """Yield the instant from which the next page of stored readings is wanted; an empty page ends it.

    Args:
        old: What judged the stored readings so far.
        new: What judges them, and `added`, from now on.
        before: The baseline before `start`; None where `start` is at or before the first reading.
        start: Where the sound reading is; pages come from here on.
        added: New readings by instant, none of them stored yet, all at or after `start`.
        settled_at: The last instant at which old and new inputs differ.
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
                return difference(folds[0].effects, folds[1].effects, None)
        wanted = page[-1][0] + 1
    while late:
        folds[1].take(*late.pop())
    return difference(folds[0].effects, folds[1].effects, folds[1].state)


def _begin(policy: Policy, before: Before | None) -> Fold:
    if before is None:
        return Fold(policy)
    raw = policy.corrections.get(before.at, before.raw)
    high = before.verdict.high
    level = policy.rules_at(before.at).level(raw) if high is None else high
    fold = Fold(policy, State(base=Level(before.at, level)))
    if before.verdict.outcome is Outcome.CLOSING:
        fold.close_epochs_at(before.at)
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
    events = {
        key: new.events.get(key)
        for key in sorted({*old.events, *new.events})
        if old.events.get(key) != new.events.get(key)
    }
    return Difference({bucket: row for bucket, row in rows.items() if any(row)}, verdicts, events, state)


def outright(effects: Effects, state: State) -> Difference:
    """What a fold of newer readings, resumed from the state, does: all of it, withdrawals included."""
    rows = {bucket: row for bucket, row in split(effects.segments).items() if any(row)}
    verdicts = {at: verdict for at, verdict in effects.verdicts.items() if verdict is not SOUND}
    return Difference(rows, verdicts, effects.events, state)
