"""The figures that follow from what flowed: energy, standard coal, CO₂ and PUE of hours, days and months.

Computed here once more, by the plain rules and in Decimal: the views are judged by something else than themselves.
Given what really flowed they are the truth; given what is booked they are what the views must say of it.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from services.days import day_of
from services.model import HOUR_US, Direction
from simulators.conversions import kgce_per_unit, kgco2_per_unit
from simulators.plants import it_point

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from simulators.points import Key, Point

ZONE: Final = "Asia/Shanghai"
DAY_HOURS: Final = 24
THIRTY_DAYS: Final = 30
MILLI: Final = Decimal("0.001")
RATIO: Final = Decimal("0.000001")
USED: Final = {Direction.IMPORT: 1, Direction.EXPORT: -1, Direction.SOLD: -1, Direction.PRODUCED: 0}
EMITTING: Final = {**USED, Direction.EXPORT: 0}
"""Exported PV electricity is not a negative emission."""


class Period(NamedTuple):
    """Hours [first, last) of a stretch: an hour, a day, 30 days or a month of the site's zone."""

    span: str
    starts_us: int
    first: int
    last: int
    year: int


class Figure(NamedTuple):
    """One figure of an enterprise, of a data centre's site, or of the district (`where` empty)."""

    kind: str
    """amount (the carrier's unit), kgco2, kgce (calorific), kgce_primary, or pue_ratio."""
    span: str
    """1h, 1d, 30d or 1mo."""
    where: str
    carrier: str
    """Empty: all carriers together."""
    starts_us: int
    value: Decimal
    keys: tuple[Key, ...]
    """The registers it follows from."""
    hours: tuple[int, int]
    """Their hours, from the first of the stretch on, half-open."""
    parts: int
    """How many enterprises and carriers it is the sum of."""

    @property
    def name(self) -> tuple[str, str, str, str, int]:
        """What tells it from all others."""
        return self.kind, self.span, self.where, self.carrier, self.starts_us


class Flows:
    """Thousandths per register and hour, summed over any of the hours at once."""

    def __init__(self, hours: Mapping[Key, Sequence[int]]) -> None:
        self._sums = {key: [0, *accumulate(each)] for key, each in hours.items()}

    def of(self, key: Key, first: int, last: int) -> int:
        """What flowed in hours [first, last)."""
        sums = self._sums[key]
        return sums[last] - sums[first]


def figures(points: Iterable[Point], hours: Mapping[Key, Sequence[int]], from_us: int) -> Iterator[Figure]:
    """Every figure of every whole hour (PUE only), day, 30 days (PUE only) and month."""
    known = [point for point in points if point.counts and point.key in hours]
    flows = Flows(hours)
    number = max(map(len, hours.values()), default=0)
    for period in periods(from_us, number):
        if period.span in {"1d", "1mo"}:
            yield from summed(list(_amounts(known, flows, period)))
        for site in dict.fromkeys(point.site for point in known if point.site_kind == "data_centre"):
            yield from _ratios([point for point in known if point.site == site], flows, period)


def periods(from_us: int, hours: int) -> Iterator[Period]:
    """The whole periods of a stretch that starts at a full hour; every day of the zone has 24 hours."""
    for n in range(hours):
        yield Period("1h", from_us + n * HOUR_US, n, n + 1, day_of(ZONE, from_us + n * HOUR_US).year)
    days = [day for day in _days(from_us, hours) if day.last - day.first == DAY_HOURS]
    yield from days
    for first, last in zip(days, days[THIRTY_DAYS - 1 :], strict=False):
        yield Period("30d", first.starts_us, first.first, last.last, first.year)
    for _, each in groupby(days, lambda day: _month(day.starts_us)):
        month = list(each)
        if _month(month[0].starts_us - 1) != _month(month[0].starts_us) != _month(_end(month[-1])):
            yield Period("1mo", month[0].starts_us, month[0].first, month[-1].last, month[0].year)


def days_of(hours: Sequence[int], from_us: int) -> dict[date, int]:
    """Sums of whole days."""
    days = (day for day in _days(from_us, len(hours)) if day.last - day.first == DAY_HOURS)
    return {day_of(ZONE, day.starts_us): sum(hours[day.first : day.last]) for day in days}


def _days(from_us: int, hours: int) -> Iterator[Period]:
    """Days of the zone, the first and last of which may be cut."""
    for day, each in groupby(range(hours), lambda n: day_of(ZONE, from_us + n * HOUR_US)):
        numbers = list(each)
        yield Period("1d", from_us + numbers[0] * HOUR_US, numbers[0], numbers[-1] + 1, day.year)


def _month(at_us: int) -> tuple[int, int]:
    day = day_of(ZONE, at_us)
    return day.year, day.month


def _end(day: Period) -> int:
    return day.starts_us + DAY_HOURS * HOUR_US


def _amounts(points: Iterable[Point], flows: Flows, period: Period) -> Iterator[Figure]:
    """Amount, CO₂ and standard coal per enterprise and carrier at the boundary."""
    groups: dict[tuple[str, str], list[Point]] = defaultdict(list)
    for point in points:
        if point.level == 1 and point.carrier is not None:
            groups[point.key.enterprise, point.carrier].append(point)
    for (enterprise, carrier), group in groups.items():
        used, emitting = (
            sum(signs[point.direction] * flows.of(point.key, period.first, period.last) for point in group)
            for signs in (USED, EMITTING)
        )
        values = {
            "amount": used * MILLI,
            "kgco2": _converted(emitting, kgco2_per_unit(carrier, period.year)),
            "kgce": _converted(used, kgce_per_unit(carrier)),
            "kgce_primary": _converted(used, kgce_per_unit(carrier, "primary")),
        }
        keys = tuple(point.key for point in group)
        for kind, value in values.items():
            if value is not None:
                at = (period.starts_us, value, keys, (period.first, period.last), 1)
                yield Figure(kind, period.span, enterprise, carrier, *at)


def _converted(thousandths: int, per_unit: Decimal | None) -> Decimal | None:
    return None if per_unit is None else thousandths * MILLI * per_unit


def summed(parts: Sequence[Figure]) -> Iterator[Figure]:
    """Those figures of one period, and their sums: per carrier over the district, per enterprise, and over all."""
    yield from parts
    sums: dict[tuple[str, str, str], list[Figure]] = defaultdict(list)
    for part in parts:
        sums[part.kind, "", part.carrier].append(part)
        if part.kind != "amount":  # amounts of several carriers are of several units
            sums[part.kind, part.where, ""].append(part)
            sums[part.kind, "", ""].append(part)
    for (kind, where, carrier), group in sums.items():
        keys = tuple(key for part in group for key in part.keys)
        value = sum((part.value for part in group), Decimal(0))
        at = (group[0].starts_us, value, keys, group[0].hours, len(group))
        yield Figure(kind, group[0].span, where, carrier, *at)


def _ratios(group: Sequence[Point], flows: Flows, period: Period) -> Iterator[Figure]:
    servers = it_point(group)
    top = next((point for point in group if point.level == 1), None)
    if servers is None or top is None:
        return
    whole, it = (flows.of(point.key, period.first, period.last) for point in (top, servers))
    if it:
        value = (Decimal(whole) / it).quantize(RATIO, ROUND_HALF_UP)
        at = (period.starts_us, value, (top.key, servers.key), (period.first, period.last), 1)
        yield Figure("pue_ratio", period.span, top.site, "", *at)
