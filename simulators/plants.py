"""A load for every register of a district: plants composed from shapes, levels that balance with stated losses.

Each site and carrier is a tree: registers of a deeper level feed those above, which add `LOSS` of losses and a rest
of their own. No load runs above `PART` (fuels: `FUEL_PART`) of its register's max_rate; children that would overload
their feeder are scaled down together. A data centre is composed from its IT load: the rest follows from its PUE. What a
process needs of a second carrier for each unit of the first follows that load, heat by heat (`simulators.processes`).
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from services.model import Direction
from simulators.loads import NANO, Following, Mix, Shaped
from simulators.processes import NEEDS
from simulators.shapes import FULL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from simulators.loads import Load
    from simulators.points import Key, Point

PART: Final = Fraction(85, 100)
LOSS: Final = 20
"""Losses between a feeder and its sub-meters, thousandths."""
FUEL_PART: Final = Fraction(35, 100)
"""The same for what is no electricity: gas meters, belt scales and water meters are sized far above their mean."""
REST: Final = Fraction(1, 2)
"""How much of a feeder's spare capacity its unmetered rest takes."""
UNKNOWN_RATE: Final = 100
"""Units per hour where a register's max_rate is unknown."""
PUE: Final = (Fraction(130, 100), Fraction(162, 100))
"""What the first data centre has, and what the others have."""
FIXED: Final = 100
"""Losses of the UPS (6 %), of transformers, and light, as thousandths of the IT load; cooling is the rest of a PUE."""
COOLING_MEAN: Final = Fraction(113, 100)
"""A year's mean of the servers' shape over that of the cooling's."""
METERED_COOLING: Final = Fraction(3, 4)
EXPORT_PART: Final = Fraction(1, 5)
"""How much of its capacity an export ever runs at, and how much of a metered roof is fed into the grid: a surplus."""
_ELECTRIC: Final = ("electricity", "electricity_nonfossil", None)
BY_METER: Final = {
    "furnace": "furnace",
    "rolling": "shifts",
    "compressor": "clean_room",
    "cooling": "cooling",
    "chiller": "cooling",
    "kiln": "kiln",
    "pv": "sun",
    "hvac": "climate",
    "heat": "heating",
}
BY_SITE: Final = {"public_building": "office", "data_centre": "servers", "base_station": "radio"}
BY_INDUSTRY: Final = {
    "steel": "furnace",
    "tyre": "shifts",
    "strontium": "kiln",
    "electronics": "clean_room",
    "joinery": "day_shift",
    "batch": "batch",
}


def loads(points: Iterable[Point], seed: int) -> dict[Key, Load]:
    """What flows through every counting register."""
    groups: dict[tuple[str, str, Direction], list[Point]] = defaultdict(list)
    all_points = [point for point in points if point.counts]
    for point in all_points:
        groups[point.site, point.carrier or point.quantity, point.direction].append(point)
    found: dict[Key, Load] = {}
    centres: list[str] = []
    for (site, carrier, direction), group in groups.items():
        servers = it_point(group)
        if servers is not None and (carrier, direction) == ("electricity", Direction.IMPORT):
            centres.append(site)
            found |= _data_centre(group, servers, PUE[min(len(centres), len(PUE)) - 1], seed)
        else:
            found |= _tree(group, seed)
    return found | following(all_points, found)


def shape_of(point: Point) -> str:
    """Which shape a load has: by its direction, the words of its meter's code, its site, its industry, its carrier."""
    if point.carrier in _ELECTRIC and point.direction is not Direction.IMPORT:
        return "sun"
    named = next((shape for word, shape in BY_METER.items() if word in point.key.meter), None)
    if named is not None:
        return named
    if point.site_kind in BY_SITE:
        return BY_SITE[point.site_kind]
    shape = next((shape for word, shape in BY_INDUSTRY.items() if word in point.industry), "shifts")
    return "kiln" if shape == "furnace" and point.carrier not in _ELECTRIC else shape


def it_point(group: Sequence[Point]) -> Point | None:
    """The register that counts a data centre's IT load: of quantity `it_energy`, else the largest below level 1."""
    centre = [point for point in group if point.site_kind == "data_centre"]
    named = [point for point in centre if point.quantity == "it_energy"]
    return max(named or [point for point in centre if point.level > 1], key=capacity, default=None)


def capacity(point: Point) -> int:
    """The highest rate a load may have here, billionths of the base unit per hour."""
    part = PART if point.carrier in _ELECTRIC else FUEL_PART
    part *= EXPORT_PART if point.direction is Direction.EXPORT else 1
    return int(part * Fraction(point.max_rate or UNKNOWN_RATE) * point.unit_size * NANO)


def _shaped(point: Point, peak: int, seed: int, shape: str | None = None, part: str = "") -> Shaped:
    return Shaped(peak, shape or shape_of(point), seed, "/".join(point.key) + part)


def _tree(group: Sequence[Point], seed: int) -> dict[Key, Load]:
    """Leaves run at their capacity, or less where their feeders could not carry them; feeders add up."""
    levels = [[p for p in group if p.level == level] for level in sorted({p.level for p in group})]
    scale, scales = Fraction(1), [Fraction(1)]
    for above, below in pairwise(levels):
        room = scale * sum(map(capacity, above)) / sum(map(capacity, below)) * Fraction(FULL, FULL + LOSS)
        scale = min(scale, room)
        scales.append(scale)
    found: dict[Key, Load] = {}
    below_loads: list[Load] = []
    for points, factor in zip(reversed(levels), reversed(scales), strict=True):
        below_loads = _level(points, factor, below_loads, seed)
        found |= {point.key: load for point, load in zip(points, below_loads, strict=True)}
    return found


def _level(points: Sequence[Point], factor: Fraction, below: Sequence[Load], seed: int) -> list[Load]:
    """The loads of one level: each carries a share of all loads below by its capacity, losses, and its own rest."""
    whole = sum(map(capacity, points))
    carried: list[Load] = []
    for point in points:
        peak = int(factor * capacity(point))
        if not below:
            carried.append(_shaped(point, peak, seed))
            continue
        share = (FULL + LOSS) * capacity(point) // whole
        sub = Mix([(share, load) for load in below])
        rest = _shaped(point, int(REST * max(0, peak - sub.peak)), seed, part="/rest")
        carried.append(Mix([(FULL, sub), (FULL, rest)]))
    return carried


def _data_centre(group: Sequence[Point], it: Point, pue: Fraction, seed: int) -> dict[Key, Load]:
    """Total = IT + losses in proportion to it + cooling by the weather, as much as the PUE of a mean year asks for."""
    tops = [point for point in group if point.level == 1 and point is not it]
    subs = [point for point in group if point.level > 1 and point is not it]
    cooling = (pue - 1 - Fraction(FIXED, FULL)) * COOLING_MEAN
    limit = sum(map(capacity, tops)) / (1 + Fraction(FIXED, FULL) + cooling) if tops else Fraction(capacity(it))
    peak = int(min(Fraction(capacity(it)), limit))
    servers = _shaped(it, peak, seed, "servers")
    metered: dict[Key, Load] = {}
    for point in subs:
        wanted = int(peak * cooling * METERED_COOLING / len(subs))
        metered[point.key] = _shaped(point, min(wanted, capacity(point)), seed, "cooling")
    rest = Shaped(int(peak * cooling) - sum(load.peak for load in metered.values()), "cooling", seed, f"{it.site}/rest")
    whole = Mix([(FULL + FIXED, servers), *((FULL, load) for load in (*metered.values(), rest))])
    share = FULL // len(tops) if tops else 0
    return {it.key: servers} | metered | {point.key: Mix([(share, whole)]) for point in tops}


def following(points: Sequence[Point], found: Mapping[Key, Load]) -> dict[Key, Load]:
    """The loads that are a part of another one of their site: fuels of a process, and a roof's surplus."""
    return {
        point.key: Following(found[driver.key], part)
        for point in points
        for driver in points
        if driver.site == point.site and (part := part_of(point, driver)) is not None
    }


def part_of(point: Point, driver: Point) -> Fraction | None:
    """Base units of one register for each base unit of another; None where it does not follow it."""
    if point.direction is Direction.EXPORT and shape_of(driver) == "sun" and driver.direction is not Direction.EXPORT:
        return EXPORT_PART
    for need in NEEDS:
        is_theirs = need.industry in point.industry and need.driver in driver.key.meter
        if is_theirs and need.carrier == point.carrier and driver.carrier == "electricity":
            return need.per_kwh / (1000 if point.base_unit == "t" else 1)
    return None
