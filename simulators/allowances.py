"""What a budget has used by a moment, once more by the plain rules: what `report.budget_status` is judged against."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from services.days import day_of
from services.model import HOUR_US
from services.units import factor
from simulators.conversions import kgce_per_unit, kgco2_per_unit, unit_of
from simulators.figures import EMITTING, MILLI, USED, ZONE, Flows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from services.budgets.status import BudgetStatus
    from simulators.points import Key, Point

DIGITS: Final = Decimal("1e-12")
"""Budgets are compared to so many digits: an intensity is a quotient, the others are exact beyond."""
TONNES: Final[dict[str, Decimal]] = {
    "kgce": Decimal("0.001"),
    "tce": Decimal(1),
    "10ktce": Decimal(10_000),
    "kgCO2": Decimal("0.001"),
    "tCO2": Decimal(1),
    "10ktCO2": Decimal(10_000),
}
"""How many tonnes a unit of coal or CO₂ is."""


class Scope(NamedTuple):
    """The registers that a budget counts, and the hours of a stretch that have passed of its period."""

    points: list[Point]
    first: int
    last: int


def scope_of(status: BudgetStatus, points: Iterable[Point], from_us: int) -> Scope | None:
    """None where the stretch began after the period, or nothing of it has passed."""
    first, last = (status.starts_at - from_us) // HOUR_US, (status.at - from_us) // HOUR_US
    if first < 0 or last <= first:
        return None
    return Scope([point for point in points if _counts(status, point)], first, last)


def _counts(status: BudgetStatus, point: Point) -> bool:
    """Whether a register's energy is of a budget: at the boundary, of its place and one of its carriers."""
    if point.level != 1 or not point.counts or point.carrier is None:
        return False
    if status.enterprise not in {None, point.key.enterprise} or status.site not in {None, point.site}:
        return False
    return status.carriers is None or point.carrier in status.carriers


def used(status: BudgetStatus, scope: Scope, hours: Mapping[Key, Sequence[int]]) -> Decimal | None:
    """What was used, in the budget's unit; an intensity: per unit of what is declared to be produced."""
    flows = Flows(hours)
    year = day_of(ZONE, status.starts_at).year
    total = Decimal(0)
    for point in scope.points:
        measured = _measured(status, point, flows.of(point.key, scope.first, scope.last), year)
        if measured is not None:
            total += measured
    if status.product is not None:
        if not status.production:
            return None
        total /= status.production
    return total.quantize(DIGITS)


def _measured(status: BudgetStatus, point: Point, thousandths: int, year: int) -> Decimal | None:
    """A register's part in the budget's unit; None where it has no factor, and so is exempt or a material."""
    carrier = point.carrier or ""
    if status.measure == "energy":
        size = factor(status.unit, unit_of(carrier) or point.base_unit)
        return USED[point.direction] * thousandths * MILLI * size.denominator / size.numerator
    if status.measure == "coal":
        per_unit, sign = kgce_per_unit(carrier, status.basis or ""), USED[point.direction]
    else:
        per_unit, sign = kgco2_per_unit(carrier, year), EMITTING[point.direction]
    return None if per_unit is None else sign * thousandths * MILLI * per_unit * MILLI / TONNES[status.unit]
