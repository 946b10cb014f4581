"""The books of one register in memory: what the store does with SQL, done with dictionaries and the same refold."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from services.accounting.fold import Fold, HistoryNeededError
from services.accounting.policy import Act, Policy, Version, compile_policy
from services.accounting.refold import Before, Difference, Stored, outright, refold
from services.accounting.standstills import began
from services.accounting.state import BASELINES, Event, EventKind, Outcome, State, Verdict
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
        self.events: dict[tuple[EventKind, int], Event] = {}
        self.standstills: dict[int, int] = {}
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
        judged, since = self._judged(changed_from), changed_from
        while True:
            start, before = self._checkpoint(since)
            steps = refold(old, self.policy, before, start, added=added, settled_at=changed_until, judged=judged)
            try:
                wanted = next(steps)
                while True:
                    wanted = steps.send([(at, v) for at, v in sorted(self.stored.items()) if at >= wanted][:PAGE])
            except HistoryNeededError as needed:
                since = since - 1 if needed.since is None else min(needed.since, since - 1)
            except StopIteration as done:
                self._apply(done.value, added)
                return

    def _judged(self, changed_from: int) -> list[tuple[int, int]]:
        """The judgements of standstills since an instant."""
        return [
            (event.flat_at, event.judged_at)
            for event in self.events.values()
            if event.flat_at is not None and event.judged_at is not None and event.flat_at >= changed_from
        ]

    def _checkpoint(self, changed_from: int) -> tuple[int, Before | None]:
        sound = max((at for at in self.stored if at < changed_from and at not in self.doubts), default=None)
        if sound is None:
            return -1, None
        earlier = sorted((at for at in self.stored if at < sound), reverse=True)
        read = [Stored(at, self.stored[at], self.doubts.get(at, Verdict(Outcome.SOUND))) for at in earlier]
        counted = [each for each in read if each.verdict.outcome in {*BASELINES, Outcome.OVERRULED}]
        newest = next((each for each in counted if each.verdict.outcome in BASELINES), None)
        if newest is None:
            return sound, None
        return sound, Before(newest, self._flat_at(newest, counted), self._is_doubted(newest.at))

    def _flat_at(self, newest: Stored, counted: Sequence[Stored]) -> int:
        """Where the standstill began: as written down, as the state has it, or by reading a few before."""
        if newest is not counted[0] or newest.verdict.outcome is Outcome.CLOSING:
            return newest.at
        written = [start for start, end in self.standstills.items() if start <= newest.at <= end]
        if self.state.flat_at is not None and self.state.flat_at <= newest.at:
            written.append(self.state.flat_at)
        if written:
            return max(written)
        found = began(self.policy, counted)
        return counted[-1].at if found is None else found

    def _is_doubted(self, at: int) -> bool:
        breaks = [
            when
            for (kind, when), event in self.events.items()
            if kind is EventKind.BREAK and when <= at and event.suspect.startswith(("scale", "ratio", "zone"))
        ]
        return bool(breaks) and not self.policy.acts_between(max(breaks), at)

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
        for key, event in change.events.items():
            if event is None:
                self.events.pop(key, None)
            else:
                self.events[key] = event
        for start, end in change.standstills.items():
            if end is None:
                self.standstills.pop(start, None)
            else:
                self.standstills[start] = end
        if change.state is not None:
            self.state = change.state
