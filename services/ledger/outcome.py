"""What became of a lot, counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.ledger.booking import Booked
    from services.ledger.lot import Lot
    from services.ledger.rejections import Rejection


@dataclass(slots=True)
class Outcome:
    """What became of a lot, in readings; `rejected` by code, floods included."""

    accepted: int = 0
    duplicates: int = 0
    held: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    def add(self, other: Outcome) -> None:
        """Count another part of the same messages."""
        self.accepted += other.accepted
        self.duplicates += other.duplicates
        self.held += other.held
        self.rejected.update(other.rejected)


def outcome_of(lot: Lot, booked: Booked | None) -> tuple[Outcome, Sequence[Rejection]]:
    """Count what booking said; conflicts and readings too old join the rejections."""
    rejections = lot.rejections
    outcome = Outcome()
    if booked is not None:
        outcome = Outcome(booked.accepted, booked.duplicates, booked.held)
        if booked.conflicts or booked.too_old:
            rejections = [*rejections, *lot.refused_by_store(booked)]
    outcome.rejected.update(each.code for each in rejections)
    return outcome, rejections
