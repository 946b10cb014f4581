"""Naive second opinions: each formula written again, slowly, from the text of the design alone."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import Any

HOUR_US = 3_600_000_000
QUARTER_US = 900_000_000
WEEK_US = 7 * 24 * HOUR_US
FARTHEST_US = 14 * HOUR_US

POWERS_OF_TEN = [Fraction(10) ** n for n in range(-6, 7) if n]
TRANSFORMERS = [2, 3, 4, 5, 6, 8, 12, 15, 16, 20, 24, 25, 30, 32, 40, 48, 50, 60, 75, 80, 120, 150, 160, 200, 250]
TRANSFORMERS += [300, 400, 500, 600, 750, 800, 1200, 1500, 1600, 2000, 2400, 3000, 4000, 6000, 8000]


def explain(rules: Any, from_at: int, from_level: int, at: int, value: int, *, act: bool) -> tuple[str, int] | None:
    """Every explanation of a leg is listed; exactly one makes it plausible."""
    bound = None
    if rules.max_rate is not None:
        hours = Fraction(at - from_at + rules.slack + (rules.interval if act else 0), HOUR_US)
        bound = rules.max_rate * hours * Fraction(105, 100) + rules.step
    return explained(rules, from_level, value, bound)


def explained(rules: Any, from_level: int, value: int, bound: Any) -> tuple[str, int] | None:
    """The one explanation of two levels between which at most `bound` flowed."""
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


def seems_scaled(rules: Any, base: tuple[int, int, str], at: int, value: int) -> bool:
    """Whether a power of ten, 3.6 or a ratio makes a reading fit, on a register that has counted far."""
    if rules.max_rate is None or value <= 0:
        return False
    hours = Fraction(at - base[0] + rules.slack + (rules.interval if base[2] in {"act", "assumed"} else 0), HOUR_US)
    bound = (rules.max_rate * hours * Fraction(105, 100) + rules.step).__floor__()
    scales = [(factor, 20) for factor in [*POWERS_OF_TEN, Fraction("3.6"), 1 / Fraction("3.6")]]
    scales += [(factor, 100) for ratio in TRANSFORMERS for factor in (Fraction(ratio), Fraction(1, ratio))]
    for factor, least in scales:
        digit = round(rules.step / factor) + 1
        whole = value
        if rules.modulus is not None and 20 * (bound + digit) * factor <= rules.modulus:
            whole += rules.modulus * max(0, round((base[1] * factor - value) / rules.modulus))
        off = round(whole / factor) - base[1]
        low = -digit if rules.kind == "total_increasing" else -digit - bound
        if low <= off <= bound + digit and base[1] >= least * (abs(off) + digit):
            return True
    return False


def lacks(start: int, end: int, rules: Any) -> bool:
    """Whether readings are missing on a leg that would have told its parts apart."""
    misses = 2 * (end - start) > 3 * rules.interval and start // QUARTER_US != (end - 1) // QUARTER_US
    return bool(misses or end - start > rules.gap)


def restart_fits(base: tuple[int, int, str], at: int, value: int, rules: Any) -> bool:
    """Whether a value can have been counted from zero since the baseline."""
    if rules.max_rate is None:
        return False
    extra = rules.interval if base[2] in {"act", "assumed"} else 0
    hours = Fraction(at - base[0] + rules.slack + extra, HOUR_US)
    return bool(value <= rules.max_rate * hours * Fraction(105, 100) + rules.step)


def seems_off_zone(base: tuple[int, int, str], run: list[tuple[int, int, int]]) -> bool:
    """Whether the run's own mean makes the way to it whole half-hours, one to fourteen hours, longer or shorter."""
    if run[-1][2] <= run[0][2]:
        return False
    usual = Fraction(run[-1][2] - run[0][2], run[-1][0] - run[0][0])
    missing = (run[0][1] - base[1]) / usual - (run[0][0] - base[0])
    offs = (sign * half * 1800 * 10**6 for half in range(2, 29) for sign in (1, -1))
    return any(abs(missing - off) <= 60 * 10**6 for off in offs)


def may_lag(rules: Any, base: tuple[int, int, str], at: int, value: int, farthest: int) -> bool:
    """Whether a rise is explained if the clock lags behind by the most that a zone can be off."""
    how = explain(rules, base[0] - farthest, base[1], at, value, act=base[2] in {"act", "assumed"})
    return bool(how and how[1])


def unknown_between(flows: dict[tuple[int, int], int], start: int, end: int) -> bool:
    """Whether it is not known what flowed between two instants."""
    at = start
    while at != end:
        following = [until for since, until in flows if since == at]
        if not following:
            return True
        at = following[0]
    return False


def flowed(flows: dict[tuple[int, int], int], start: int, end: int) -> int:
    """What flowed between two instants of a stretch."""
    return sum(amount for (since, until), amount in flows.items() if start <= since and until <= end)


def means(flows: dict[tuple[int, int], int], stretch: list[int], hour: int) -> list[Fraction]:
    """|Mean| per µs of each shortest part of an hour, or of all where that is shorter."""
    if len(stretch) < 2:
        return []
    if stretch[-1] - stretch[0] < hour:
        return [abs(Fraction(flowed(flows, stretch[0], stretch[-1]), stretch[-1] - stretch[0]))]
    found = []
    for last in stretch:
        firsts = [first for first in stretch if last - first >= hour]
        if firsts:
            found.append(abs(Fraction(flowed(flows, firsts[-1], last), last - firsts[-1])))
    return found


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
