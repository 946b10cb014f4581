"""What is held of a register that counts, and when a held run becomes the truth (DESIGN §4, rules 3 and 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.accounting import standstills
from services.accounting.baseline import Baseline
from services.accounting.legs import bound_of, broken_leg, judge, kept_level, segment_of
from services.accounting.state import Event, EventKind, Level, Origin, Outcome, Run, Segment, Verdict
from services.accounting.suspicion import STUCK, ZONE, casts_doubt, may_be_behind, scale_of, zone_of
from services.model import Kind, OnFall

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.accounting.policy import Rules

RUNS_LIMIT: Final = 4
CONFIRMING_READINGS: Final = 3


class HistoryNeededError(Exception):
    """A judgement needs readings that the state does not hold: fold again from the readings since `since`.

    None: from the last sound one before the readings at hand.
    """

    def __init__(self, since: int | None = None) -> None:
        super().__init__("fold again from the readings")
        self.since = since


class HeldRuns(Baseline):
    """Readings that are not plausible after the baseline, in runs each plausible after the one before."""

    def _returns(self, at: int, value: int, amount: int, rules: Rules) -> bool:
        """Whether a plausible reading after a standstill follows a held run that the standstill's start explains.

        It counts with the run, or stays at its level while the run has not lasted: then it is judged.
        """
        base = self._base
        if not amount or self.state.shown_since == base.at or rules.on_fall is OnFall.HOLD:
            return False
        run = self._followed(at, value, rules)
        if run is None or self._since_flat(run.first) is None:
            return False
        counts = bool(judge(run.last, at, value, rules))
        return counts or (run.first.value > base.value and not _lasts(run, rules))

    def _since_flat(self, first: Level) -> int | None:
        """What flowed since the standstill began, if `first` is plausible after that but not after its end."""
        base, rules = self._base, self.policy.rules_at(first.at)
        if self.state.shown_since == base.at or judge(base, first.at, first.value, rules) is not None:
            return None
        return judge(base._replace(at=self.state.shown_since), first.at, first.value, rules) or None

    def _mark_held(self, at: int, outcome: Outcome, suspect: str) -> None:
        self.effects.verdicts[at] = Verdict(outcome)
        self.effects.events[EventKind.HELD, at] = Event(suspect=suspect)

    def _hold(self, at: int, value: int, rules: Rules) -> None:
        if rules.on_fall is OnFall.RESET and self._is_restart(at, value, rules):
            self._shift(Level(at, value), rules, Event())
            self.effects.verdicts[at] = Verdict(Outcome.RESTART)
            self.effects.events[EventKind.HELD, at] = None
            return
        followed = self._followed(at, value, rules)
        had_lasted = followed is not None and _lasts(followed, rules)
        run = self._join(followed, at, value, rules)
        self._mark_held(at, Outcome.HELD, self._suspect(run, rules))
        if rules.on_fall is OnFall.HOLD or not _lasts(run, rules):
            return
        if run.last.value != run.first.value:
            self._confirm(run)
        elif not had_lasted:
            self._confirm_at_rest(run)

    def _is_restart(self, at: int, value: int, rules: Rules) -> bool:
        base = self._base
        bound = bound_of(base, at, rules)
        return rules.kind is Kind.TOTAL_INCREASING and bound is not None and value < base.value and value <= bound

    def _followed(self, at: int, value: int, rules: Rules) -> Run | None:
        """The longest run that a reading follows plausibly."""
        fitting = [run for run in self.state.runs if judge(run.last, at, value, rules) is not None]
        return max(fitting, key=lambda run: run.count, default=None)

    def _join(self, run: Run | None, at: int, value: int, rules: Rules) -> Run:
        """Add the reading to the run that it follows, or start one; the oldest of five goes."""
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

    def _confirm_at_rest(self, run: Run) -> None:
        """A run that lasts and does not count is evidence only as the way out of a standstill at a rate shown before.

        That is judged once, when it lasts; else it goes on being held.
        """
        rules = self.policy.rules_at(run.first.at)
        if run.first.value <= self._base.value or self._since_flat(run.first) is None:
            return
        is_stuck, judgement = self._judge_standstill(run, rules)
        if is_stuck:
            self._confirm(run)
        else:
            self.effects.events[EventKind.HELD, run.first.at] = judgement

    def _confirm(self, run: Run) -> None:
        """The run is the truth: find what explains it, then book its own segments."""
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
            if not suspect and may_be_behind(self._base, first.at, first.value, rules):
                suspect = ZONE
            self._shift(first, rules, judgement._replace(suspect=suspect))
            members = members[1:]
        self.state.runs = []
        for at, value in members:
            self._follow(at, value)
        settled = [at for at, _ in (members if late is not None and not is_stuck else run.members)]
        self._settle_hindsight(settled)

    def _judge_standstill(self, run: Run, rules: Rules) -> tuple[bool, Event]:
        """Whether the standstill before a run was a gateway that repeats, and what the judgement looked at."""
        if len(run.members) != run.count:
            raise HistoryNeededError
        base, first, flat_at = self._base, run.first, self.state.shown_since
        amount = self._since_flat(first)
        if amount is None:
            return False, Event()
        by_scale = scale_of(base, first.at, first.value, rules)
        points = standstills.points_of(run.members, rules)
        own = standstills.largest_mean(points)
        was_judged = first.value > base.value and _rested(points)
        if not by_scale and not was_judged and standstills.is_shown(amount, first.at - flat_at, [own]):
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


def _lasts(run: Run, rules: Rules) -> bool:
    """Whether a run has readings enough, over an interval at least, to say something."""
    return run.count >= CONFIRMING_READINGS and run.last.at - run.first.at >= rules.interval


def _rested(points: Sequence[tuple[int, int]]) -> bool:
    """Whether a run may have been judged before it counted: that judgement looked back on what was shown."""
    return any(not energy for _, energy in points[CONFIRMING_READINGS - 1 :])
