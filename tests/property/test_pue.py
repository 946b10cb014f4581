"""Any energies, gaps and windows: PUE is what a naive sum over the quarter-hours of both registers says, or unknown."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.figures.pue import pue_between
from services.model import HOUR_US, QUARTER_US
from services.store.pool import connect
from tests.figure_world import instant
from tests.pue_world import book, declare, register

START = instant("2026-01-05T00:00+08:00")
QUARTERS = 30 * 4
WIDTHS = {"1h": 4, "24h": 96}

if TYPE_CHECKING:
    from services.figures.pue import Pue

SIDE = st.tuples(
    st.lists(st.integers(0, 3), min_size=QUARTERS, max_size=QUARTERS),
    st.lists(st.tuples(st.integers(1, QUARTERS - 1), st.integers(1, 12)), max_size=3),
    st.integers(0, 8),
)
"""kWh of each quarter-hour, holes (first missing reading, how many), and how many readings are missing at the end."""


def kept(holes: list[tuple[int, int]], tail: int) -> list[int]:
    """The numbers of the readings that come; the first always does."""
    missing = {number for first, count in holes for number in range(first, first + count)}
    return [number for number in range(QUARTERS + 1 - tail) if number == 0 or number not in missing]


class Naive:
    """One register's windows from its readings alone. What rose over a missing reading is estimated."""

    def __init__(self, amounts: list[int], numbers: list[int]) -> None:
        self.levels = {number: sum(amounts[:number]) for number in numbers}
        self.numbers = numbers

    def at(self, number: int) -> Decimal:
        """The level at a quarter's edge, on a straight line between readings; as floors of thousandths."""
        before = max(each for each in self.numbers if each <= number)
        after = min(each for each in self.numbers if each >= number)
        if before == after:
            return Decimal(self.levels[number])
        share = (self.levels[after] - self.levels[before]) * 1000 * (number - before) // (after - before)
        return self.levels[before] + Decimal(share) / 1000

    def window(self, first: int, last: int) -> tuple[bool, Decimal, Decimal, int]:
        """Spanned, kWh, kWh of estimated segments over an edge, quarters inside estimated segments."""
        if last > self.numbers[-1]:
            return False, Decimal(0), Decimal(0), 0
        uncertain, coarse = Decimal(0), 0
        for left, right in pairwise(self.numbers):
            inside = (max(left, first), min(right, last))
            if right - left > 1 and self.levels[left] < self.levels[right] and inside[0] < inside[1]:
                coarse += inside[1] - inside[0]
                if left < first < right or left < last < right:
                    uncertain += self.at(inside[1]) - self.at(inside[0])
        return True, self.at(last) - self.at(first), uncertain, coarse


def expected(total: Naive, it: Naive, first: int, width: int) -> tuple[str, str | None]:
    """State and reason of a window by the gates in words."""
    (total_spans, total_kwh, total_off, total_coarse) = total.window(first, first + width)
    (it_spans, it_kwh, it_off, it_coarse) = it.window(first, first + width)
    fine = Decimal("0.05") * width if width < 96 else Decimal(width)
    checks = (
        (not it_spans, "it_missing"),
        (not total_spans, "total_missing"),
        (it_off > it_kwh / 20, "it_uncertain"),
        (total_off > total_kwh / 20, "total_uncertain"),
        (it_coarse > fine, "it_coarse"),
        (total_coarse > fine, "total_coarse"),
        (it_kwh <= 0, "it_load_low"),
    )
    for fails, why in checks:
        if fails:
            return "unknown", why
    if it_kwh >= total_kwh:
        return "implausible", "it_not_below_total"
    return ("high" if total_kwh > Decimal("1.5") * it_kwh else "ok"), None


def check(pue: Pue, total: Naive, it: Naive, width: int) -> None:
    """One window against the naive one."""
    first = (pue.starts_at - START) // QUARTER_US
    assert (pue.state, pue.why) == expected(total, it, first, width), (first, width)
    if pue.pue_ratio is not None:
        ratio = total.window(first, first + width)[1] / it.window(first, first + width)[1]
        assert pue.pue_ratio == ratio.quantize(Decimal("0.000001"), ROUND_HALF_UP)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(total=SIDE, it=SIDE, order=st.randoms(use_true_random=False))
async def test_windows_are_those_of_a_naive_sum_or_unknown(database: str, total: Any, it: Any, order: Any) -> None:
    """Whatever is missing, and in whatever order the rest comes."""
    con = await connect(database, name="test")
    transaction = con.transaction()
    await transaction.start()
    try:
        await declare(con)
        sides = []
        for path, (amounts, holes, tail) in (("intake/import", total), ("ups/it", it)):
            naive = Naive(amounts, kept(holes, tail))
            readings = [(START + number * QUARTER_US, naive.levels[number]) for number in naive.numbers]
            order.shuffle(readings)
            await book(con, path, readings[:50])
            await book(con, path, readings[50:])
            sides.append(naive)
        assert await register(con, "ups/it")
        for window, width in WIDTHS.items():
            found = await pue_between(con, window, START, START + QUARTERS * QUARTER_US)
            assert len(found) == (QUARTERS - width) // (1 if window == "1h" else 4) + 1
            for pue in found:
                check(pue, sides[0], sides[1], width)
    finally:
        await transaction.rollback()
        await con.close()


SPANS = st.lists(st.tuples(st.integers(1, 2400), st.integers(1000, 1600)), min_size=1, max_size=30)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(legs=SPANS, order=st.randoms(use_true_random=False))
async def test_reported_ratios_are_weighted_alike_in_any_order(database: str, legs: Any, order: Any) -> None:
    """Seconds between values of thousandths; a value holds until the next, up to a gap of 20 minutes."""
    con = await connect(database, name="test")
    transaction = con.transaction()
    await transaction.start()
    try:
        await declare(con, "{category: 1, reported: dcim/pue}")
        at, readings = START, []
        for seconds, thousandths in legs:
            readings.append((at, Decimal(thousandths) / 1000))
            at += seconds * 1_000_000
        shuffled = readings + readings[::2]
        order.shuffle(shuffled)
        for part in (shuffled[:5], shuffled[5:11], shuffled[11:]):
            if part:
                await book(con, "dcim/pue", dict(part).items())
        for pue in await pue_between(con, "1h", START, START + 24 * HOUR_US):
            weighted = covered = 0
            for (begin, value), (end, _) in pairwise(readings):
                held = min(end, pue.ends_at) - max(begin, pue.starts_at)
                if held > 0 and end - begin <= 1200 * 1_000_000:
                    weighted, covered = weighted + int(value * 1000) * held, covered + held
            if covered * 100 < HOUR_US * 95:
                assert pue.reported_state == "unknown"
            else:
                ratio = (Decimal(weighted) / covered / 1000).quantize(Decimal("0.000001"), ROUND_HALF_UP)
                assert pue.reported_ratio == ratio
    finally:
        await transaction.rollback()
        await con.close()
