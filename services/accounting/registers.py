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

from typing import TYPE_CHECKING, Final

from services.accounting import standstills
from services.accounting.legs import (
    bound_of,
    broken_leg,
    judge,
    judge_at_once,
    kept_level,
    rests,
    segment_of,
)
from services.accounting.state import Event, EventKind, Level, Origin, Outcome, Run, Segment, Verdict
from services.accounting.suspicion import STUCK, casts_doubt, scale_of, zone_of
from services.model import Kind, OnFall

if TYPE_CHECKING:
    from fractions import Fraction

    from services.accounting.policy import EpochAct, Policy, Rules
    from services.accounting.state import Effects, State

RUNS_LIMIT: Final = 4
CONFIRMING_READINGS: Final = 3
SOUND: Final = Verdict(Outcome.SOUND)


class HistoryNeededError(Exception):
    """A judgement needs readings that the state does not hold: fold again from the readings since `since`.

    None: from the last sound one before the readings at hand.
    """

    def __init__(self, since: int | None = None) -> None:
        super().__init__("fold again from the readings")
        self.since = since


class Registers:
    """A fold in progress over a register that counts; moves `state` and adds to `effects`."""

    def __init__(self, policy: Policy, state: State, effects: Effects, *, keep: int | None, known_from: int) -> None:
        """`keep` limits the members a run remembers; `known_from`: nothing before it has been folded."""
        self.policy = policy
        self.state = state
        self.effects = effects
        self.shown = standstills.Shown(known_from)
        self._keep = keep

    def take(self, at: int, raw: int | Fraction, rules: Rules) -> None:
        """Take the next reading, after the acts up to it."""
        base = self.state.base
        if base is not None and self.policy.acts:
            for act in self.policy.acts_between(base.at, at):
                if act.at == at and (amount := self._closing_amount(act, raw)) is not None:
                    self._accept(at, act.old.level(raw), amount, act.old)
                    self.effects.verdicts[at] = Verdict(Outcome.CLOSING)
                    self.close_epochs_at(at)
                    return
                self._end_epoch(act, raw if act.at == at else None)
        self._settle(at, rules.level(raw), rules)

    def skip(self, at: int) -> None:
        """An ignored reading; acts up to it are applied, so that the state after it knows of them."""
        if self.state.base is not None:
            for act in self.policy.acts_between(self.state.base.at, at):
                self._end_epoch(act, None)

    def close_epochs_at(self, at: int) -> None:
        """Apply the acts at exactly `at` after a reading of the old meter there."""
        for act in self.policy.acts_between(at - 1, at):
            self._end_epoch(act, None)

    @property
    def _base(self) -> Level:
        """The baseline, where there is one: all but the first reading is judged after it."""
        if self.state.base is None:
            raise RuntimeError("no reading has been taken yet")
        return self.state.base

    # what is plausible ----------------------------------------------------------------------------------------

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

    def _returns(self, at: int, value: int, amount: int, rules: Rules) -> bool:
        """Whether a plausible reading after a standstill follows a held run that the standstill's start explains."""
        base = self._base
        if not amount or self.state.shown_since == base.at or rules.on_fall is OnFall.HOLD:
            return False
        run = self._followed(at, value, rules)
        return run is not None and bool(judge(run.last, at, value, rules)) and self._since_flat(run.first) is not None

    def _since_flat(self, first: Level) -> int | None:
        """What flowed since the standstill began, if `first` is plausible after that but not after its end."""
        base, rules = self._base, self.policy.rules_at(first.at)
        if self.state.shown_since == base.at or judge(base, first.at, first.value, rules) is not None:
            return None
        return judge(base._replace(at=self.state.shown_since), first.at, first.value, rules) or None

    def _accept(self, at: int, value: int, amount: int, rules: Rules) -> None:
        """The reading is the new baseline; readings held since the old one are false."""
        state, effects, base = self.state, self.effects, self._base
        is_at_rest = rests(base, at, value, amount, rules)
        if is_at_rest:
            self._rest(at)
            state.previous = base
        elif self._was_believed():
            effects.segments.append(segment_of(base, at, amount, rules))
            state.previous = base
        else:
            self._book_stuck(at, amount, Event())
            self.shown.restart(at)
        level = kept_level(base, value, rules)
        if rules.kind is Kind.TOTAL_INCREASING and value < base.value and amount:
            effects.events[EventKind.ROLLOVER, at] = Event(-(rules.modulus or 0))
        effects.verdicts[at] = SOUND if level == value else Verdict(Outcome.NOISE, level)
        if state.runs:
            state.runs = []
        if not is_at_rest:
            self._end_standstill(at)
        state.base = Level(at, level, base.origin if base.origin is Origin.DOUBTED else Origin.READING)
        if state.previous is not None:
            self.shown.add(at, amount, flat_at=self.state.shown_since)

    # standstills ----------------------------------------------------------------------------------------------

    def _was_believed(self) -> bool:
        base = self._base
        return standstills.is_believed(self.state.shown_since, base.at, self.policy.rules_at(base.at))

    def _rest(self, at: int) -> None:
        """A leg on which the register stood still; what it covers depends on how long that is believed."""
        flat_at, base = self.state.shown_since, self._base
        change = standstills.changed_coverage(
            flat_at,
            base.at,
            at,
            was_believed=self._was_believed(),
            is_believed=standstills.is_believed(flat_at, at, self.policy.rules_at(at)),
        )
        if change is not None:
            self.effects.segments.append(change)

    def _book_stuck(self, at: int, amount: int, event: Event) -> None:
        """Book a leg from where the standstill before it began, in place of the standstill."""
        base, flat_at = self._base, self.state.shown_since
        if self._was_believed():
            self.effects.segments.append(Segment(flat_at, base.at, 0, estimated=False, sign=-1))
        self.effects.segments.append(Segment(flat_at, at, amount, estimated=True))
        self.effects.events[EventKind.STUCK, at] = event
        self.state.previous = None

    def _end_standstill(self, at: int) -> None:
        """The level is another one from `at` on; a long standstill is written down."""
        base, flat_at = self._base, self.state.shown_since
        if base.at - flat_at >= self.policy.rules_at(base.at).long:
            self.effects.standstills[flat_at] = base.at
        self.state.flat_at = at

    # what is held ---------------------------------------------------------------------------------------------

    def _mark_held(self, at: int, outcome: Outcome, suspect: str) -> None:
        self.effects.verdicts[at] = Verdict(outcome)
        self.effects.events[EventKind.HELD, at] = Event(suspect=suspect)

    def _hold(self, at: int, value: int, rules: Rules) -> None:
        if rules.on_fall is OnFall.RESET and self._is_restart(at, value, rules):
            self._shift(Level(at, value), rules, Event())
            self.effects.verdicts[at] = Verdict(Outcome.RESTART)
            self.effects.events[EventKind.HELD, at] = None
            return
        run = self._join(at, value, rules)
        self._mark_held(at, Outcome.HELD, self._suspect(run, rules))
        if self._is_truth(run, rules):
            self._confirm(run)

    def _is_restart(self, at: int, value: int, rules: Rules) -> bool:
        base = self._base
        bound = bound_of(base, at, rules)
        return rules.kind is Kind.TOTAL_INCREASING and bound is not None and value < base.value and value <= bound

    def _followed(self, at: int, value: int, rules: Rules) -> Run | None:
        """The longest run that a reading follows plausibly."""
        fitting = [run for run in self.state.runs if judge(run.last, at, value, rules) is not None]
        return max(fitting, key=lambda run: run.count, default=None)

    def _join(self, at: int, value: int, rules: Rules) -> Run:
        """Add the reading to the run that it follows, or start one; the oldest of five goes."""
        run = self._followed(at, value, rules)
        if run is None:
            run = Run(Level(at, value), Level(at, value), 1, [(at, value)])
            self.state.runs.append(run)
            del self.state.runs[:-RUNS_LIMIT]
            return run
        run.last = Level(at, kept_level(run.last, value, rules))
        run.count += 1
        if self._keep is None or run.count <= self._keep:
            run.members.append((at, value))
        return run

    def _suspect(self, run: Run, rules: Rules) -> str:
        """The likely cause of a held run: a scale, a standstill that was none, a clock in the wrong zone."""
        base, previous, first = self._base, self.state.previous, run.first
        by_scale = scale_of(base, first.at, first.value, rules)
        if by_scale:
            return by_scale
        if self._since_flat(first) is not None:
            return STUCK
        rise, elapsed = first.value - base.value, first.at - base.at
        if run.count > 1:
            usual, usual_elapsed = run.last.value - first.value, run.last.at - first.at
        elif previous is not None:
            usual, usual_elapsed = base.value - previous.value, base.at - previous.at
        else:
            usual, usual_elapsed = 0, 0
        return zone_of(rise, elapsed, usual, usual_elapsed)

    @staticmethod
    def _is_truth(run: Run, rules: Rules) -> bool:
        return (
            rules.on_fall is not OnFall.HOLD
            and run.count >= CONFIRMING_READINGS
            and run.last.value != run.first.value
            and run.last.at - run.first.at >= rules.interval
        )

    # what becomes the truth -----------------------------------------------------------------------------------

    def _confirm(self, run: Run) -> None:
        """The run is the truth: find what explains it, then book its own segments."""
        if len(run.members) != run.count:
            raise HistoryNeededError
        rules, first = self.policy.rules_at(run.first.at), run.first
        is_stuck, judgement = self._judge_standstill(run, rules)
        late = next((n for n, (at, value) in enumerate(run.members) if self._follows_base(at, value)), None)
        members = run.members
        if is_stuck:
            self._return(run, rules, judgement)
            members = members[1:]
        elif late is not None:  # those before it are false after all
            self.effects.events[EventKind.HELD, first.at] = judgement
            members = members[late:]
        elif self.state.previous is not None and self._explains(self.state.previous, run):
            self._overrule(self.state.previous, judgement)
        else:
            suspect = judgement.suspect or self._suspect(run, rules)
            self._shift(first, rules, judgement._replace(suspect=suspect))
            members = members[1:]
        self.state.runs = []
        for at, value in members:
            self._follow(at, value)
        settled = [at for at, _ in (members if late is not None and not is_stuck else run.members)]
        self._settle_hindsight(settled)

    def _judge_standstill(self, run: Run, rules: Rules) -> tuple[bool, Event]:
        """Whether the standstill before a run was a gateway that repeats, and what the judgement looked at."""
        base, first, flat_at = self._base, run.first, self.state.shown_since
        amount = self._since_flat(first)
        if amount is None:
            return False, Event()
        by_scale = scale_of(base, first.at, first.value, rules)
        own = standstills.largest_mean(standstills.points_of(run.members, rules))
        if not by_scale and standstills.is_shown(amount, first.at - flat_at, [own]):
            return True, Event()
        if self.shown.known_from >= flat_at - standstills.LOOK_BACK_US:
            raise HistoryNeededError(flat_at - standstills.LOOK_BACK_US)
        before = self.shown.largest_mean_hour(flat_at)
        looked = Event(flat_at=flat_at, judged_at=run.last.at)
        if by_scale and (own > before * 2 or first.value < base.value):
            return False, looked._replace(suspect=by_scale)
        if standstills.is_shown(amount, first.at - flat_at, [own, before]):
            return True, looked
        return False, looked._replace(suspect=by_scale or STUCK)

    def _follows_base(self, at: int, value: int) -> bool:
        return judge(self._base, at, value, self.policy.rules_at(at)) is not None

    def _return(self, run: Run, rules: Rules, judgement: Event) -> None:
        """The gateway was stuck: the way to the run's first reading is booked from where the standstill began."""
        base, first = self._base, run.first
        amount = self._since_flat(first)
        assert amount is not None  # noqa: S101 - it is what the judgement rests on
        self._book_stuck(first.at, amount, judgement)
        if rules.kind is Kind.TOTAL_INCREASING and first.value < base.value:
            self.effects.events[EventKind.ROLLOVER, first.at] = Event(-(rules.modulus or 0))
        self._end_standstill(first.at)
        self.state.base = first
        self.shown.restart(first.at)

    def _explains(self, previous: Level, run: Run) -> bool:
        """Whether the whole run is plausible after the baseline before the present one.

        Its first reading decides, but for a fall within the noise: the higher level kept may be out of reach of the
        next reading.
        """
        base = previous
        for at, value in run.members:
            rules = self.policy.rules_at(at)
            if judge(base, at, value, rules) is None:
                return False
            base = Level(at, kept_level(base, value, rules))
        return True

    def _follow(self, at: int, value: int) -> None:
        base, rules = self._base, self.policy.rules_at(at)
        amount = judge(base, at, value, rules)
        assert amount is not None  # noqa: S101 - it joined the run, or was explained, by this very judgement
        self._accept(at, value, amount, rules)

    def _settle_hindsight(self, members: list[int]) -> None:
        verdicts, events = self.effects.verdicts, self.effects.events
        for at in members[:-1]:
            high = verdicts[at].high if at in verdicts else None
            verdicts[at] = Verdict(Outcome.CONFIRMED, high)
        for at in members:
            events[EventKind.HELD, at] = None

    def _overrule(self, previous: Level, judgement: Event) -> None:
        """The baseline alone was false: take back what led to it."""
        base, flat_at = self._base, self.state.shown_since
        rules, events = self.policy.rules_at(base.at), self.effects.events
        amount = judge(previous, base.at, base.value, rules)
        if flat_at < base.at:
            booked = Segment(previous.at, base.at, 0, estimated=False)
            segment = booked if self._was_believed() else None
        elif amount is None:
            segment = broken_leg(previous, base, rules)
            events[EventKind.BREAK, base.at] = None
        else:
            segment = segment_of(previous, base.at, amount, rules)
            if rules.kind is Kind.TOTAL_INCREASING and base.value < previous.value:
                events[EventKind.ROLLOVER, base.at] = None
        if segment is not None:
            self.effects.segments.append(segment._replace(sign=-1))
        self.effects.verdicts[base.at] = Verdict(Outcome.OVERRULED)
        events[EventKind.OVERRULED, base.at] = judgement._replace(suspect="")
        self.shown.take_back(base, previous)
        self.state.base, self.state.previous, self.state.flat_at = previous, None, previous.at

    def _shift(self, first: Level, rules: Rules, judgement: Event) -> None:
        """The level breaks: `first` is the new baseline."""
        base = self._base
        segment = broken_leg(base, first, rules)
        booked = 0
        if segment is not None:
            self.effects.segments.append(segment)
            booked = segment.amount
        self.effects.events[EventKind.BREAK, first.at] = judgement._replace(shift=first.value - base.value - booked)
        self._end_standstill(first.at)
        state = self.state
        is_doubted = casts_doubt(judgement.suspect) or base.origin is Origin.DOUBTED
        state.base = Level(first.at, first.value, Origin.DOUBTED if is_doubted else Origin.READING)
        state.previous, state.runs = base, []
        self.shown.restart(first.at)

    # acts -----------------------------------------------------------------------------------------------------

    def _closing_amount(self, act: EpochAct, raw: int | Fraction) -> int | None:
        """What a reading at exactly the act books if it is the old side's last one: where that fits, as both may.

        A multiplier declared without a reading is told by this one, which then belongs to both sides.
        """
        shown = act.old.level(raw)
        if act.start is None or not act.old.in_range(shown):
            return None
        if act.final is not None and judge_at_once(shown, act.final, act.old) is None:
            return None
        return judge(self._base, act.at, shown, act.old)

    def _end_epoch(self, act: EpochAct, raw: int | Fraction | None) -> None:
        """Book up to the act if its final level is plausible, and start again at its level."""
        base, state, events = self._base, self.state, self.effects.events
        final, start, origin = self._levels(act, raw, base)
        booked = 0
        if final is not None:
            amount = self._final_amount(act, final)
            if amount is None:
                events[EventKind.INCONSISTENT, act.at] = Event()
            else:
                self._book_final(act.at, amount, act.old)
                booked = amount
        key = (EventKind(act.kind.value), act.at)
        earlier = events.get(key) or Event()
        events[key] = Event(earlier.shift + start - base.value - booked)
        self._end_standstill(act.at)
        state.base, state.previous, state.runs = Level(act.at, start, origin), None, []
        self.shown.restart(act.at)

    def _book_final(self, at: int, amount: int, rules: Rules) -> None:
        """The leg to an act's final level, which also tells what a standstill beyond belief before it was."""
        if self._was_believed():
            self.effects.segments.append(segment_of(self._base, at, amount, rules))
        elif amount:
            self._book_stuck(at, amount, Event())
        else:
            self.effects.segments.append(Segment(self.state.shown_since, at, 0, estimated=False))

    def _levels(self, act: EpochAct, raw: int | Fraction | None, base: Level) -> tuple[int | None, int, Origin]:
        """The last level before the act, where known, and the first one after it."""
        if act.start is not None:
            return act.final, act.start, Origin.ACT
        if raw is not None and self._final_amount(act, act.old.level(raw)) is not None:
            return act.old.level(raw), act.new.level(raw), Origin.ACT
        return None, round(base.value * act.new.multiplier / act.old.multiplier), Origin.ASSUMED

    def _final_amount(self, act: EpochAct, final: int) -> int | None:
        base = self._base
        return judge(base._replace(origin=Origin.ACT), act.at, final, act.old) if act.old.in_range(final) else None
