"""Factors and coefficients of the shipped tables, looked up by the plain rules: what the views are judged against."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Final

from services.store.shipped_facts import fact_rows

REGION: Final = "CN-CQ"
METHOD: Final = "grid_average"
CALORIFIC: Final = "calorific"
_UNUSABLE: Final = {"low", "unverified"}


@cache
def kgco2_per_unit(carrier: str, year: int) -> Decimal | None:
    """Own year else the latest known, where a factor has a year at all; the province's before the nation's."""
    own = _carrier(carrier).get("factor_method")
    rows = [row for row in fact_rows("emission_factors") if (row["carrier"], row["method"]) == (carrier, own or METHOD)]
    if own is None and any(row["data_year"] for row in rows):
        dated = {int(row["data_year"] or 0): row for row in rows if row["region"] == REGION}
        return Decimal(str((dated.get(year) or dated[max(dated)])["kgco2_per_unit"])) if dated else None
    fixed = [row for row in rows if row["data_year"] is None] or (
        [row for row in fact_rows("emission_factors") if (row["carrier"], row["method"]) == (carrier, "fuel_default")]
    )
    return Decimal(str(fixed[0]["kgco2_per_unit"])) if fixed else None


@cache
def kgce_per_unit(carrier: str, basis: str = CALORIFIC) -> Decimal | None:
    """The calorific value 当量值, or the primary one 等价值 where a carrier has one; None for process materials."""
    found = _carrier(carrier)
    if found.get("counts_as") == "material":
        return None
    wanted = basis if found.get("primary_differs") == "true" else CALORIFIC
    for row in fact_rows("coal_coefficients"):
        if (row["carrier"], row["basis"]) == (carrier, wanted) and row["confidence"] not in _UNUSABLE:
            return Decimal(str(row["kgce_per_unit"]))
    return None


@cache
def unit_of(carrier: str) -> str | None:
    """The unit in which the books keep a carrier."""
    return _carrier(carrier).get("unit")


def _carrier(code: str) -> dict[str, str | None]:
    return next((row for row in fact_rows("carriers") if row["code"] == code), {})
