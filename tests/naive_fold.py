"""A second opinion on the fold: one pass over all readings, written again from the text of the design alone."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from tests.naive_books import NaiveBooks
from tests.oracles import explain, explained, lacks, may_lag, restart_fits, seems_off_zone, seems_scaled


class NaiveFold(NaiveBooks):
    """One pass over all readings with every intermediate thing kept in plain dictionaries."""

    def __init__(self, policy: Any, readings: list[tuple[int, Any]], **times: int) -> None:
        """`times`: week, hour and farthest of `NaiveBooks`."""
        super().__init__(policy, **times)
        self.outcome: dict[int, str] = {}
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
            since = self.standstill()[0]
            how = explain(act.old, base[0], base[1], act.at, final, act=True)
            how_since = explain(act.old, since, base[1], act.at, final, act=True)
            if not act.old.in_range(final) or not (how or how_since):
                self.events["inconsistent", act.at] = 0
            elif how_since and not how:
                booked = how_since[1]
                self.was_stuck(act.at, booked)
            elif how:
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

    def may_come_back(self, at: int, value: int, how: tuple[str, int], rules: Any) -> bool:
        """Whether a plausible reading goes on with a held run that came out of a standstill and is not judged yet."""
        run, step = self.followed(at, value, rules)
        if not run or not step or not how[1] or rules.on_fall == "hold":
            return False
        if not step[1] and (run[0][1] <= self.chain[-1][1] or self.lasts(run, rules)):
            return False
        return bool(self.from_standstill(*run[0][:2]))

    @staticmethod
    def lasts(run: list[tuple[int, int, int]], rules: Any) -> bool:
        """Whether a run has three readings over an interval."""
        return bool(len(run) >= 3 and run[-1][0] - run[0][0] >= rules.interval)

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
            self.level_breaks(at, value, rules, doubted=False)
            self.outcome[at] = "restart"
            return
        self.outcome[at] = "held"
        self.events["held", at] = 0
        run, how = self.followed(at, value, rules)
        lasted = run is not None and self.lasts(run, rules)
        if run is None:
            self.runs = [*self.runs, [(at, value, value)]][-4:]
            run = self.runs[-1]
        else:
            run.append((at, value, run[-1][2] if how and how[0] == "noise" else value))
        if rules.on_fall == "hold" or not self.lasts(run, rules):
            return
        counts = run[-1][2] != run[0][2]
        if counts or (not lasted and run[0][1] > base[1] and self.comes_back(run) == "stuck"):
            self.confirm(run)

    def level_breaks(self, at: int, value: int, rules: Any, *, doubted: bool) -> None:
        """Shift the level."""
        base, booked = self.chain[-1], 0
        nearer = abs(value - 0) < abs(base[1] - value)
        falls = value < base[1]
        if rules.kind == "total_increasing" and restart_fits(base, at, value, rules) and falls and nearer:
            self.book(base, at, value, rules, guess=True)
            booked = value
        self.events["break", at] = value - base[1] - booked
        self.chain = [*self.chain, (at, value, "doubted" if doubted or base[2] == "doubted" else "reading")]
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
            off_zone = seems_off_zone(base, run) or may_lag(rules, base, at, value, self.farthest)
            doubted = scaled or (off_zone and self.from_standstill(at, value) is None)
            self.level_breaks(at, value, rules, doubted=doubted)
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
