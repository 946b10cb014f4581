"""What each explanation of a held run would book, so that a person can decide which one is true."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from services.accounting.legs import judge, kept_level
from services.accounting.state import Level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.accounting.policy import Rules

MOST_TURNS: Final = 3
"""Rollovers beyond these are not listed."""


class Explanation(NamedTuple):
    """One way to read a held run: `leg` thousandths for the way from the baseline to its first reading."""

    code: str
    leg: int
    fits: bool
    """Whether the leg is within what the policy allows in that time."""


def explanations(base: Level, first: Level, rules: Rules) -> list[Explanation]:
    """The explanations of a run whose first reading is `first`, after `base`.

    `false`: the meter is read wrongly, nothing is booked. `swap`: another meter, nothing is known of the way.
    `restart`: it started again at zero. `rise`: all of it was used. `rollover n`: it passed its modulus n times.
    """
    bound = rules.bound(first.at - base.at, by_act=True)
    rise = first.value - base.value

    def explanation(code: str, leg: int) -> Explanation:
        return Explanation(code, leg, fits=leg >= 0 and (bound is None or leg <= bound))

    found = [Explanation("false", 0, fits=True), Explanation("swap", 0, fits=True)]
    if rise < 0:
        found.append(explanation("restart", first.value))
    else:
        found.append(explanation("rise", rise))
    if rules.modulus is not None:
        turns = range(1, MOST_TURNS + 1)
        found += [explanation(f"rollover {n}", rise + n * rules.modulus) for n in turns]
    return found


def run_amount(members: Sequence[tuple[int, int]], rules: Rules) -> int:
    """What a run books within itself, in thousandths."""
    total, base = 0, Level(*members[0])
    for _, (at, value) in pairwise(members):
        total += judge(base, at, value, rules) or 0
        base = Level(at, kept_level(base, value, rules))
    return total
