"""The baseline of a register that counts: what moves it, what a leg to the next one books, and standstills."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.accounting import standstills
from services.accounting.legs import kept_level, rests, segment_of
from services.accounting.state import Event, EventKind, Level, Origin, Outcome, Segment, Verdict
from services.model import Kind

if TYPE_CHECKING:
    from services.accounting.policy import Policy, Rules
    from services.accounting.state import Effects, State

SOUND: Final = Verdict(Outcome.SOUND)


class Baseline:
    """Where a fold over a register stands; moves `state` and adds to `effects`."""

    def __init__(self, policy: Policy, state: State, effects: Effects, *, keep: int | None, known_from: int) -> None:
        """`keep` limits the members a run remembers; `known_from`: nothing before it has been folded."""
        self.policy = policy
        self.state = state
        self.effects = effects
        self.shown = standstills.Shown(known_from)
        self._keep = keep

    @property
    def _base(self) -> Level:
        """The baseline, where there is one: all but the first reading is judged after it."""
        if self.state.base is None:
            raise RuntimeError("no reading has been taken yet")
        return self.state.base

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
