"""The fold: a register's readings in order of `read_at` → segments, verdicts and events (DESIGN §4).

Pure and resumable after any reading. `Fold(policy, state).take(at, raw)` moves the state and adds to `effects`.
`raw` is thousandths of the carrier's unit before the multiplier: an int, or a Fraction where that is not exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.accounting.amounts import take_interval, take_measurement
from services.accounting.baseline import SOUND
from services.accounting.held import HistoryNeededError
from services.accounting.plain import book_plain
from services.accounting.policy import EVER, PLAIN_KINDS
from services.accounting.registers import Registers
from services.accounting.standstills import Shown
from services.accounting.state import Effects, Outcome, State, Verdict
from services.model import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from fractions import Fraction

    from services.accounting.policy import Policy

__all__ = ["SOUND", "Fold", "HistoryNeededError"]


class Fold:
    """A fold in progress over one register."""

    def __init__(self, policy: Policy, state: State | None = None, *, keep: int | None = None) -> None:
        """Resume after `state`; `keep` limits the members a run remembers (None: all)."""
        self.policy = policy
        self.state = state or State()
        self.effects = Effects()
        known_from = EVER if self.state.base is None else self.state.base.at
        self._registers = Registers(policy, self.state, self.effects, keep=keep, known_from=known_from)

    def take_all(self, readings: Iterable[tuple[int, int | Fraction]]) -> None:
        """Take readings in order of `read_at`, each newer than all before."""
        for at, raw in readings:
            self.take(at, raw)

    def book_all(self, times: Sequence[int], raws: Sequence[int | Fraction]) -> None:
        """`take_all` of the readings (times[i], raws[i]) for who only wants the books.

        State, sums by quarter-hour, doubts and events are the same. It records no verdict of a plain rise, which is
        sound, and one segment for those within a quarter-hour.

        Raises:
            HistoryNeededError: A judgement needs readings that the state does not hold.
        """
        place, plain = 0, self.policy.plain
        while place < len(times):
            if (
                plain
                and (taken := book_plain(self.policy.rules[0], self.state, self.effects, times, raws, place)) > place
            ):
                place = taken
                if self.state.base is not None:
                    self._registers.shown = Shown(self.state.base.at)
            if place < len(times):
                self.take(times[place], raws[place])
                place += 1

    def take(self, at: int, raw: int | Fraction) -> None:
        """Take the next reading.

        Raises:
            HistoryNeededError: A judgement needs readings from before the state that this fold began with.
        """
        policy = self.policy
        if policy.ignored and policy.is_ignored(at):
            self.effects.verdicts[at] = Verdict(Outcome.IGNORED)
            if policy.kind not in PLAIN_KINDS:
                self._registers.skip(at)
            return
        if policy.corrections:
            raw = policy.corrections.get(at, raw)
        rules = policy.rules_at(at)
        if policy.kind is Kind.INTERVAL:
            take_interval(at, raw, rules, self.state, self.effects, accepted=at in policy.accepted)
        elif policy.kind is Kind.MEASUREMENT:
            take_measurement(at, raw, rules, self.state, self.effects, accepted=at in policy.accepted)
        else:
            self._registers.take(at, raw, rules)

    def close_epochs_at(self, at: int) -> None:
        """Apply the acts at exactly `at` after a reading of the old meter there."""
        self._registers.close_epochs_at(at)
