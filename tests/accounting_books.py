"""The books of one register in memory: what the store does with SQL, done with dictionaries and the same refold."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from services.accounting.fold import Fold, HistoryNeededError
from services.accounting.policy import Act, Policy, Version, compile_policy
from services.accounting.refold import Before, Difference, outright, refold
from services.accounting.state import BASELINES, EventKind, Outcome, State, Verdict
from services.model import ActKind, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

KEPT_MEMBERS = 3
PAGE = 2


class MemoryBooks:
    """Stored readings, doubts, events, ledger and state of one register."""

    def __init__(self, kind: Kind, versions: Sequence[Version]) -> None:
        self.kind, self.versions, self.acts = kind, versions, list[Act]()
        self.policy: Policy = compile_policy(kind, versions, integrate=True)
        self.stored: dict[int, int] = {}
        self.doubts: dict[int, Verdict] = {}
        self.events: dict[tuple[EventKind, int], int] = {}
        self.ledger: dict[int, list[int]] = {}
        self.state = State()

    def book(self, batch: Sequence[tuple[int, int]]) -> None:
        """Store what is new: in order from the state, else side by side."""
        added: dict[int, int] = {}
        for at, raw in batch:
            if at not in self.stored:
                added.setdefault(at, raw)
        newest = max(self.stored, default=-1)
        in_order = all(at > newest for at in added)
        if in_order and self._in_order(added):
            return
        if added:
            self._refold(self.policy, added, min(added), max(added))

    def declare(self, act: Act) -> None:
        """Enter an act."""
        old, self.acts = self.policy, [*self.acts, act]
        self.policy = compile_policy(self.kind, self.versions, self.acts, integrate=True)
        until = act.until if act.until is not None else act.at
        self._refold(old, {}, act.at, 2**62 if act.kind is ActKind.MULTIPLIER else until)

    def full_state(self) -> State:
        """The state with all members of its runs, as one fold has it."""
        fold = Fold(self.policy)
        fold.take_all(sorted(self.stored.items()))
        for mine, whole in zip(self.state.runs, fold.state.runs, strict=False):
            if mine.count > len(mine.members):
                mine.members = whole.members
        return self.state

    def _in_order(self, added: dict[int, int]) -> bool:
        fold = Fold(self.policy, deepcopy(self.state), keep=KEPT_MEMBERS)
        try:
            fold.book_all(sorted(added), [added[at] for at in sorted(added)])
        except HistoryNeededError:
            return False
        self._apply(outright(fold.effects, fold.state), added)
        return True

    def _refold(self, old: Policy, added: dict[int, int], changed_from: int, changed_until: int) -> None:
        start, before = self._checkpoint(changed_from)
        steps = refold(old, self.policy, before, start, added=added, settled_at=changed_until)
        try:
            wanted = next(steps)
            while True:
                wanted = steps.send([(at, v) for at, v in sorted(self.stored.items()) if at >= wanted][:PAGE])
        except StopIteration as done:
            self._apply(done.value, added)

    def _checkpoint(self, changed_from: int) -> tuple[int, Before | None]:
        sound = max((at for at in self.stored if at < changed_from and at not in self.doubts), default=None)
        if sound is None:
            return -1, None
        held = {at: self.doubts.get(at, Verdict(Outcome.SOUND)) for at in self.stored if at < sound}
        before = max((at for at, verdict in held.items() if verdict.outcome in BASELINES), default=None)
        return sound, None if before is None else Before(before, self.stored[before], held[before])

    def _apply(self, change: Difference, added: dict[int, int]) -> None:
        self.stored.update(added)
        for bucket, row in change.rows.items():
            kept = [a + b for a, b in zip(self.ledger.get(bucket, [0] * 4), row, strict=True)]
            self.ledger[bucket] = kept
            if not any(kept):
                del self.ledger[bucket]
        for at, verdict in change.verdicts.items():
            if verdict.outcome is Outcome.SOUND:
                self.doubts.pop(at, None)
            else:
                self.doubts[at] = verdict
        for key, shift in change.events.items():
            if shift is None:
                self.events.pop(key, None)
            else:
                self.events[key] = shift
        if change.state is not None:
            self.state = change.state
