"""The most an electricity meter can count, from its voltage and current transformers."""

from __future__ import annotations

from decimal import ROUND_CEILING, Context, Decimal, localcontext
from fractions import Fraction
from typing import Final

from services.units import factor

_PRECISION: Final = 60


def max_rate_kw(voltage_v: Decimal, current_a: Decimal, ct_ratio: Decimal) -> Decimal:
    """√3 · U · I · CT of a three-phase meter in kW, rounded up to whole kW.

    `voltage_v` is between phases on the primary side, `current_a` the meter's rated secondary current.
    """
    with localcontext(Context(prec=_PRECISION)):
        return (Decimal(3).sqrt() * voltage_v * current_a * ct_ratio / 1000).to_integral_value(ROUND_CEILING)


def in_unit(rate_kw: Decimal, unit: str) -> Decimal:
    """A rate in kW as declared units of energy per hour: 1039 kW in MWh is 1.039.

    Raises:
        TanfengError: The unit is none of electric energy.
    """
    exact = Fraction(rate_kw) / factor(unit, "kWh")
    with localcontext(Context(prec=_PRECISION, rounding=ROUND_CEILING)):
        return Decimal(exact.numerator) / exact.denominator
