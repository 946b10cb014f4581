"""A year's allowance as monthly parts that add up to it exactly, in integers."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from services.errors import TanfengError

if TYPE_CHECKING:
    from collections.abc import Sequence

MONTHS = 12


def by_profile(total: int, weights: Sequence[int | Fraction]) -> list[int]:
    """`total` in proportion to `weights`: floors of running sums, each less than one from its exact share.

    Raises:
        TanfengError: A weight is negative, or all of them are zero.
    """
    if min(weights, default=0) < 0 or not any(weights):
        raise TanfengError("a profile needs weights of at least zero and one above it", "use split: equal")
    whole = Fraction(sum(weights))
    ends = [int(total * share / whole // 1) for share in accumulate(map(Fraction, weights), initial=Fraction(0))]
    return [end - start for start, end in pairwise(ends)]


def equal(total: int) -> list[int]:
    """Twelve parts that differ by at most one."""
    return by_profile(total, [1] * MONTHS)


def by_hand(total: int, parts: Sequence[int]) -> list[int]:
    """The parts themselves, where they add up.

    Raises:
        TanfengError: They do not; it says by how much.
    """
    if sum(parts) != total:
        over = sum(parts) - total
        raise TanfengError(
            f"the months add up to {abs(over)} grains {'more' if over > 0 else 'less'} than the year",
            "correct a month or the annual amount",
        )
    return list(parts)
