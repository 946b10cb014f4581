"""Standstills of a register: how long one is believed, where it began, and what the register had shown before.

A gateway that lost its meter repeats the last value with new stamps, and nothing in such readings tells it from a
plant that stands still. So a standstill beyond the policy's `flat` counts as not read, and one that ends in more than
its last leg can carry is booked from where it began, if that is a rate the register has shown.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from services.accounting.legs import judge, kept_level, rests
from services.accounting.state import BASELINES, Level, Outcome, Segment
from services.model import HOUR_US

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from services.accounting.policy import Policy, Rules
    from services.accounting.refold import Stored

LOOK_BACK_US: Final = 7 * 24 * HOUR_US
"""How far before a standstill the register's rates are looked at."""
MEAN_OVER_US: Final = HOUR_US
"""Rates are means over at least so long."""
_RATE_MARGIN: Final = Fraction(3, 2)


def is_believed(flat_at: int, until: int, rules: Rules) -> bool:
    """Whether a standstill from `flat_at` to a reading that `rules` judge is taken for what the meter showed."""
    return until - flat_at <= rules.flat


def changed_coverage(flat_at: int, base_at: int, at: int, *, was_believed: bool, is_believed: bool) -> Segment | None:
    """What a reading at `at` within a standstill covers: its own leg, or all of it given or taken back."""
    if was_believed and is_believed:
        return Segment(base_at, at, 0, estimated=False)
    if was_believed:
        return Segment(flat_at, base_at, 0, estimated=False, sign=-1)
    return Segment(flat_at, at, 0, estimated=False) if is_believed else None


def began(policy: Policy, before: Sequence[Stored]) -> int | None:
    """Since when the newest baseline among these stored readings shows its level; None: further ones are needed.

    Args:
        policy: What judges them.
        before: Readings before a sound one, newest first: baselines and overruled ones, without a gap.
    """
    newest = next((each for each in before if each.verdict.outcome in BASELINES), None)
    if newest is None or newest is not before[0] or newest.verdict.outcome is Outcome.CLOSING:
        return None if newest is None else newest.at
    since, restarts = newest, False
    for each in before[1:]:
        if each.verdict.outcome not in BASELINES:
            restarts = True
            continue
        if not _stands(policy, each, since):
            return since.at
        if restarts:
            return each.at
        since = each
    return None


def _stands(policy: Policy, earlier: Stored, later: Stored) -> bool:
    """Whether the register stood still between two baselines that follow each other."""
    if earlier.verdict.outcome is Outcome.CLOSING or policy.acts_between(earlier.at, later.at):
        return False
    base, rules = Level(earlier.at, earlier.level(policy)), policy.rules_at(later.at)
    value = rules.level(policy.corrections.get(later.at, later.raw))
    amount = judge(base, later.at, value, rules)
    return amount is not None and rests(base, later.at, value, amount, rules)


class Shown:
    """What a register has shown lately, as points (instant, energy since the start), one chain from break to break."""

    def __init__(self, known_from: int) -> None:
        """`known_from`: nothing of before is known."""
        self.known_from = known_from
        self._chains: list[list[tuple[int, int]]] = []

    def restart(self, at: int) -> None:
        """The level was set at `at`: what flowed before is unknown."""
        self._chains.append([(at, 0)])

    def add(self, at: int, amount: int, *, flat_at: int) -> None:
        """A leg to `at` was booked; of a standstill since `flat_at` only the two ends are kept."""
        if not self._chains:
            self.restart(self.known_from)
        chain = self._chains[-1]
        if chain[-1][0] == at:  # at an act's own instant: no time, no rate
            return
        if not amount and chain[-1][0] > flat_at:
            chain[-1] = at, chain[-1][1]
        else:
            chain.append((at, chain[-1][1] + amount))
        if flat_at == at:
            self._forget(at - LOOK_BACK_US)

    def take_back(self, base: Level, previous: Level) -> None:
        """The leg to `base` is withdrawn."""
        chain = self._chains[-1] if self._chains else []
        if chain and chain[-1][0] == base.at:
            _, energy = chain.pop()
            if not chain:
                self._chains.pop()
            elif chain[-1][0] < previous.at:
                chain.append((previous.at, energy))
        if not self._chains:
            self.restart(previous.at)

    def largest_mean_hour(self, until: int) -> Fraction:
        """The largest mean, an hour wide or as wide as readings are apart, in the week up to `until`; per µs."""
        since = until - LOOK_BACK_US
        windows = ([point for point in chain if since <= point[0] <= until] for chain in self._chains)
        return max((largest_mean(points) for points in windows), default=Fraction(0))

    def _forget(self, before: int) -> None:
        self._chains = [chain for chain in self._chains if chain[-1][0] >= before]
        for chain in self._chains:
            if len(chain) > 2 and chain[len(chain) // 2][0] < before:  # noqa: PLR2004 - in halves: seldom, not at each
                del chain[: len(chain) // 2]


def largest_mean(points: Sequence[tuple[int, int]]) -> Fraction:
    """The largest |mean| per µs over at least an hour, or over all of it where it is shorter.

    >>> largest_mean([(0, 0), (HOUR_US, 5000), (2 * HOUR_US, 9000)]) * HOUR_US
    Fraction(5000, 1)
    """
    if len(points) < 2:  # noqa: PLR2004 - a leg has two ends
        return Fraction(0)
    if points[-1][0] - points[0][0] < MEAN_OVER_US:
        return _mean(points[0], points[-1])
    largest, first = Fraction(0), 0
    for last in points:
        while first + 1 < len(points) and last[0] - points[first + 1][0] >= MEAN_OVER_US:
            first += 1
        if last[0] - points[first][0] >= MEAN_OVER_US:
            largest = max(largest, _mean(points[first], last))
    return largest


def is_shown(amount: int, elapsed: int, rates: Iterable[Fraction]) -> bool:
    """Whether an energy in a time is of a rate that the register has shown."""
    return Fraction(abs(amount), elapsed) <= _RATE_MARGIN * max(rates, default=Fraction(0))


def points_of(run: Sequence[tuple[int, int]], rules: Rules) -> list[tuple[int, int]]:
    """The members of a held run as points of what it books within itself."""
    points = [(run[0][0], 0)]
    base = Level(*run[0])
    for _, (at, value) in pairwise(run):
        amount = judge(base, at, value, rules) or 0
        points.append((at, points[-1][1] + amount))
        base = Level(at, kept_level(base, value, rules))
    return points


def _mean(first: tuple[int, int], last: tuple[int, int]) -> Fraction:
    return Fraction(abs(last[1] - first[1]), last[0] - first[0])
