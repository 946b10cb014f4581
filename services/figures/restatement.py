"""What a new emission factor changes: the value it stands beside, and CO₂ per enterprise and year before and after.

The factor is really recorded and the figures are read from the views that everybody reads; whether it stays is for the
caller's transaction to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from services.figures.factors import FactorKey, add_factor
from services.store.queries import SQL

if TYPE_CHECKING:
    from services.store.pool import Connection, Row

LEAST_RATIO: Final = Decimal("0.5")
MOST_RATIO: Final = Decimal(2)
"""Factors of a carrier differ by less between years and regions; beyond, a decimal point or a unit is wrong."""


@dataclass(frozen=True, slots=True)
class Beside:
    """The current factor that a new one is compared with: its predecessor, else the nearest of the same carrier."""

    key: FactorKey
    kgco2_per_unit: Decimal
    is_replaced: bool


@dataclass(frozen=True, slots=True)
class CarbonYear:
    """CO₂ of a carrier at an enterprise in a local year, in kgCO₂; None where no factor is known."""

    kgco2: Decimal | None
    kgco2_per_unit: Decimal | None
    data_year: int | None


@dataclass(frozen=True, slots=True)
class YearChange:
    """One figure that a factor restates; `amount` is in the carrier's unit and stays as it is."""

    enterprise: str
    name_zh: str
    year: int
    amount: Decimal
    unit: str
    before: CarbonYear
    after: CarbonYear


@dataclass(frozen=True, slots=True)
class Restatement:
    """What recording a factor comes to."""

    kgco2_per_unit: Decimal
    beside: Beside | None
    years: list[YearChange]

    @property
    def ratio(self) -> Decimal | None:
        """New value ÷ the one beside it; None where there is none, or it is zero."""
        if self.beside is None or not self.beside.kgco2_per_unit:
            return None
        return self.kgco2_per_unit / self.beside.kgco2_per_unit

    @property
    def is_far(self) -> bool:
        """Whether the new value is so far from the one beside it that it needs a second confirmation."""
        if self.beside is None or self.kgco2_per_unit == self.beside.kgco2_per_unit:
            return False
        return self.ratio is None or not LEAST_RATIO <= self.ratio <= MOST_RATIO


async def record_and_compare(
    con: Connection, key: FactorKey, kgco2_per_unit: Decimal, *, scope: int, source: str, author: str
) -> Restatement:
    """Record a factor in the caller's transaction, which must be a repeatable read, and tell what it changes.

    Raises:
        TanfengError: There is no such carrier.
    """
    beside = await _beside(con, key)
    before = await _years(con, key.carrier)
    await add_factor(con, key, kgco2_per_unit, scope=scope, source=source, author=author)
    after = await _years(con, key.carrier)
    changes = [_change(now, _carbon(before[place]), _carbon(now)) for place, now in after.items()]
    return Restatement(kgco2_per_unit, beside, [each for each in changes if each.before != each.after])


async def _beside(con: Connection, key: FactorKey) -> Beside | None:
    row = await con.fetchrow(SQL["factor_beside"], key.carrier, key.region, key.method, key.data_year)
    if row is None:
        return None
    found = FactorKey(key.carrier, row["region"], row["method"], row["data_year"])
    return Beside(found, row["kgco2_per_unit"], is_replaced=found == key)


async def _years(con: Connection, carrier: str) -> dict[tuple[str, int], Row]:
    return {(row["enterprise"], row["year"]): row for row in await con.fetch(SQL["factor_years"], carrier)}


def _carbon(row: Row) -> CarbonYear:
    return CarbonYear(row["emissions_kgco2"], row["kgco2_per_unit"], row["data_year"])


def _change(row: Row, before: CarbonYear, after: CarbonYear) -> YearChange:
    return YearChange(row["enterprise"], row["enterprise_zh"], row["year"], row["amount"], row["unit"], before, after)
