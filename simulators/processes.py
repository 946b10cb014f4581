"""What processes need per tonne, each figure with where it comes from; production and second carriers follow from them.

Figures of standards are those of the domain tables, with their confidence; what is called an assumption has no source.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple

STEEL_KWH_PER_T: Final = 425
"""Arc furnace. "Roughly 400 kWh/t" with chemical energy beside it ("The electric arc furnace process: towards an
electricity consumption below 200 kWh/t", abstract). With `INJECTED_KG_PER_T` it comes to 63 kgce/t: GB 21256-2025 has
61 / 64 / 72 kgce/t for furnaces of 70 t and above."""
INJECTED_KG_PER_T: Final = 15
"""Coal blown into the furnace; an assumption."""
ROLLING_KWH_PER_T: Final = 95
REHEATING_NM3_PER_T: Final = 40
"""Rolling and the gas of its reheating furnace; assumptions."""
ELECTRODE_KG_PER_T: Final = Decimal("1.8")
"""Graphite electrodes; an assumption."""
TYRE_STEAM_KG_PER_T: Final = 1300
"""Steam for curing, by which the output is reckoned; an assumption. With the power of the plant's own load it comes to
about 226 kgce/t of all-steel radial tyres: GB 29449-2024 has 215 / 235 / 340 (confidence medium)."""
STRONTIUM_COAL_KG_PER_T: Final = 1200
"""Coal per tonne of strontium carbonate, fuel and reductant together; an assumption, no limit is published."""
STRONTIUM_REACTION_KGCO2_PER_T: Final = Decimal("298.1")
"""Net CO₂ of the reaction SrSO₄ + 2 C → SrS + 2 CO₂, of which half is bound again in the carbonate (arithmetic). It is
the carbon of the same coal: counted with the fuel, never again."""


class Need(NamedTuple):
    """What a process takes of a second carrier for each kWh of its driver, in Nm³ or kg."""

    industry: str
    carrier: str
    driver: str
    """A word of the driving meter's code."""
    per_kwh: Fraction


NEEDS: Final = (
    Need("steel", "bituminous_coal", "furnace", Fraction(INJECTED_KG_PER_T, STEEL_KWH_PER_T)),
    Need("steel", "natural_gas", "rolling", Fraction(REHEATING_NM3_PER_T, ROLLING_KWH_PER_T)),
)
