"""The step in which a register really moves, found in what it showed; pure.

Two kinds are told from chance: values on a coarse grid (a meter that shows whole kWh, a gateway that rounds), and
values that went through a float32, whose 24 bits leave steps of 0.0625 at 1,000,000 however many decimals are printed.
"""

from __future__ import annotations

import struct
from fractions import Fraction
from itertools import pairwise
from math import floor, gcd, lcm, log, log2
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_CHANCE: Final = 1e-6
"""How likely a register of the declared resolution may show the same by chance, at most."""
_CASES: Final = 8
_BITS: Final = 24
_DIGITS: Final = range(1, 10)
_LARGEST: Final = Fraction(2) ** 100


def observed_step(shown: Sequence[tuple[int, Fraction]], resolution: Fraction) -> Fraction | None:
    """The step to declare where values move in larger steps than `resolution`, None where nothing says so.

    Args:
        shown: When the register showed what, in order of time, in its own unit and before any multiplier.
        resolution: The declared one, above zero.
    """
    values = [value for _, value in shown]
    found = [step for step in (_grid(shown, resolution), _float_step(values, resolution)) if step is not None]
    return max(found, default=None)


def _is_certain(cases: int, resolution: Fraction, step: Fraction) -> bool:
    """Whether so many cases in a row would hardly fall on steps if the register moved in its resolution."""
    return step > resolution and cases * log(float(step / resolution)) > -log(_CHANCE)


def _grid(shown: Sequence[tuple[int, Fraction]], resolution: Fraction) -> Fraction | None:
    """The largest step that all rises are multiples of. A load that stays the same is no further case of it."""
    common = lcm(*(value.denominator for _, value in shown))
    counts = [(at, value.numerator * (common // value.denominator)) for at, value in shown]
    rises = [(now - then, after - before) for (then, before), (now, after) in pairwise(counts) if after > before]
    step = Fraction(gcd(*(rise for _, rise in rises)), common)
    cases = sum(
        rise * span_before != rise_before * span for (span_before, rise_before), (span, rise) in pairwise(rises)
    )
    return step if cases >= _CASES and _is_certain(cases, resolution, step) else None


def _float_step(values: Sequence[Fraction], resolution: Fraction) -> Fraction | None:
    """The step of a float32 at the largest value, where every value is one as it is printed."""
    largest = max(map(abs, values), default=Fraction(0))
    if not 0 < largest <= _LARGEST:
        return None
    step, distinct = _unit_in_last_place(largest), set(values)
    if not _is_certain(len(distinct), resolution, step):
        return None
    places = max(map(_decimals, distinct))
    return step if all(_is_float(value, places) for value in distinct) else None


def _is_float(value: Fraction, places: int) -> bool:
    """Whether the value is its nearest float32 exactly, to so many decimals, or in its shortest form."""
    nearest = _nearest(value)
    exact = Fraction(nearest)
    return value in {exact, round(exact * 10**places) / Fraction(10**places), _shortest(nearest)}


def _nearest(value: Fraction) -> float:
    found: float = struct.unpack("f", struct.pack("f", float(value)))[0]
    return found


def _shortest(nearest: float) -> Fraction:
    """The decimal with the fewest digits that is read as this float32."""
    texts = (f"{nearest:.{digits}g}" for digits in _DIGITS)
    return next((found for text in texts if _nearest(found := Fraction(text)) == nearest), Fraction(nearest))


def _unit_in_last_place(value: Fraction) -> Fraction:
    return Fraction(2) ** (floor(log2(value)) + 1 - _BITS)


def _decimals(value: Fraction) -> int:
    """How many decimals the value has; 9 where it does not end."""
    return next((places for places in range(9) if (value * 10**places).denominator == 1), 9)
