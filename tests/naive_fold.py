"""A second opinion on the fold: one pass over all readings, written again from the text of the design alone."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

from tests.oracles import (
    HOUR_US,
    WEEK_US,
    explain,
    explained,
    lacks,
    means,
    restart_fits,
    seems_off_zone,
    seems_scaled,
    unknown_between,
)


class NaiveFold:
    """One pass over all readings with every intermediate thing kept in plain dictionaries."""

    def __init__(
        self, policy: Any, readings: list[tuple[int, Any]], *, week: int = WEEK_US, hour: int = HOUR_US
    ) -> None:
        self.policy, self.week, self.hour = policy, week, hour
        self.booked: dict[tuple[int, int], tuple[int, bool]] = {}
        self.outcome: dict[int, str] = {}
        self.events: dict[tuple[str, int], int] = {}
        self.chain: list[tuple[int, int, str]] = []  # baselines in time: (at, level, origin)
        self.resting: set[tuple[int, int]] = set()  # legs of the chain on which nothing moved
        self.anew: set[int] = set()  # baselines at which a standstill began anew
        self.flows: dict[tuple[int, int], int] = {}  # what flowed from one baseline to the next, where that is known
        self.runs: list[list[tuple[int, int, int]]] = []  # members: (at, value, level with noise)
        self.first: int | None = None
        for at, raw in sorted(readings):
            self.reading(at, raw)

    def reading(self, at: int, raw: Any) -> None:
        """Take one reading in order of time."""
        policy = self.policy
        if any(start <= at < until for start, until in policy.ignored):
            self.outcome[at] = "ignored"
            for act in [a for a in policy.acts if self.chain and self.chain[-1][0] < a.at <= at]:
                self.act(act, None)
            return
        raw = policy.corrections.get(at, raw)
        rules = policy.rules_at(at)
        value = round(raw * rules.multiplier)
        if self.chain:
            for act in [a for a in policy.acts if self.chain[-1][0] < a.at <= at]:
                old_value = round(raw * act.old.multiplier)
                if act.at == at and (how := self.of_old_side(act, old_value)):
                    self.accept(at, old_value, how, act.old)
                    self.outcome[at] = "closing"
                    for late in [a for a in policy.acts if a.at == at]:
                        self.act(late, None)
                    return
                self.act(act, raw if act.at == at else None)
        else:
            for act in [a for a in policy.acts if a.at == at]:
                old_value = round(raw * act.old.multiplier)
                if self.agrees_with_old_side(act, old_value):
                    self.chain, self.first, self.outcome[at] = [(at, old_value, "reading")], old_value, "closing"
                    for late in [a for a in policy.acts if a.at == at]:
                        self.act(late, None)
                    return
        self.normal(at, value, rules)

    def of_old_side(self, act: Any, old_value: int) -> tuple[str, int] | None:
        """How a reading at the act is the old meter's last one, which a known final level must agree with to a step."""
        fits = self.agrees_with_old_side(act, old_value)
        return self.leg(self.chain[-1], act.at, old_value, act.old) if fits else None

    @staticmethod
    def agrees_with_old_side(act: Any, old_value: int) -> bool:
        """Whether what is declared of the old meter does not speak against a reading at the act."""
        if act.kind == "multiplier" and act.start is None:
            return False
        fits_final = act.final is None or explained(act.old, old_value, act.final, act.old.step)
        return bool(act.old.in_range(old_value) and fits_final)

    @staticmethod
    def leg(base: tuple[int, int, str], at: int, value: int, rules: Any) -> tuple[str, int] | None:
        """Explain a reading after a baseline."""
        return explain(rules, base[0], base[1], at, value, act=base[2] in {"act", "assumed"})

    def act(self, act: Any, raw: Any) -> None:
        """End an epoch."""
        base = self.chain[-1]
        final, start, origin = act.final, act.start, "act"
        shown = None if raw is None else round(raw * act.old.multiplier)
        fits = shown is not None and act.old.in_range(shown) and explain(act.old, *base[:2], act.at, shown, act=True)
        if start is None and fits:
            final, start = shown, round(raw * act.new.multiplier)
        elif start is None:
            start, origin = round(base[1] * Fraction(act.new.multiplier, act.old.multiplier)), "assumed"
        booked = 0
        if final is not None:
            how = explain(act.old, base[0], base[1], act.at, final, act=True)
            if how is None or not act.old.in_range(final):
                self.events["inconsistent", act.at] = 0
            else:
                booked = how[1]
                if self.believes(base[0]):
                    self.book(base, act.at, how[1], act.old)
                elif booked:
                    self.was_stuck(act.at, booked)
                else:
                    self.booked[self.standstill()[0], act.at] = (0, False)
        key = (str(act.kind), act.at)
        self.events[key] = self.events.get(key, 0) + start - base[1] - booked
        self.chain = [*self.chain, (act.at, start, origin)]
        self.runs = []

    def book(self, base: tuple[int, int, str], at: int, amount: int, rules: Any, *, guess: bool = False) -> None:
        """Put energy on a leg."""
        key = (base[0], at)
        old = self.booked.get(key, (0, False))
        estimated = guess or lacks(base[0], at, rules) or base[2] in {"assumed", "doubted"}
        self.booked[key] = (old[0] + amount, estimated or old[1])

    def normal(self, at: int, value: int, rules: Any) -> None:
        """Judge a reading with all acts done."""
        if rules.kind == "total_increasing" and (value < 0 or (rules.modulus is not None and value >= rules.modulus)):
            self.outcome[at] = "out_of_range"
            self.events["held", at] = 0
        elif not self.chain:
            self.chain, self.first, self.outcome[at] = [(at, value, "reading")], value, "sound"
        else:
            how = self.leg(self.chain[-1], at, value, rules)
            if how and not self.may_come_back(at, value, how, rules):
                self.accept(at, value, how, rules)
            else:
                self.hold(at, value, rules)

    def accept(self, at: int, value: int, how: tuple[str, int], rules: Any) -> None:
        """Make a plausible reading the baseline."""
        base = self.chain[-1]
        level = base[1] if how[0] == "noise" else value
        still = how[1] == 0 and level == base[1] and base[2] == "reading"
        if still and (rules.kind == "total_increasing" or not lacks(base[0], at, rules)):
            self.resting.add((base[0], at))
            self.booked[base[0], at] = (0, False)
            self.flows[base[0], at] = 0
        elif self.believes(base[0]):
            self.book(base, at, how[1], rules)
            if base[0] < at:
                self.flows[base[0], at] = how[1]
        else:
            self.was_stuck(at, how[1])
        if how[0] == "rollover":
            self.events["rollover", at] = -rules.modulus
        self.outcome[at] = "noise" if how[0] == "noise" else "sound"
        self.chain = [*self.chain, (at, level, "doubted" if base[2] == "doubted" else "reading")]
        self.runs = []
        if (base[0], at) in self.resting:
            self.cover_standstill()

    # standstills

    def standstill(self) -> list[int]:
        """The instants of the baselines since the level is the present one."""
        shown = [self.chain[-1][0]]
        for earlier, later in reversed(list(pairwise(self.chain))):
            if later[0] in self.anew or (earlier[0], later[0]) not in self.resting:
                break
            shown.insert(0, earlier[0])
        return shown

    def believes(self, at: int) -> bool:
        """Whether the standstill that ends with the baseline at `at` is short enough."""
        flat: int = self.policy.rules_at(at).flat
        return at - self.standstill()[0] <= flat

    def cover_standstill(self) -> None:
        """All legs of the standstill count, or none."""
        instants = self.standstill()
        for leg in pairwise(instants):
            if self.believes(instants[-1]):
                self.booked[leg] = (0, False)
            else:
                self.booked.pop(leg, None)

    def was_stuck(self, at: int, amount: int) -> None:
        """Book from the standstill's start instead of its legs."""
        instants = self.standstill()
        for leg in pairwise(instants):
            self.booked.pop(leg, None)
        self.booked[instants[0], at] = (amount, True)
        self.events["stuck", at] = 0

    def from_standstill(self, at: int, value: int) -> tuple[str, int] | None:
        """How a reading out of reach of the standstill's end is explained by its start."""
        base, since, rules = self.chain[-1], self.standstill()[0], self.policy.rules_at(at)
        if since == base[0] or self.leg(base, at, value, rules):
            return None
        how = explain(rules, since, base[1], at, value, act=False)
        return how if how and how[1] else None

    def may_come_back(self, at: int, value: int, how: tuple[str, int], rules: Any) -> bool:
        """Whether a plausible reading goes on with a held run that came out of a standstill."""
        run, step = self.followed(at, value, rules)
        if not run or not step or not step[1] or not how[1] or rules.on_fall == "hold":
            return False
        return bool(self.from_standstill(*run[0][:2]))

    def rates(self, since: int, until: int) -> list[Fraction]:
        """Means of stretches of known flow in a window, each the shortest of an hour that ends with its reading."""
        stretches: list[list[int]] = [[]]
        ends = {end: start for start, end in self.flows}
        for at in sorted({*ends, *ends.values(), *(each[0] for each in self.chain)}):
            if not since <= at <= until or not self.marks(at):
                continue
            if stretches[-1] and unknown_between(self.flows, stretches[-1][-1], at):
                stretches.append([])
            stretches[-1].append(at)
        return [rate for stretch in stretches for rate in means(self.flows, stretch, self.hour)]

    def marks(self, at: int) -> bool:
        """Whether an instant bounds a stretch: one within a standstill does not."""
        rests_before = any(end == at for _, end in self.resting)
        rests_after = any(start == at for start, _ in self.resting)
        return at in self.anew or not (rests_before and rests_after)

    def comes_back(self, run: list[tuple[int, int, int]]) -> str:
        """'stuck', 'scaled' or '' for what a confirmed run says of the standstill before it."""
        at, value, _ = run[0]
        how = self.from_standstill(at, value)
        if how is None:
            return ""
        base, since, rules = self.chain[-1], self.standstill()[0], self.policy.rules_at(at)
        own = self.own_rate(run)
        implied = Fraction(abs(how[1]), at - since)
        scaled = seems_scaled(rules, base, at, value)
        if not scaled and implied <= own * 3 / 2:
            return "stuck"
        before = max(self.rates(since - self.week, since), default=Fraction(0))
        if scaled and (own > 2 * before or value < base[1]):
            return "scaled"
        if implied <= max(own, before) * 3 / 2:
            return "stuck"
        return "scaled" if scaled else ""

    def own_rate(self, run: list[tuple[int, int, int]]) -> Fraction:
        """The largest mean hour within a run."""
        rules, flows = self.policy.rules_at(run[0][0]), {}
        for before, after in pairwise(run):
            how = explain(rules, before[0], before[2], after[0], after[1], act=False)
            flows[before[0], after[0]] = how[1] if how else 0
        return max(means(flows, [member[0] for member in run], self.hour), default=Fraction(0))

    # held readings

    def followed(
        self, at: int, value: int, rules: Any
    ) -> tuple[list[tuple[int, int, int]] | None, tuple[str, int] | None]:
        """The longest run that a reading follows, and how."""
        hows = [explain(rules, run[-1][0], run[-1][2], at, value, act=False) for run in self.runs]
        lengths = [len(run) if how else 0 for run, how in zip(self.runs, hows, strict=True)]
        if not any(lengths):
            return None, None
        longest = lengths.index(max(lengths))
        return self.runs[longest], hows[longest]

    def hold(self, at: int, value: int, rules: Any) -> None:
        """Hold an implausible reading."""
        base = self.chain[-1]
        fits_restart = restart_fits(base, at, value, rules)
        if rules.on_fall == "reset" and rules.kind == "total_increasing" and value < base[1] and fits_restart:
            self.level_breaks(at, value, rules, scaled=False)
            self.outcome[at] = "restart"
            return
        self.outcome[at] = "held"
        self.events["held", at] = 0
        run, how = self.followed(at, value, rules)
        if run is None:
            self.runs = [*self.runs, [(at, value, value)]][-4:]
            run = self.runs[-1]
        else:
            run.append((at, value, run[-1][2] if how and how[0] == "noise" else value))
        spans = run[-1][0] - run[0][0] >= rules.interval
        if rules.on_fall != "hold" and len(run) >= 3 and spans and run[-1][2] != run[0][2]:
            self.confirm(run)

    def level_breaks(self, at: int, value: int, rules: Any, *, scaled: bool) -> None:
        """Shift the level."""
        base, booked = self.chain[-1], 0
        nearer = abs(value - 0) < abs(base[1] - value)
        falls = value < base[1]
        if rules.kind == "total_increasing" and restart_fits(base, at, value, rules) and falls and nearer:
            self.book(base, at, value, rules, guess=True)
            booked = value
        self.events["break", at] = value - base[1] - booked
        self.chain = [*self.chain, (at, value, "doubted" if scaled or base[2] == "doubted" else "reading")]
        self.runs = []

    def chain_holds(self, before: tuple[int, int, str], run: list[tuple[int, int, int]]) -> bool:
        """Whether every reading of the run is plausible after the one before it, the first after `before`."""
        base = before
        for at, value, _ in run:
            how = self.leg(base, at, value, self.policy.rules_at(at))
            if how is None:
                return False
            base = (at, base[1] if how[0] == "noise" else value, "reading")
        return True

    def confirm(self, run: list[tuple[int, int, int]]) -> None:
        """Let a run become the truth."""
        at, value, _ = run[0]
        rules = self.policy.rules_at(at)
        base = self.chain[-1]
        before = self.before_base()
        how = self.leg(before, at, value, rules) if before and self.chain_holds(before, run) else None
        verdict = self.comes_back(run)
        direct = [n for n, member in enumerate(run) if self.leg(base, *member[:2], self.policy.rules_at(member[0]))]
        settled, rest = run, run[1:]
        if verdict == "stuck":
            found = self.from_standstill(at, value)
            assert found is not None
            self.was_stuck(at, found[1])
            if rules.kind == "total_increasing" and value < base[1]:
                self.events["rollover", at] = -rules.modulus
            self.chain = [*self.chain, (at, value, "reading")]
        elif direct:
            settled = rest = run[direct[0] :]
        elif before and how:
            self.overrule(before)
            rest = run
        else:
            scaled = verdict == "scaled" or seems_scaled(rules, base, at, value)
            off_zone = self.from_standstill(at, value) is None and seems_off_zone(base, run)
            self.level_breaks(at, value, rules, scaled=scaled or off_zone)
        self.runs = []
        for at, value, _ in rest:
            rules = self.policy.rules_at(at)
            leg = self.leg(self.chain[-1], at, value, rules)
            assert leg is not None
            self.accept(at, value, leg, rules)
        for at, *_ in settled[:-1]:
            self.outcome[at] = "confirmed"
        for at, *_ in settled:
            self.events.pop(("held", at), None)

    def before_base(self) -> tuple[int, int, str] | None:
        """The baseline before the present one, where the present one was read and was no way out of a standstill."""
        base = self.chain[-1]
        if len(self.chain) < 2 or base[2] in {"act", "assumed"} or ("stuck", base[0]) in self.events:
            return None
        return self.chain[-2]

    def overrule(self, before: tuple[int, int, str]) -> None:
        """The baseline alone was false."""
        base = self.chain[-1]
        self.booked.pop((before[0], base[0]), None)
        self.flows.pop((before[0], base[0]), None)
        self.resting.discard((before[0], base[0]))
        for kind in ("break", "rollover"):
            self.events.pop((kind, base[0]), None)
        self.outcome[base[0]] = "overruled"
        self.events["overruled", base[0]] = 0
        self.chain = self.chain[:-1]
        # where a standstill was, it begins anew
        self.anew.add(before[0])
