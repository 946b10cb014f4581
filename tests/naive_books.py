"""What the naive fold has booked so far: the baselines in time, their legs, and what a standstill says of them."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

from tests.oracles import FARTHEST_US, HOUR_US, WEEK_US, explain, lacks, means, seems_scaled, unknown_between


class NaiveBooks:
    """Every baseline and leg of a register that counts, and what they show, in plain dictionaries."""

    def __init__(self, policy: Any, *, week: int = WEEK_US, hour: int = HOUR_US, farthest: int = FARTHEST_US) -> None:
        """How far before a standstill rates are looked at, how wide they are, and how far behind a clock can be."""
        self.policy, self.week, self.hour, self.farthest = policy, week, hour, farthest
        self.booked: dict[tuple[int, int], tuple[int, bool]] = {}
        self.events: dict[tuple[str, int], int] = {}
        self.chain: list[tuple[int, int, str]] = []  # baselines in time: (at, level, origin)
        self.resting: set[tuple[int, int]] = set()  # legs of the chain on which nothing moved
        self.anew: set[int] = set()  # baselines at which a standstill began anew
        self.flows: dict[tuple[int, int], int] = {}  # what flowed from one baseline to the next, where that is known

    @staticmethod
    def leg(base: tuple[int, int, str], at: int, value: int, rules: Any) -> tuple[str, int] | None:
        """Explain a reading after a baseline."""
        return explain(rules, base[0], base[1], at, value, act=base[2] in {"act", "assumed"})

    def book(self, base: tuple[int, int, str], at: int, amount: int, rules: Any, *, guess: bool = False) -> None:
        """Put energy on a leg."""
        key = (base[0], at)
        old = self.booked.get(key, (0, False))
        estimated = guess or lacks(base[0], at, rules) or base[2] in {"assumed", "doubted"}
        self.booked[key] = (old[0] + amount, estimated or old[1])

    def before_base(self) -> tuple[int, int, str] | None:
        """The baseline before the present one, where the present one was read and was no way out of a standstill."""
        base = self.chain[-1]
        if len(self.chain) < 2 or base[2] in {"act", "assumed"} or ("stuck", base[0]) in self.events:
            return None
        return self.chain[-2]

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
