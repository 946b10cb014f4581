"""Changes of the ledger and its rollups, summed, and how a change in parts of a thousandth becomes columns.

A register books whole thousandths. Integrated power and interval amounts book parts of one (`Policy.parts`), and
their rows hold amount and rest: the exact amount is amount + rest ÷ parts, amount its floor, so that nothing is
rounded before it is summed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from services.units import PARTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from services.ledger.cards import Scope


@dataclass(slots=True)
class Sums:
    """[amount, estimated_amount, covered_s, estimated_s] by key, all amounts in one unit."""

    ledger: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    days: dict[tuple[int, date], list[int]] = field(default_factory=dict)
    scope_days: dict[tuple[date, Scope], list[int]] = field(default_factory=dict)


def accumulate(rows: dict[Any, list[int]], key: Any, change: Sequence[int]) -> None:  # noqa: ANN401 - any hashable key
    """Add a change to the row of a key."""
    row = rows.get(key)
    if row is None:
        rows[key] = list(change)
    else:
        for column, amount in enumerate(change):
            row[column] += amount


def with_rests(row: Sequence[int], parts: int = PARTS) -> tuple[int, int, int, int, int, int]:
    """A row in parts of a thousandth as (amount, estimated_amount, covered_s, estimated_s, rest, estimated_rest)."""
    amount, rest = divmod(row[0], parts)
    estimated_amount, estimated_rest = divmod(row[1], parts)
    return amount, estimated_amount, row[2], row[3], rest, estimated_rest


def in_parts(columns: Sequence[int], parts: int = PARTS) -> tuple[int, int, int, int]:
    """The inverse: what those columns hold, its amounts in parts of a thousandth."""
    amount, estimated_amount, covered_s, estimated_s, rest, estimated_rest = columns
    return amount * parts + rest, estimated_amount * parts + estimated_rest, covered_s, estimated_s
