"""A register of whole kWh read each quarter-hour, folded, in series that a person can follow."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from services.accounting.fold import Fold
from services.accounting.policy import Act, Version, compile_policy
from services.accounting.split import split
from services.model import QUARTER_US, Kind, OnFall

if TYPE_CHECKING:
    from collections.abc import Sequence

KWH = 1000  # thousandths


def version(*, flat_us: int | None = None, on_fall: OnFall = OnFall.CONFIRM, rate: int = 600) -> Version:
    """A quarter-hourly register of whole kWh."""
    return Version(
        max_rate=Decimal(rate),
        resolution=Decimal(1),
        modulus=None,
        interval_us=QUARTER_US,
        gap_us=4 * QUARTER_US,
        slack_us=60_000_000,
        noise=Decimal(1),
        on_fall=on_fall,
        flat_us=flat_us,
    )


def folded(levels: Sequence[int | None], *acts: Act, kind: Kind = Kind.TOTAL_INCREASING, **fields: object) -> Fold:
    """One reading a quarter-hour, None where it is missing; levels in kWh."""
    fold = Fold(compile_policy(kind, [version(**fields)], acts))  # type: ignore[arg-type]
    fold.take_all((n * QUARTER_US, level * KWH) for n, level in enumerate(levels) if level is not None)
    return fold


def energy(fold: Fold) -> tuple[int, int]:
    """Booked and estimated kWh."""
    rows = split(fold.effects.segments).values()
    return sum(row[0] for row in rows) // KWH, sum(row[1] for row in rows) // KWH


def covered_s(fold: Fold) -> int:
    """Seconds covered."""
    return sum(row[2] for row in split(fold.effects.segments).values())


def events(fold: Fold) -> dict[str, str]:
    """The events that stand, by kind, with their suspicion."""
    return {kind.value: event.suspect for (kind, _), event in fold.effects.events.items() if event is not None}


RUNNING = [1000 + 25 * n for n in range(9)]
STUCK = [1200] * 12
TRUTH = [1525 + 25 * n for n in range(6)]
