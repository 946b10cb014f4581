"""Which registers move in larger steps than they declare, by their newest readings."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from services.steps import observed_step
from services.store.queries import SQL
from services.units import MILLI, declared_factor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.store.pool import Connection, Row

READINGS: Final = 64
"""Of each register, the newest so many are looked at."""
REGISTERS: Final = 1000
"""So many registers are looked at, those first whose value is the largest beside their resolution."""


@dataclass(frozen=True, slots=True)
class LargerStep:
    """A register that moves in `step` though it declares `resolution`, both in its own unit as displayed."""

    name: str
    unit: str
    resolution: Decimal
    step: Decimal


async def larger_steps(con: Connection, registers: Sequence[int] | None = None) -> list[LargerStep]:
    """Cumulative registers whose declared resolution is finer than what they show, of those given or of all."""
    rows = await con.fetch(SQL["newest_values"], registers, READINGS, REGISTERS)
    return [found for row in rows if (found := _judged(row)) is not None]


def _judged(row: Row) -> LargerStep | None:
    factor = declared_factor(row["unit"], row["carrier_unit"], momentary=False) * MILLI
    shown = [
        (at, Fraction(value) / factor if text is None else Fraction(Decimal(text)))
        for at, value, text in zip(row["times"], row["numbers"], row["texts"], strict=True)
    ]
    step = observed_step(shown, Fraction(row["resolution"]))
    if step is None:
        return None
    return LargerStep(row["name"], row["unit"], row["resolution"], Decimal(step.numerator) / step.denominator)
