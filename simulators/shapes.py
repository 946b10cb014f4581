"""How a load runs through a day: 1,440 minute weights in thousandths of its peak, in some seeded variants.

Shapes are reasoned, not measured: a furnace melts for 40 minutes and taps for 12, a curing hall dips at shift changes,
a clean room never stops, an office sleeps at night, a joinery stands still from Friday to Monday, the sun is a clipped
sine under passing clouds.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from math import cos, pi, sin
from typing import TYPE_CHECKING, Final

from simulators.calendar import chill, discomfort, sunshine, warmth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MINUTES: Final = 1440
FULL: Final = 1000
"""The weight at peak; no weight is above it."""
VARIANTS: Final = 8
SHIFT: Final = 480
HANDOVER: Final = 15
ONE_SHIFT: Final = ((420, 720), (780, 1020))
OFFICE: Final = (1000, 1000, 1000, 1000, 1000, 350, 250)


@dataclass(frozen=True, slots=True)
class Day:
    """One variant of a day: weight per minute, and their sum before each minute (one longer)."""

    weights: Sequence[int]
    before: Sequence[int]


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of load: how its day is drawn, and how its weekdays differ (Monday first, thousandths)."""

    draw: Callable[[random.Random], Iterator[float]]
    weekdays: tuple[int, ...] = (FULL,) * 7
    least: int = 900
    """A day's scale is drawn between this and `FULL`."""
    weather: Callable[[int, int], int] | None = None
    """What its day's scale follows instead of chance: thousandths of (day, seed)."""


def _furnace(rng: random.Random) -> Iterator[float]:
    """Heats of an electric-arc furnace: charge, melt, refine, tap; one after the other, day and night."""
    while True:
        for minutes, level, spread in ((7, 0.08, 0.02), (38, 0.92, 0.08), (10, 0.45, 0.05), (6, 0.06, 0.02)):
            for _ in range(minutes + rng.randint(-2, 2)):
                yield level + rng.uniform(-spread, spread)


def _shifts(rng: random.Random) -> Iterator[float]:
    """Three shifts with a dip of a quarter of an hour at each change (0, 8, 16 h)."""
    for minute in range(MINUTES):
        dip = 0.25 if minute % SHIFT < HANDOVER else 0.0
        yield 0.85 - dip + rng.uniform(-0.06, 0.06)


def _kiln(rng: random.Random) -> Iterator[float]:
    """A rotary kiln: steady, with slow drift."""
    phase = rng.uniform(0, 2 * pi)
    for minute in range(MINUTES):
        yield 0.86 + 0.06 * sin(2 * pi * minute / 400 + phase) + rng.uniform(-0.02, 0.02)


def _clean_room(rng: random.Random) -> Iterator[float]:
    """A high base load with a gentle hump by day."""
    for minute in range(MINUTES):
        yield 0.75 - 0.14 * cos(2 * pi * (minute - 120) / MINUTES) + rng.uniform(-0.02, 0.02)


def _servers(rng: random.Random) -> Iterator[float]:
    """IT load: nearly flat, lowest at five in the morning, a little less at weekends."""
    for minute in range(MINUTES):
        yield 0.86 - 0.08 * cos(2 * pi * (minute - 300) / MINUTES) + rng.uniform(-0.01, 0.01)


def _cooling(rng: random.Random) -> Iterator[float]:
    """Cooling follows the outdoor temperature: most at three in the afternoon."""
    for minute in range(MINUTES):
        yield 0.84 + 0.1 * cos(2 * pi * (minute - 900) / MINUTES) + rng.uniform(-0.03, 0.03)


def _radio(rng: random.Random) -> Iterator[float]:
    """A base station: most of it never sleeps, the rest follows the traffic, busiest at nine in the evening.

    Power is linear in the traffic: Lorincz, Garma, Petrovic, Sensors 2012, 12, 4281-4310; the share is an assumption.
    """
    for minute in range(MINUTES):
        yield 0.84 + 0.12 * cos(2 * pi * (minute - 1260) / MINUTES) + rng.uniform(-0.02, 0.02)


def _office(rng: random.Random) -> Iterator[float]:
    """A public building: lifts, lights and air conditioning from seven to seven."""
    for minute in range(MINUTES):
        hours = (minute - 420) / 720
        yield 0.12 + (0.7 * sin(pi * hours) if 0 < hours < 1 else 0.0) + rng.uniform(-0.04, 0.04)


def _day_shift(rng: random.Random) -> Iterator[float]:
    """One shift from seven to five with a break at noon; nothing at all outside of it."""
    for minute in range(MINUTES):
        works = any(start <= minute < end for start, end in ONE_SHIFT)
        yield 0.8 + rng.uniform(-0.1, 0.1) if works else 0.0


def _batch(rng: random.Random) -> Iterator[float]:
    """A batch of some hours at full rate at any time of the day, or none; nothing in between."""
    starts = rng.randrange(MINUTES)
    lasts = rng.choice((0, 0, 0, 180, 240, 360))
    for minute in range(MINUTES):
        yield 0.95 + rng.uniform(-0.05, 0.05) if starts <= minute < starts + lasts else 0.0


def _sun(rng: random.Random) -> Iterator[float]:
    """Roof PV: half a sine from six to half past six in the evening, under clouds of some minutes."""
    clear, left = 1.0, 0
    for minute in range(MINUTES):
        if left == 0:
            clear, left = rng.choice((1.0, 0.95, 0.9, 0.55, 0.3)), rng.randint(5, 40)
        left -= 1
        hours = (minute - 360) / 750
        yield sin(pi * hours) ** 1.3 * clear if 0 < hours < 1 else 0.0


SHAPES: Final[dict[str, Shape]] = {
    "furnace": Shape(_furnace, least=850),
    "shifts": Shape(_shifts, weekdays=(1000, 1000, 1000, 1000, 1000, 950, 700)),
    "kiln": Shape(_kiln),
    "clean_room": Shape(_clean_room, weekdays=(1000, 1000, 1000, 1000, 1000, 960, 940)),
    "servers": Shape(_servers, weekdays=(1000, 1000, 1000, 1000, 1000, 975, 965), least=960),
    "radio": Shape(_radio, weekdays=(1000, 1000, 1000, 1000, 1000, 980, 970), least=960),
    "cooling": Shape(_cooling, least=750, weather=warmth),
    "office": Shape(_office, weekdays=OFFICE),
    "climate": Shape(_office, weekdays=OFFICE, least=700, weather=discomfort),
    "heating": Shape(_office, weekdays=OFFICE, least=150, weather=chill),
    "sun": Shape(_sun, least=200, weather=sunshine),
    "day_shift": Shape(_day_shift, weekdays=(1000, 1000, 1000, 1000, 1000, 0, 0)),
    "batch": Shape(_batch),
}


@cache
def days(name: str, seed: int) -> tuple[Day, ...]:
    """The variants of a shape under one seed."""
    return tuple(_day(SHAPES[name], f"{seed}/{name}/{variant}") for variant in range(VARIANTS))


def _day(shape: Shape, seed: str) -> Day:
    drawn = shape.draw(random.Random(seed))
    weights = [min(FULL, max(0, round(FULL * level))) for level, _ in zip(drawn, range(MINUTES), strict=False)]
    return Day(weights, [0, *accumulate(weights)])
