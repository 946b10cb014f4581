"""The meters of a district as a pure function of time: what each displays at any moment, and what is true."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Final

from services.errors import TanfengError
from simulators.loads import NANO, Shaped
from simulators.plants import capacity, it_point, loads, shape_of
from simulators.points import Counter, Gauge, stamps, start_steps
from simulators.sample import Sample, gateway_message, meter_message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from decimal import Decimal

    from simulators.loads import Load
    from simulators.points import Display, Key, Point
    from simulators.sample import Message

GATEWAY_READINGS: Final = 200
"""Readings per message of a backfill."""


@dataclass(frozen=True)
class Meter:
    """One meter and what each of its registers displays."""

    enterprise: str
    code: str
    displays: Mapping[str, Display]

    @cached_property
    def keeps_time(self) -> bool:
        """Whether a register of it speaks at moments of its own."""
        return any(display.point.keeps_time for display in self.displays.values())

    def samples(self, at_us: int, every_us: int) -> list[Sample]:
        """What it says when it is asked each `every_us`, at `at`: one reading, or all since the last time."""
        if not self.keeps_time:
            return [self.sample(at_us)]
        said: dict[int, dict[str, Decimal]] = defaultdict(dict)
        for code, display in self.displays.items():
            for moment in stamps(display.point, at_us - every_us, at_us):
                if (value := display.displayed(moment)) is not None:
                    said[moment][code] = value
        return [Sample(moment, said[moment]) for moment in sorted(said)]

    def sample(self, at_us: int) -> Sample:
        """Its reading at a moment; registers with nothing to say are left out."""
        shown = {code: display.displayed(at_us) for code, display in self.displays.items()}
        return Sample(at_us, {code: value for code, value in shown.items() if value is not None})

    def message(self, at_us: int) -> Message:
        """Its reading on its own topic."""
        return meter_message(self.enterprise, self.code, [self.sample(at_us)])


class Fleet:
    """Every meter of a district under one seed: same seed and points, same readings, in every process."""

    def __init__(self, points: Sequence[Point], seed: int) -> None:
        self.counters = _counters(points, loads(points, seed), seed)
        gauges = _gauges(points, self.counters, seed)
        self.metered = self.counters | {key: gauge for key, gauge in gauges.items() if gauge.point.integrate}
        """Every register that the books book: those that count, and those whose rate is integrated."""
        displays: dict[tuple[str, str], dict[str, Display]] = defaultdict(dict)
        for point in points:
            display = self.counters.get(point.key) or gauges[point.key]
            displays[point.key.enterprise, point.key.meter][point.key.register] = display
        self.meters = [Meter(enterprise, code, shown) for (enterprise, code), shown in displays.items()]
        if not self.meters:
            raise TanfengError("the registry has no register to simulate", "add meters with registers to it")

    def tick(self, at_us: int, without: Meter | None = None) -> list[Message]:
        """One message per meter that has something to say, but for `without`."""
        samples = ((meter, meter.sample(at_us)) for meter in self.meters if meter is not without)
        return [meter_message(meter.enterprise, meter.code, [sample]) for meter, sample in samples if sample.registers]

    def backfill(self, from_us: int, until_us: int, every_us: int) -> Iterator[Message]:
        """Gateway batches with every meter's readings at the multiples of `every_us` in [from, until)."""
        for enterprise in dict.fromkeys(meter.enterprise for meter in self.meters):
            readings = self._readings(enterprise, range(-(-from_us // every_us) * every_us, until_us, every_us))
            while chunk := list(islice(readings, GATEWAY_READINGS)):
                yield gateway_message(enterprise, chunk)

    def _readings(self, enterprise: str, moments: range) -> Iterator[tuple[str, Sample]]:
        meters = [meter for meter in self.meters if meter.enterprise == enterprise]
        for at in moments:
            for meter in meters:
                for sample in meter.samples(at, moments.step):
                    if sample.registers:
                        yield meter.code, sample

    def truth(self, key: Key, from_us: int, until_us: int) -> Decimal:
        """What really flowed through a counting register between two moments, in its base unit."""
        counter = self.counters[key]
        return counter.amount(counter.steps(until_us) - counter.steps(from_us))


def _counters(points: Iterable[Point], flows: Mapping[Key, Load], seed: int) -> dict[Key, Counter]:
    return {
        point.key: Counter(point, flows[point.key], start_steps(point.key, seed, point.modulus_steps))
        for point in points
        if point.counts
    }


def _gauges(points: Sequence[Point], counters: Mapping[Key, Counter], seed: int) -> dict[Key, Gauge]:
    """A momentary register shows the power of the energy beside it, the PUE of its site, or a load of its own."""
    return {
        point.key: _reported_pue(point, counters) or _power(point, counters) or _alone(point, seed)
        for point in points
        if not point.counts
    }


def _power(point: Point, counters: Mapping[Key, Counter]) -> Gauge | None:
    """The power of the energy that the same meter counts in the same direction, if it counts any."""
    for key, counter in counters.items():
        is_beside = key[:2] == point.key[:2] and counter.point.direction is point.direction
        if is_beside and (counter.point.base_unit, point.base_unit) == ("kWh", "kW"):
            return Gauge(point, counter.load)
    return None


def _alone(point: Point, seed: int) -> Gauge:
    """A power, a temperature or the like that nothing else explains."""
    peak = NANO if point.unit == "ratio" else capacity(point)
    return Gauge(point, Shaped(peak, shape_of(point), seed, "/".join(point.key)))


def _reported_pue(point: Point, counters: Mapping[Key, Counter]) -> Gauge | None:
    """Total over IT power of the same site, as a building management system would publish it."""
    if point.quantity != "pue_reported":
        return None
    group = [c.point for c in counters.values() if c.point.site == point.site and c.point.carrier == "electricity"]
    servers = it_point(group)
    top = next((each for each in group if each.level == 1), None)
    if servers is None or top is None:
        return None
    return Gauge(point, counters[top.key].load, counters[servers.key].load)
