"""The one place that converts units: what a register declares → thousandths of its carrier's unit.

All arithmetic is exact (`Fraction`); a value is rounded once, half-even, to an integer number of thousandths.
Sources: SI; 1 kgce = 29,307.6 kJ needs no entry here, it is a coefficient row, not a unit.
"""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, localcontext
from fractions import Fraction
from typing import Final

from services.errors import TanfengError

MILLI: Final = 1000
"""Thousandths per unit: every booked amount is an integer number of these."""

MICRO: Final = 1000
"""Levels of interval and measurement registers are kept in so many parts of a thousandth: a millionth of the unit."""

PARTS: Final = 7_200_000_000_000
"""Parts of a thousandth in which interval and measurement registers book: no leg is rounded before it is summed.

The trapezoid of two powers in millionths of the unit over a time in µs is a whole number of them:
2 (its mean) × 3.6e9 (µs an hour) × 1000 (MICRO).
"""

LIMIT: Final = 10**15
"""No converted register value may reach this many thousandths in magnitude: sums of thousands stay in int64."""

FACTORS: Final[dict[str, tuple[str, Fraction]]] = {
    # unit as declared: (unit of the carrier or quantity, how many of it)
    "kWh": ("kWh", Fraction(1)),
    "Wh": ("kWh", Fraction(1, 1000)),
    "MWh": ("kWh", Fraction(1000)),
    "GWh": ("kWh", Fraction(1_000_000)),
    "Wmin": ("kWh", Fraction(1, 60_000)),
    "kW": ("kW", Fraction(1)),
    "W": ("kW", Fraction(1, 1000)),
    "MW": ("kW", Fraction(1000)),
    "kvarh": ("kvarh", Fraction(1)),
    "Nm3": ("Nm3", Fraction(1)),
    "kNm3": ("Nm3", Fraction(1000)),
    "10kNm3": ("Nm3", Fraction(10_000)),
    "kg": ("kg", Fraction(1)),
    "g": ("kg", Fraction(1, 1000)),
    "GJ": ("GJ", Fraction(1)),
    "MJ": ("GJ", Fraction(1, 1000)),
    "kJ": ("GJ", Fraction(1, 1_000_000)),
    "m3": ("m3", Fraction(1)),
    "L": ("m3", Fraction(1, 1000)),
    "ratio": ("ratio", Fraction(1)),
    "degC": ("degC", Fraction(1)),
}


def factor(unit: str, into: str) -> Fraction:
    """How many `into` one `unit` is, exactly.

    Tonnes and kilograms are one dimension, so `t` converts into whichever of them the carrier uses.

    Raises:
        TanfengError: The unit is unknown, or measures something else than `into`.
    """
    if unit == into:
        return Fraction(1)
    if (unit, into) == ("t", "kg"):
        return Fraction(1000)
    if (unit, into) == ("kg", "t"):
        return Fraction(1, 1000)
    if (unit, into) == ("m3", "t"):  # fresh water, density 1
        return Fraction(1)
    known = FACTORS.get(unit)
    if known is None:
        raise TanfengError(f"unknown unit {unit!r}", f"use one of {', '.join([*FACTORS, 't'])}")
    if known[0] != into:
        raise TanfengError(f"unit {unit!r} cannot be turned into {into}", f"declare a unit of {into}")
    return known[1]


def half_even(exact: Fraction) -> int:
    """The nearest integer, ties to even."""
    return round(exact)


def exact_decimal(exact: Fraction) -> Decimal | None:
    """The fraction as a decimal, where it is one that ends: 1/4 → 0.25; 1/60 → None."""
    rest = exact.denominator
    while rest % 10 == 0:
        rest //= 10
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        return None
    with localcontext(Context(prec=60, traps=[Inexact])):
        return Decimal(exact.numerator) / exact.denominator


def thousandths(value: Decimal, unit_factor: Fraction = Fraction(1)) -> Fraction:
    """A decimal in its declared unit as exact thousandths of the carrier's unit; may be no integer."""
    return Fraction(value) * unit_factor * MILLI


def decimal_text(amount: int, places: int = 3) -> str:
    """Thousandths as a decimal string of exactly `places` digits: 300000 → '300.000'."""
    sign = "-" if amount < 0 else ""
    whole, rest = divmod(abs(amount), 10**places)
    return f"{sign}{whole}.{rest:0{places}d}"


def declared_factor(unit: str, carrier_unit: str | None, *, momentary: bool) -> Fraction:
    """What one declared unit is in the unit its register is kept in: the carrier's, or kW and the like if momentary.

    Raises:
        TanfengError: The unit is unknown, or measures something else than the carrier's.
    """
    if momentary or carrier_unit is None:
        return FACTORS[unit][1] if unit in FACTORS else factor(unit, unit)
    return factor(unit, carrier_unit)
