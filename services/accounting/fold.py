"""The fold: a register's readings in order of `read_at` → segments, verdicts and events (DESIGN §4).

Pure and resumable after any reading. `Fold(policy, state).take(at, raw)` moves the state and adds to `effects`.
`raw` is thousandths of the carrier's unit before the multiplier: an int, or a Fraction where that is not exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.accounting.legs import bound_of, broken_leg, judge, kept_level, segment_of
from services.accounting.plain import book_plain
from services.accounting.state import Effects, EventKind, Level, Origin, Outcome, Run, Segment, State, Verdict
from services.model import HOUR_US, Kind, OnFall

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from fractions import Fraction

    from services.accounting.policy import EpochAct, Policy, Rules

RUNS_LIMIT: Final = 4
CONFIRMING_READINGS: Final = 3
SOUND: Final = Verdict(Outcome.SOUND)
_REGISTERS: Final = (Kind.TOTAL_INCREASING, Kind.TOTAL)


class HistoryNeededError(Exception):
    """A run became the truth whose members the state no longer holds: fold again from the readings."""


class Fold:
    """A fold in progress over one register."""

    def __init__(self, policy: Policy, state: State | None = None, *, keep: int | None = None) -> None:
        """Resume after `state`; `keep` limits the members a run remembers (None: all)."""
        self.policy = policy
        self.state = state or State()
        self.effects = Effects()
        self._keep = keep

    def take_all(self, readings: Iterable[tuple[int, int | Fraction]]) -> None:
        """Take readings in order of `read_at`, each newer than all before."""
        for at, raw in readings:
            self.take(at, raw)

    def book_all(self, times: Sequence[int], raws: Sequence[int | Fraction]) -> None:
        """`take_all` of the readings (times[i], raws[i]) for who only wants the books.

        State, sums by quarter-hour, doubts and events are the same. It records no verdict of a plain rise, which is
        sound, and one segment for those within a quarter-hour.
        """
        place, plain = 0, self.policy.plain
        while place < len(times):
            if plain:
                place = book_plain(self.policy.rules[0], self.state, self.effects, times, raws, place)
            if place < len(times):
                self.take(times[place], raws[place])
                place += 1

    def take(self, at: int, raw: int | Fraction) -> None:
        """Take the next reading."""
        policy = self.policy
        if policy.ignored and policy.is_ignored(at):
            self._skip(at)
            return
        if policy.corrections:
            raw = policy.corrections.get(at, raw)
        rules = policy.rules_at(at)
        if policy.kind is Kind.INTERVAL:
            self._take_interval(at, rules.level(raw), rules)
        elif policy.kind is Kind.MEASUREMENT:
            self._take_measurement(at, rules.level(raw), rules)
        else:
            self._take_register(at, raw, rules)

    def close_epochs_at(self, at: int) -> None:
        """Apply the acts at exactly `at` after a reading of the old meter there."""
        for act in self.policy.acts_between(at - 1, at):
            self._end_epoch(act, None)

    def _skip(self, at: int) -> None:
        """An ignored reading; acts up to it are applied, so that the state after it knows of them."""
        self.effects.verdicts[at] = Verdict(Outcome.IGNORED)
        if self.state.base is not None and self.policy.kind in _REGISTERS:
            for act in self.policy.acts_between(self.state.base.at, at):
                self._end_epoch(act, None)

    @property
    def _base(self) -> Level:
        """The baseline, where there is one: all but the first reading is judged after it."""
        if self.state.base is None:
            raise RuntimeError("no reading has been taken yet")
        return self.state.base

    # registers ------------------------------------------------------------------------------------------------

    def _take_register(self, at: int, raw: int | Fraction, rules: Rules) -> None:
        base = self.state.base
        if base is not None and self.policy.acts:
            for act in self.policy.acts_between(base.at, at):
                if act.at == at and self._closes(act, raw):
                    self._settle(at, act.old.level(raw), act.old)
                    self.effects.verdicts[at] = Verdict(Outcome.CLOSING)
                    self.close_epochs_at(at)
                    return
                self._end_epoch(act, raw if act.at == at else None)
        self._settle(at, rules.level(raw), rules)

    def _settle(self, at: int, value: int, rules: Rules) -> None:
        if not rules.in_range(value):
            self._mark_held(at, Outcome.OUT_OF_RANGE)
        elif self.state.base is None:
            self.state.base = Level(at, value)
            self.effects.verdicts[at] = SOUND
        else:
            amount = judge(self.state.base, at, value, rules)
            if amount is None:
                self._hold(at, value, rules)
            else:
                self._accept(at, value, amount, rules)

    def _accept(self, at: int, value: int, amount: int, rules: Rules) -> None:
        """The reading is the new baseline; readings held since the old one are false."""
        state, effects, base = self.state, self.effects, self._base
        effects.segments.append(segment_of(base, at, amount, rules))
        state.previous = base
        if state.runs:
            state.runs = []
        if rules.kind is Kind.TOTAL_INCREASING and value < base.value:
            if amount:
                effects.events[EventKind.ROLLOVER, at] = -(rules.modulus or 0)
            else:
                state.base = Level(at, base.value)
                effects.verdicts[at] = Verdict(Outcome.NOISE, base.value)
                return
        state.base = Level(at, value)
        effects.verdicts[at] = SOUND

    # what is held ---------------------------------------------------------------------------------------------

    def _mark_held(self, at: int, outcome: Outcome) -> None:
        self.effects.verdicts[at] = Verdict(outcome)
        self.effects.events[EventKind.HELD, at] = 0

    def _hold(self, at: int, value: int, rules: Rules) -> None:
        self._mark_held(at, Outcome.HELD)
        if rules.on_fall is OnFall.RESET and self._is_restart(at, value, rules):
            self._shift(Level(at, value), rules)
            self.effects.verdicts[at] = Verdict(Outcome.RESTART)
            self.effects.events[EventKind.HELD, at] = None
            return
        run = self._join(at, value, rules)
        if self._is_truth(run, rules):
            self._confirm(run)

    def _is_restart(self, at: int, value: int, rules: Rules) -> bool:
        base = self._base
        bound = bound_of(base, at, rules)
        return rules.kind is Kind.TOTAL_INCREASING and bound is not None and value < base.value and value <= bound

    def _join(self, at: int, value: int, rules: Rules) -> Run:
        """Add the reading to the longest run that it follows plausibly, or start one; the oldest of five goes."""
        runs = self.state.runs
        fitting = [run for run in runs if judge(run.last, at, value, rules) is not None]
        if not fitting:
            run = Run(Level(at, value), Level(at, value), 1, [(at, value)])
            runs.append(run)
            del runs[:-RUNS_LIMIT]
            return run
        run = max(fitting, key=lambda fit: fit.count)
        run.last = Level(at, kept_level(run.last, value, rules))
        run.count += 1
        if self._keep is None or run.count <= self._keep:
            run.members.append((at, value))
        return run

    @staticmethod
    def _is_truth(run: Run, rules: Rules) -> bool:
        return (
            rules.on_fall is not OnFall.HOLD
            and run.count >= CONFIRMING_READINGS
            and run.last.value != run.first.value
            and run.last.at - run.first.at >= rules.interval
        )

    def _confirm(self, run: Run) -> None:
        """The run is the truth: overrule the baseline alone, or shift the level; then book the run's own segments."""
        if len(run.members) != run.count:
            raise HistoryNeededError
        previous, first = self.state.previous, run.first
        if previous is not None and self._explains(previous, run):
            self._overrule(previous)
            members = run.members
        else:
            self._shift(first, self.policy.rules_at(first.at))
            members = run.members[1:]
        self.state.runs = []
        for at, value in members:
            self._follow(at, value)
        self._settle_hindsight([at for at, _ in run.members[:-1]])
        self.effects.events[EventKind.HELD, run.members[-1][0]] = None

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
        for at in members:
            high = verdicts[at].high if at in verdicts else None
            verdicts[at] = Verdict(Outcome.CONFIRMED, high)
            events[EventKind.HELD, at] = None

    def _overrule(self, previous: Level) -> None:
        """The baseline alone was false: take back what led to it."""
        base = self._base
        rules, events = self.policy.rules_at(base.at), self.effects.events
        amount = judge(previous, base.at, base.value, rules)
        if amount is None:
            segment = broken_leg(previous, base, rules)
            events[EventKind.BREAK, base.at] = None
        else:
            segment = segment_of(previous, base.at, amount, rules)
            if rules.kind is Kind.TOTAL_INCREASING and base.value < previous.value:
                events[EventKind.ROLLOVER, base.at] = None
        if segment is not None:
            self.effects.segments.append(segment._replace(sign=-1))
        self.effects.verdicts[base.at] = Verdict(Outcome.OVERRULED)
        events[EventKind.OVERRULED, base.at] = 0
        self.state.base = previous

    def _shift(self, first: Level, rules: Rules) -> None:
        """The level breaks: `first` is the new baseline."""
        base = self._base
        segment = broken_leg(base, first, rules)
        booked = 0
        if segment is not None:
            self.effects.segments.append(segment)
            booked = segment.amount
        self.effects.events[EventKind.BREAK, first.at] = first.value - base.value - booked
        self.state = State(base=first, previous=base)

    # acts -----------------------------------------------------------------------------------------------------

    def _closes(self, act: EpochAct, raw: int | Fraction) -> bool:
        """Whether a reading at exactly the act fits only the old meter's last value."""
        base = self.state.base
        if act.final is None or act.start is None or act.reads_itself or base is None:
            return False
        value, start = act.new.level(raw), Level(act.at, act.start, Origin.ACT)
        if act.new.in_range(value) and judge(start, act.at, value, act.new) is not None:
            return False
        shown = act.old.level(raw)
        if not act.old.in_range(shown) or judge(base, act.at, shown, act.old) is None:
            return False
        return judge(Level(act.at, shown), act.at, act.final, act.old) is not None

    def _end_epoch(self, act: EpochAct, raw: int | Fraction | None) -> None:
        """Book up to the act if its final level is plausible, and start again at its level."""
        base, state, events = self._base, self.state, self.effects.events
        final, start, origin = self._levels(act, raw, base)
        booked = 0
        if final is not None:
            amount = self._final_amount(act, final)
            if amount is None:
                events[EventKind.INCONSISTENT, act.at] = 0
            else:
                self.effects.segments.append(segment_of(base, act.at, amount, act.old))
                booked = amount
        key = (EventKind(act.kind.value), act.at)
        events[key] = (events.get(key) or 0) + start - base.value - booked
        state.base, state.previous, state.runs = Level(act.at, start, origin), None, []

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

    # interval amounts and measurements ------------------------------------------------------------------------

    def _take_interval(self, at: int, value: int, rules: Rules) -> None:
        base, start = self.state.base, at - rules.interval
        bound = rules.bound(rules.interval)
        if value < 0 or (bound is not None and value > bound) or (base is not None and start < base.at):
            self._mark_held(at, Outcome.HELD)
            return
        self.effects.segments.append(Segment(start, at, value, estimated=False))
        self.effects.verdicts[at] = SOUND
        self.state.base = Level(at, value)

    def _take_measurement(self, at: int, value: int, rules: Rules) -> None:
        base = self.state.base
        if rules.max_rate is not None and abs(value) > rules.max_rate * 21 // 20 + rules.step:
            self._mark_held(at, Outcome.HELD)
            return
        if rules.integrate and base is not None and at - base.at <= rules.gap:
            amount = (base.value + value) * (at - base.at) // (2 * HOUR_US)
            self.effects.segments.append(Segment(base.at, at, amount, estimated=True))
        self.effects.verdicts[at] = SOUND
        self.state.base = Level(at, value)
