"""The fold of a register that counts: what each reading is after the baseline, what it books, and what is held.

How a standstill is read, in one series (quarter-hours, at most 600 kWh an hour, no limit to a believable standstill):

    00:00  1000    the first baseline
    00:15  1025    +25: booked, the new baseline
    00:30  1025    +0: the register stands still since 00:15; measured as zero
    ...    1025    for three hours
    03:30  1350    +325 in a quarter-hour is more than 158: held, nothing is booked
    03:45  1375    +350 in half an hour is more than 315: held; it follows the held one, 25 in a quarter-hour
    04:00  1400    +375 fits three quarters now, but it follows the held ones: three readings that have counted are the
                   truth. 325 since 00:15 is 100 an hour, which the register has shown: the gateway was stuck. The zeros
                   are taken back, 325 from 00:15 to 03:30 and 25 twice after it are booked, the first estimated.

Had it been 3000 an hour, the level would have broken (another meter?) and nothing been booked of the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.accounting.baseline import SOUND
from services.accounting.held import HeldRuns
from services.accounting.legs import judge, judge_at_once, segment_of
from services.accounting.state import Event, EventKind, Level, Origin, Outcome, Segment, Verdict

if TYPE_CHECKING:
    from fractions import Fraction

    from services.accounting.policy import EpochAct, Rules


class Registers(HeldRuns):
    """A fold in progress over a register that counts: readings in order, and the acts between them."""

    def take(self, at: int, raw: int | Fraction, rules: Rules) -> None:
        """Take the next reading, after the acts up to it."""
        base = self.state.base
        if base is None and self.policy.acts and self._opens_old(at, raw):
            return
        if base is not None and self.policy.acts:
            for act in self.policy.acts_between(base.at, at):
                if act.at == at and (amount := self._closing_amount(act, raw)) is not None:
                    self._accept(at, act.old.level(raw), amount, act.old)
                    self.effects.verdicts[at] = Verdict(Outcome.CLOSING)
                    self.close_epochs_at(at)
                    return
                self._end_epoch(act, raw if act.at == at else None)
        self._settle(at, rules.level(raw), rules)

    def _opens_old(self, at: int, raw: int | Fraction) -> bool:
        """Take a first reading at an act's own instant as the old side's last one, where that fits as both may."""
        act = next((act for act in self.policy.acts_between(at - 1, at) if self._may_close(act, raw)), None)
        if act is None:
            return False
        self._settle(at, act.old.level(raw), act.old)
        self.effects.verdicts[at] = Verdict(Outcome.CLOSING)
        self.close_epochs_at(at)
        return True

    def skip(self, at: int) -> None:
        """An ignored reading; acts up to it are applied, so that the state after it knows of them."""
        if self.state.base is not None:
            for act in self.policy.acts_between(self.state.base.at, at):
                self._end_epoch(act, None)

    def close_epochs_at(self, at: int) -> None:
        """Apply the acts at exactly `at` after a reading of the old meter there."""
        for act in self.policy.acts_between(at - 1, at):
            self._end_epoch(act, None)

    def _settle(self, at: int, value: int, rules: Rules) -> None:
        if not rules.in_range(value):
            self._mark_held(at, Outcome.OUT_OF_RANGE, "")
        elif self.state.base is None:
            self.state.base, self.state.flat_at = Level(at, value), at
            self.shown.restart(at)
            self.effects.verdicts[at] = SOUND
        else:
            amount = judge(self.state.base, at, value, rules)
            if amount is None or (self.state.runs and self._returns(at, value, amount, rules)):
                self._hold(at, value, rules)
            else:
                self._accept(at, value, amount, rules)

    def _closing_amount(self, act: EpochAct, raw: int | Fraction) -> int | None:
        """What a reading at exactly the act books if it is the old side's last one: where that fits, as both may.

        A multiplier declared without a reading is told by this one, which then belongs to both sides.
        """
        return judge(self._base, act.at, act.old.level(raw), act.old) if self._may_close(act, raw) else None

    @staticmethod
    def _may_close(act: EpochAct, raw: int | Fraction) -> bool:
        """Whether a reading at exactly the act is one that the old side can have shown, by the act alone."""
        shown = act.old.level(raw)
        if act.start is None or not act.old.in_range(shown):
            return False
        return act.final is None or judge_at_once(shown, act.final, act.old) is not None

    def _end_epoch(self, act: EpochAct, raw: int | Fraction | None) -> None:
        """Book up to the act if its final level is plausible, and start again at its level."""
        base, state, events = self._base, self.state, self.effects.events
        final, start, origin = self._levels(act, raw, base)
        booked = None if final is None else self._book_final(act, final)
        if final is not None and booked is None:
            events[EventKind.INCONSISTENT, act.at] = Event()
        key = (EventKind(act.kind.value), act.at)
        earlier = events.get(key) or Event()
        events[key] = Event(earlier.shift + start - base.value - (booked or 0))
        self._end_standstill(act.at)
        state.base, state.previous, state.runs = Level(act.at, start, origin), None, []
        self.shown.restart(act.at)

    def _book_final(self, act: EpochAct, final: int) -> int | None:
        """Book the leg to an act's final level; None: nothing explains that level.

        It is declared, so that it also tells what a standstill before it was: one beyond belief, or one whose start
        alone explains it, is booked from there.
        """
        base, flat_at = self._base, self.state.shown_since
        amount = self._final_amount(act, final, base)
        if amount is None:
            amount = self._final_amount(act, final, base._replace(at=flat_at))
            if amount:
                self._book_stuck(act.at, amount, Event())
        elif self._was_believed():
            self.effects.segments.append(segment_of(base, act.at, amount, act.old))
        elif amount:
            self._book_stuck(act.at, amount, Event())
        else:
            self.effects.segments.append(Segment(flat_at, act.at, 0, estimated=False))
        return amount

    def _levels(self, act: EpochAct, raw: int | Fraction | None, base: Level) -> tuple[int | None, int, Origin]:
        """The last level before the act, where known, and the first one after it."""
        if act.start is not None:
            return act.final, act.start, Origin.ACT
        if raw is not None and self._final_amount(act, act.old.level(raw), base) is not None:
            return act.old.level(raw), act.new.level(raw), Origin.ACT
        return None, round(base.value * act.new.multiplier / act.old.multiplier), Origin.ASSUMED

    @staticmethod
    def _final_amount(act: EpochAct, final: int, base: Level) -> int | None:
        return judge(base._replace(origin=Origin.ACT), act.at, final, act.old) if act.old.in_range(final) else None
