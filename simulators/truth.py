"""What really happened in a span of time: amounts per enterprise and carrier at the site boundary."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from services.model import Direction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulators.fleet import Fleet

SIGNS: Final = {Direction.IMPORT: 1, Direction.EXPORT: -1, Direction.SOLD: -1}
"""What counts as used: import less export less what is sold on; produced energy counts where it is used."""


class Used(NamedTuple):
    """An amount used."""

    enterprise: str
    carrier: str
    unit: str
    amount: Decimal


def used(fleet: Fleet, from_us: int, until_us: int) -> Iterator[Used]:
    """Level-1 amounts between two published moments, exact to each register's resolution."""
    sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for key, counter in fleet.counters.items():
        point = counter.point
        if point.level == 1 and point.direction in SIGNS:
            amount = fleet.truth(key, from_us, until_us)
            sums[key.enterprise, point.carrier or point.quantity, point.base_unit] += SIGNS[point.direction] * amount
    for (enterprise, carrier, unit), amount in sums.items():
        yield Used(enterprise, carrier, unit, amount)
