"""The months of a year add up to it, whatever the profile."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.budgets.split import by_hand, by_profile, equal
from services.errors import TanfengError

TOTALS = st.one_of(st.integers(0, 30), st.integers(0, 10**15))
WEIGHTS = st.lists(
    st.one_of(st.integers(0, 5), st.fractions(min_value=0, max_value=10**9)), min_size=12, max_size=12
).filter(any)


@given(total=TOTALS, weights=WEIGHTS)
def test_the_parts_of_any_profile_add_up_exactly(total: int, weights: list[Fraction]) -> None:
    """To the last grain, each within one grain of its exact share; a month without weight gets nothing."""
    parts = by_profile(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        exact = Fraction(total) * weight / sum(weights)
        assert abs(part - exact) < 1
        assert part >= 0
        assert weight or not part


@given(total=TOTALS)
def test_equal_parts_differ_by_at_most_one_grain(total: int) -> None:
    """Twelve of them, adding up."""
    parts = equal(total)
    assert (len(parts), sum(parts)) == (12, total)
    assert max(parts) - min(parts) <= 1


@given(total=TOTALS, weights=WEIGHTS, times=st.integers(1, 1000))
def test_a_profile_is_only_its_proportions(total: int, weights: list[Fraction], times: int) -> None:
    """The unit that last year was measured in has no part in it."""
    assert by_profile(total, weights) == by_profile(total, [weight * times for weight in weights])


@given(parts=st.lists(st.integers(0, 10**12), min_size=12, max_size=12), off=st.integers(-5, 5))
def test_months_by_hand_stand_only_if_they_add_up(parts: list[int], off: int) -> None:
    """One grain too many or too few is refused."""
    if off:
        with pytest.raises(TanfengError, match=f"{abs(off)} grains"):
            by_hand(sum(parts) + off, parts)
    else:
        assert by_hand(sum(parts), parts) == parts


@pytest.mark.parametrize("weights", [[0] * 12, [1, -1] * 6])
def test_no_profile_is_refused(weights: list[int]) -> None:
    """Nothing to be in proportion to."""
    with pytest.raises(TanfengError):
        by_profile(100, weights)
