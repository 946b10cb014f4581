"""What the simulated plants make, and the CO₂ of their processes: part of the truth, measured by no register.

Tonnes follow from the energy of the plant's process and one figure of `simulators.processes`, a little different each
day.
"""

from __future__ import annotations

import random
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from services.store.shipped_facts import fact_rows
from simulators.figures import days_of
from simulators.points import Key
from simulators.processes import (
    ELECTRODE_KG_PER_T,
    STEEL_KWH_PER_T,
    STRONTIUM_COAL_KG_PER_T,
    TYRE_STEAM_KG_PER_T,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

SPREAD: Final = 80
"""Thousandths by which a day's intensity may be off."""


class Made(NamedTuple):
    """A day's output and the CO₂ of its process that no fuel meter has counted."""

    site: str
    product: str
    day: date
    tonnes: Decimal
    process_kgco2: Decimal
    why: str


def production(hours: Mapping[Key, Sequence[int]], from_us: int, seed: int) -> Iterator[Made]:
    """The output of each whole day of the example district's plants, where their meters are there."""
    by_day = {key: days_of(each, from_us) for key, each in hours.items()}
    furnace = by_day.get(Key("steel", "furnace", "import"), {})
    for day, amount in furnace.items():
        tonnes = _tonnes(amount, Decimal(STEEL_KWH_PER_T), "steel", day, seed)
        electrodes = tonnes * ELECTRODE_KG_PER_T * _factor("graphite_electrode")
        yield Made("steel-works", "粗钢", day, tonnes, electrodes, "graphite electrodes burnt off")
    for day, amount in by_day.get(Key("tyre", "steam", "import"), {}).items():
        tonnes = _tonnes(amount, Decimal(TYRE_STEAM_KG_PER_T), "tyre", day, seed)
        yield Made("tyre-plant", "all_steel_radial_tyre", day, tonnes, Decimal(0), "no process emission")
    for day, amount in by_day.get(Key("strontium", "coal-belt", "import"), {}).items():
        tonnes = _tonnes(amount, Decimal(STRONTIUM_COAL_KG_PER_T), "strontium", day, seed)
        why = "the reductant is weighed with the fuel and counted there: the reaction's CO2 is the same carbon"
        yield Made("strontium-plant", "strontium_carbonate", day, tonnes, Decimal(0), why)


def _tonnes(thousandths: int, per_tonne: Decimal, plant: str, day: date, seed: int) -> Decimal:
    off = random.Random(f"{seed}/production/{plant}/{day}").randint(-SPREAD, SPREAD)
    return (thousandths / (per_tonne * (1000 + off))).quantize(Decimal("0.001"))


def _factor(carrier: str) -> Decimal:
    rows = (row for row in fact_rows("emission_factors") if row["carrier"] == carrier)
    return Decimal(str(next(rows)["kgco2_per_unit"]))
