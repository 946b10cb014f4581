"""The figures that follow from what really flowed: CO₂ and standard coal per enterprise and day, PUE per site and day.

Computed here once more, by the plain rules and in Decimal: the views are judged by something else than themselves.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from services.days import day_of
from services.model import HOUR_US, Direction
from services.store.factors import fact_rows
from simulators.plants import it_point

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from simulators.points import Key, Point

ZONE: Final = "Asia/Shanghai"
REGION: Final = "CN-CQ"
METHOD: Final = "grid_average"
DAY_HOURS: Final = 24
_USED: Final = {Direction.IMPORT: 1, Direction.EXPORT: -1, Direction.SOLD: -1, Direction.PRODUCED: 0}
_EMITTING: Final = {**_USED, Direction.EXPORT: 0}  # exported PV electricity is not a negative emission


class Figure(NamedTuple):
    """What is true of an enterprise (or a data centre's site) on one day of the site's zone."""

    kind: str
    """kgco2, kgce or pue_ratio."""
    where: str
    carrier: str
    day: date
    value: Decimal
    keys: Sequence[Key]
    """The registers it follows from."""


def figures(points: Sequence[Point], hours: Mapping[Key, Sequence[int]], from_us: int) -> Iterator[Figure]:
    """Every figure of every whole day."""
    by_day = {key: days_of(each, from_us) for key, each in hours.items()}
    groups: dict[tuple[str, str], list[Point]] = defaultdict(list)
    for point in points:
        if point.level == 1 and point.counts and point.carrier is not None:
            groups[point.key.enterprise, point.carrier].append(point)
    for (enterprise, carrier), group in groups.items():
        yield from _amounts("kgco2", enterprise, carrier, group, by_day)
        yield from _amounts("kgce", enterprise, carrier, group, by_day)
    for site in dict.fromkeys(point.site for point in points if point.site_kind == "data_centre"):
        yield from _ratios([point for point in points if point.site == site and point.counts], by_day)


def days_of(hours: Sequence[int], from_us: int) -> dict[date, int]:
    """Sums of whole days."""
    found: dict[date, list[int]] = defaultdict(list)
    for number, amount in enumerate(hours):
        found[day_of(ZONE, from_us + number * HOUR_US)].append(amount)
    return {day: sum(each) for day, each in found.items() if len(each) == DAY_HOURS}


def _amounts(
    kind: str, enterprise: str, carrier: str, group: Sequence[Point], by_day: Mapping[Key, Mapping[date, int]]
) -> Iterator[Figure]:
    signs = _EMITTING if kind == "kgco2" else _USED
    for day in by_day[group[0].key]:
        per_unit = kgco2_per_unit(carrier, day.year) if kind == "kgco2" else kgce_per_unit(carrier)
        if per_unit is not None:
            amount = sum(signs[point.direction] * by_day[point.key][day] for point in group)
            yield Figure(kind, enterprise, carrier, day, amount * per_unit / 1000, [point.key for point in group])


def _ratios(group: Sequence[Point], by_day: Mapping[Key, Mapping[date, int]]) -> Iterator[Figure]:
    servers = it_point(group)
    top = next((point for point in group if point.level == 1), None)
    if servers is None or top is None:
        return
    for day, whole in by_day[top.key].items():
        value = (Decimal(whole) / by_day[servers.key][day]).quantize(Decimal("0.000001"))
        yield Figure("pue_ratio", top.site, "", day, value, [top.key, servers.key])


def kgco2_per_unit(carrier: str, year: int) -> Decimal | None:
    """Own year else the latest known, where a factor has a year at all; the province's before the nation's."""
    own = next((row["factor_method"] for row in fact_rows("carriers") if row["code"] == carrier), None)
    rows = [row for row in fact_rows("emission_factors") if (row["carrier"], row["method"]) == (carrier, own or METHOD)]
    if own is None and any(row["data_year"] for row in rows):
        dated = {int(row["data_year"] or 0): row for row in rows if row["region"] == REGION}
        return Decimal(str((dated.get(year) or dated[max(dated)])["kgco2_per_unit"])) if dated else None
    fixed = [row for row in rows if row["data_year"] is None] or (
        [row for row in fact_rows("emission_factors") if (row["carrier"], row["method"]) == (carrier, "fuel_default")]
    )
    return Decimal(str(fixed[0]["kgco2_per_unit"])) if fixed else None


def kgce_per_unit(carrier: str) -> Decimal | None:
    """The calorific value 当量值."""
    for row in fact_rows("coal_coefficients"):
        if (row["carrier"], row["basis"]) == (carrier, "calorific") and row["confidence"] not in {"low", "unverified"}:
            return Decimal(str(row["kgce_per_unit"]))
    return None
