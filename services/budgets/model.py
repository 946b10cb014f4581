"""A budget as its file declares it, and the units it may be written in."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from services.errors import TanfengError
from services.units import exact_decimal, factor

if TYPE_CHECKING:
    from collections.abc import Mapping


class Measure(StrEnum):
    """What is limited."""

    ENERGY = "energy"
    """In the carriers' own unit."""
    COAL = "coal"
    """Standard coal, in tce on a named basis."""
    CO2 = "co2"
    """Unrounded emissions, in tCO2."""


class Basis(StrEnum):
    """How electricity becomes standard coal; figures of two bases are never added or compared."""

    CALORIFIC = "calorific"
    PRIMARY = "primary"


GRAINS: Final = {Measure.ENERGY: 1000, Measure.COAL: 1_000_000, Measure.CO2: 1_000_000}
"""Grains in a base unit: thousandths of the carrier's unit, grams of tce and tCO2. Allowances are whole grains."""

LEVELS: Final = (Decimal("0.8"), Decimal(1))
"""Shares of the allowance that are told of when they are crossed."""
COVERAGE: Final = Decimal("0.95")
"""Below it data is missing: no figure is known whose uncertainty is above 5 %."""
PACE: Final = Decimal("1.05")
"""Actual over planned above which a budget is ahead of its curve."""

_TONNES: Final = {
    Measure.COAL: {"tce": Fraction(1), "kgce": Fraction(1, 1000), "10ktce": Fraction(10_000)},
    Measure.CO2: {"tCO2": Fraction(1), "kgCO2": Fraction(1, 1000), "10ktCO2": Fraction(10_000)},
}


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit amounts are written and shown in; `base` is how many base units it is."""

    name: str
    base: Fraction

    @property
    def shown_per_base(self) -> Decimal:
        """What one base unit is in this unit: 0.001 for MWh of kWh.

        Raises:
            TanfengError: That is no decimal that ends.
        """
        shown = exact_decimal(1 / self.base)
        if shown is None:
            raise TanfengError(f"amounts cannot be shown exactly in {self.name}", "use a decimal unit such as kWh")
        return shown


def unit_of(name: str, measure: Measure, carrier_unit: str | None) -> Unit:
    """The unit of this name for a measure; energy is in the `carrier_unit` of all its carriers.

    Raises:
        TanfengError: The unit measures something else.
    """
    if measure is Measure.ENERGY:
        unit = Unit(name, factor(name, carrier_unit or ""))
    else:
        known = _TONNES[measure]
        if name not in known:
            raise TanfengError(f"{name!r} is no unit of {measure.value}", f"use one of {', '.join(known)}")
        unit = Unit(name, known[name])
    _ = unit.shown_per_base
    return unit


def grains(amount: Decimal, unit: Unit, measure: Measure) -> int:
    """An amount in `unit` as whole grains.

    Raises:
        TanfengError: It is finer than a grain.
    """
    exact = Fraction(amount) * unit.base * GRAINS[measure]
    if exact.denominator != 1:
        raise TanfengError(f"{amount} {unit.name} is finer than the books", "write at most a thousandth, or a gram")
    return int(exact)


def base_amount(whole: int, measure: Measure) -> Decimal:
    """Whole grains in base units."""
    return Decimal(whole).scaleb(-3 if measure is Measure.ENERGY else -6)


@dataclass(frozen=True, slots=True)
class Known:
    """What a budget's file may name."""

    district: str
    enterprises: frozenset[str]
    sites: Mapping[str, str]
    """Site → enterprise."""
    carriers: Mapping[str, str]
    """Carrier → unit."""
    schemes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Draft:
    """One budget of one year. `parts`: month 1 to 12 → grains; empty where last year's profile decides."""

    code: str
    year: int
    name_zh: str
    name_en: str
    enterprise: str | None
    site: str | None
    period: str
    measure: Measure
    basis: Basis | None
    carriers: tuple[str, ...] | None
    product: str | None
    product_unit: str | None
    unit: Unit
    split: str
    total: int
    """Grains of the year; 0 for a budget of single months."""
    parts: Mapping[int, int] = field(default_factory=dict)
    levels: tuple[Decimal, ...] = LEVELS
    coverage_ratio: Decimal = COVERAGE
    pace_ratio: Decimal = PACE
    scheme: str = "barometer"
    source: str = ""
    plants: tuple[str, ...] = ()
    line: int = 0
