"""What may have happened to a register whose readings are not plausible, found by trying.

A suspicion books nothing: it tells a person what to look at, in a word and a number. `scale 0.1`: the register shows a
tenth of what it did. `ratio 40`: forty times, a ratio of transformers. `zone -8:00`: its clock is eight hours behind;
`zone`: it may be behind, its load does not tell how far. `stuck`: it was not read for a while and its last value
repeated.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

from services.accounting.legs import bound_of, judge
from services.model import HOUR_US, SECOND_US, Kind

if TYPE_CHECKING:
    from services.accounting.policy import Rules
    from services.accounting.state import Level

STUCK: Final = "stuck"
ZONE: Final = "zone"

_POWERS: Final = [Fraction(10) ** power for power in (1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6)]
_MJ_IN_KWH: Final = Fraction(18, 5)
_SCALES: Final = [*_POWERS, _MJ_IN_KWH, 1 / _MJ_IN_KWH]
"""Powers of ten, and 3.6 for MJ in place of kWh."""
_RATIOS: Final = (2, 3, 4, 5, 6, 8, 12, 15, 16, 20, 24, 25, 30, 32, 40, 48, 50, 60, 75, 80, 120, 150, 160, 200, 250,
                  300, 400, 500, 600, 750, 800, 1200, 1500, 1600, 2000, 2400, 3000, 4000, 6000, 8000)  # fmt: skip
"""Ratios of transformers in use: secondary currents of 1 and 5 A, and their products with small voltage ratios."""
_NEARNESS: Final = {"scale": 20, "ratio": 100}
"""A multiple is meant if the reading misses it by less than this part of the level; of the ratios there are more, so
that one of them is nearer by chance."""

_HALF_HOUR_US: Final = HOUR_US // 2
_ZONE_ERRORS: Final = range(2, 29)
"""Half-hours by which a clock can be in the wrong zone."""
_ZONE_TOLERANCE_US: Final = 60 * SECOND_US
FARTHEST_ZONE_US: Final = _ZONE_ERRORS[-1] * _HALF_HOUR_US
"""No clock is further behind for being in another zone."""


def scale_of(base: Level, at: int, value: int, rules: Rules) -> str:
    """The factor that makes a reading plausible after the baseline: `scale 0.1`, `ratio 40`; '' where none does.

    The last digit that a scaled register shows counts for more or less than a step, which is allowed for.
    """
    bound = bound_of(base, at, rules)
    if bound is None or value <= 0:
        return ""
    for word, factor in _factors():
        coarse = round(rules.step / factor) + 1
        least = -bound if rules.kind is Kind.TOTAL else 0
        rise = round((value + _turns(base, value, factor, bound + coarse, rules)) / factor) - base.value
        is_near = base.value >= _NEARNESS[word] * (abs(rise) + coarse)
        if least - coarse <= rise <= bound + coarse and is_near:
            is_whole_part = word == "ratio" or factor == 1 / _MJ_IN_KWH
            return f"{word} {f'1/{_text(1 / factor)}' if factor < 1 and is_whole_part else _text(factor)}"
    return ""


def _turns(base: Level, value: int, factor: Fraction, reach: int, rules: Rules) -> int:
    """What a scaled register lost by turning over; 0 where its turns are too short to tell anything by the rest."""
    if rules.modulus is None or _NEARNESS["scale"] * reach * factor > rules.modulus:
        return 0
    return max(0, round((base.value * factor - value) / rules.modulus)) * rules.modulus


def scale_beside(base: Level | None, value: int) -> str:
    """The power of ten by which an amount or a momentary value is beside the one before it, '' where it is none."""
    if base is None or base.value <= 0 or value <= 0:
        return ""
    for power in _POWERS:
        if Fraction(1, 2) < Fraction(value, base.value) / power < Fraction(2):
            return f"scale {_text(power)}"
    return ""


def casts_doubt(suspect: str) -> bool:
    """Whether what a register shows after a break with this suspicion cannot be taken for measured."""
    return suspect.startswith(("scale", "ratio", "zone"))


def zone_of(rise: int, elapsed: int, usual: int, usual_elapsed: int) -> str:
    """The whole half-hours that make a rise usual: `zone -8:00`; '' where none do.

    Args:
        rise: What was found, in `elapsed` µs by the stamps.
        elapsed: µs.
        usual: What is usual in `usual_elapsed` µs.
        usual_elapsed: µs.
    """
    if usual <= 0 or usual_elapsed <= 0:
        return ""
    missing = rise * usual_elapsed // usual - elapsed
    halves = round(missing / _HALF_HOUR_US)
    if abs(halves) not in _ZONE_ERRORS or abs(missing - halves * _HALF_HOUR_US) > _ZONE_TOLERANCE_US:
        return ""
    hours, minutes = divmod(abs(halves) * 30, 60)
    return f"zone {'-' if halves > 0 else '+'}{hours}:{minutes:02}"


def may_be_behind(base: Level, at: int, value: int, rules: Rules) -> bool:
    """Whether a rise out of reach is one that a clock in another zone would show, by what can flow in that time."""
    return bool(judge(base._replace(at=base.at - FARTHEST_ZONE_US), at, value, rules))


def _factors() -> list[tuple[str, Fraction]]:
    ratios = [each for ratio in _RATIOS for each in (Fraction(ratio), Fraction(1, ratio))]
    return [("scale", factor) for factor in _SCALES] + [("ratio", factor) for factor in ratios]


def _text(factor: Fraction) -> str:
    """As people write it: 10, 0.001, 3.6."""
    return f"{float(factor):.6f}".rstrip("0").rstrip(".")
