"""Naive second opinions: each formula written again, slowly, from the text of the design alone."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import Any

HOUR_US = 3_600_000_000
QUARTER_US = 900_000_000


def explain(rules: Any, from_at: int, from_level: int, at: int, value: int, *, act: bool) -> tuple[str, int] | None:
    """Every explanation of a leg is listed; exactly one makes it plausible."""
    bound = None
    if rules.max_rate is not None:
        hours = Fraction(at - from_at + rules.slack + (rules.interval if act else 0), HOUR_US)
        bound = rules.max_rate * hours * Fraction(105, 100) + rules.step
    rise = value - from_level
    if rules.kind == "total":
        return ("rise", rise) if bound is None or -bound <= rise <= bound else None
    found = []
    if rise >= 0 and (bound is None or rise <= bound):
        found.append(("rise", rise))
    if -rules.noise <= rise < 0:
        found.append(("noise", 0))
    if rules.modulus is not None and bound is not None:
        turned = (rise + turns * rules.modulus for turns in range(1, 30))
        found.extend(("rollover", amount) for amount in turned if 0 <= amount <= bound)
    return found[0] if len(found) == 1 else None


class NaiveFold:
    """One pass over all readings with every intermediate thing kept in plain dictionaries."""

    def __init__(self, policy: Any, readings: list[tuple[int, Any]]) -> None:
        self.policy = policy
        self.booked: dict[tuple[int, int], tuple[int, bool]] = {}
        self.outcome: dict[int, str] = {}
        self.events: dict[tuple[str, int], int] = {}
        self.chain: list[tuple[int, int, str]] = []  # baselines in time: (at, level, origin)
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
                if act.at == at and self.closes(act, value, old_value):
                    self.normal(at, old_value, act.old)
                    self.outcome[at] = "closing"
                    for late in [a for a in policy.acts if a.at == at]:
                        self.act(late, None)
                    return
                self.act(act, raw if act.at == at else None)
        self.normal(at, value, rules)

    def closes(self, act: Any, value: int, old_value: int) -> bool:
        """Whether a reading at the act fits only the old meter."""
        if act.kind == "multiplier" or act.final is None:
            return False
        base = self.chain[-1]
        new_fits = act.new.in_range(value) and explain(act.new, act.at, act.start, act.at, value, act=True)
        old_fits = act.old.in_range(old_value) and self.leg(base, act.at, old_value, act.old)
        return bool(not new_fits and old_fits and explain(act.old, act.at, old_value, act.at, act.final, act=False))

    @staticmethod
    def leg(base: tuple[int, int, str], at: int, value: int, rules: Any) -> tuple[str, int] | None:
        """Explain a reading after a baseline."""
        return explain(rules, base[0], base[1], at, value, act=base[2] != "reading")

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
                self.book(base, act.at, how[1], act.old)
        key = (str(act.kind), act.at)
        self.events[key] = self.events.get(key, 0) + start - base[1] - booked
        self.chain = [*self.chain, (act.at, start, origin)]
        self.runs = []

    def book(self, base: tuple[int, int, str], at: int, amount: int, rules: Any, *, guess: bool = False) -> None:
        """Put energy on a leg."""
        key = (base[0], at)
        old = self.booked.get(key, (0, False))
        misses = 2 * (at - base[0]) > 3 * rules.interval and base[0] // QUARTER_US != (at - 1) // QUARTER_US
        estimated = guess or misses or at - base[0] > rules.gap or base[2] == "assumed"
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
            if how:
                self.accept(at, value, how, rules)
            else:
                self.hold(at, value, rules)

    def accept(self, at: int, value: int, how: tuple[str, int], rules: Any) -> None:
        """Make a plausible reading the baseline."""
        base = self.chain[-1]
        self.book(base, at, how[1], rules)
        if how[0] == "rollover":
            self.events["rollover", at] = -rules.modulus
        level = base[1] if how[0] == "noise" else value
        self.outcome[at] = "noise" if how[0] == "noise" else "sound"
        self.chain = [*self.chain, (at, level, "reading")]
        self.runs = []

    def hold(self, at: int, value: int, rules: Any) -> None:
        """Hold an implausible reading."""
        base = self.chain[-1]
        fits_restart = self.restart_fits(base, at, value, rules)
        if rules.on_fall == "reset" and rules.kind == "total_increasing" and value < base[1] and fits_restart:
            self.level_breaks(at, value, rules)
            self.outcome[at] = "restart"
            return
        self.outcome[at] = "held"
        self.events["held", at] = 0
        lengths = []
        for run in self.runs:
            how = explain(rules, run[-1][0], run[-1][2], at, value, act=False)
            lengths.append(len(run) if how else 0)
        if not any(lengths):
            self.runs = [*self.runs, [(at, value, value)]][-4:]
            run = self.runs[-1]
        else:
            run = self.runs[lengths.index(max(lengths))]
            how = explain(rules, run[-1][0], run[-1][2], at, value, act=False)
            run.append((at, value, run[-1][2] if how and how[0] == "noise" else value))
        spans = run[-1][0] - run[0][0] >= rules.interval
        if rules.on_fall != "hold" and len(run) >= 3 and spans and run[-1][2] != run[0][2]:
            self.confirm(run)

    def restart_fits(self, base: tuple[int, int, str], at: int, value: int, rules: Any) -> bool:
        """Whether a value can have been counted from zero since the baseline."""
        if rules.max_rate is None:
            return False
        extra = rules.interval if base[2] != "reading" else 0
        hours = Fraction(at - base[0] + rules.slack + extra, HOUR_US)
        return bool(value <= rules.max_rate * hours * Fraction(105, 100) + rules.step)

    def level_breaks(self, at: int, value: int, rules: Any) -> None:
        """Shift the level."""
        base, booked = self.chain[-1], 0
        nearer = abs(value - 0) < abs(base[1] - value)
        falls = value < base[1]
        if rules.kind == "total_increasing" and self.restart_fits(base, at, value, rules) and falls and nearer:
            self.book(base, at, value, rules, guess=True)
            booked = value
        self.events["break", at] = value - base[1] - booked
        self.chain = [*self.chain, (at, value, "reading")]
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
        before = self.chain[-2] if len(self.chain) > 1 and base[2] == "reading" else None
        how = self.leg(before, at, value, rules) if before and self.chain_holds(before, run) else None
        if before and how:
            self.booked.pop((before[0], base[0]), None)
            for kind in ("break", "rollover"):
                self.events.pop((kind, base[0]), None)
            self.outcome[base[0]] = "overruled"
            self.events["overruled", base[0]] = 0
            self.chain = self.chain[:-1]
            self.accept(at, value, how, rules)
        else:
            self.level_breaks(at, value, rules)
        for at, value, _ in run[1:]:
            rules = self.policy.rules_at(at)
            leg = self.leg(self.chain[-1], at, value, rules)
            assert leg is not None
            self.accept(at, value, leg, rules)
        for at, *_ in run[:-1]:
            self.outcome[at] = "confirmed"
        for at, *_ in run:
            self.events.pop(("held", at), None)


def quarters(segments: dict[tuple[int, int], tuple[int, bool]]) -> dict[int, list[int]]:
    """Each quarter-hour's share as the difference of two floors of the running sum, asked for bucket by bucket."""
    rows: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for (start, end), (amount, estimated) in segments.items():
        for bucket in range((start - 1) // QUARTER_US * QUARTER_US, end + 1, QUARTER_US):
            low, high = max(start, bucket), min(end, bucket + QUARTER_US)
            if low > high or (low == high and not (start == end and bucket < start <= bucket + QUARTER_US)):
                continue
            part = amount if start == end else _running(amount, start, end, high) - _running(amount, start, end, low)
            seconds = high // 1_000_000 - low // 1_000_000
            for column, change in enumerate((part, part * estimated, seconds, seconds * estimated)):
                rows[bucket][column] += change
    return {bucket: row for bucket, row in rows.items() if any(row)}


def _running(amount: int, start: int, end: int, at: int) -> int:
    return (Fraction(amount) * Fraction(at - start, end - start)).__floor__()
