"""The ledger of what really happened, exported beside a feed: one JSON object a line.

The first line says how the feed was made (seed, span, spacing); then come the incidents, what flowed through each
counting register in each hour (thousandths of the carrier's unit), the figures of each enterprise, site and the
district, and what the plants made.
The same seed writes the same bytes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from services.errors import TanfengError
from services.model import HOUR_US, iso
from services.units import MILLI, factor
from services.wire.times import iso_time
from simulators.conversions import unit_of
from simulators.figures import figures
from simulators.incidents import Incident, What
from simulators.points import Key
from simulators.production import production

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from simulators.feed import Feed
    from simulators.points import Display

VERSION: Final = 3


@dataclass(frozen=True, slots=True)
class Truth:
    """What an exported ledger says."""

    seed: int
    from_us: int
    until_us: int
    every_us: int
    incidents: Sequence[Incident]
    hours: Mapping[Key, Sequence[int]]
    """Thousandths of the carrier's unit, for each hour from `from_us` on."""

    @property
    def hour_count(self) -> int:
        """Full hours of the stretch."""
        return (self.until_us - self.from_us) // HOUR_US


def booked_unit(display: Display) -> str:
    """The unit in which the books keep what flows through this register."""
    return unit_of(display.point.carrier or "") or display.point.base_unit


class Flow:
    """What has flowed through a register, as the books keep it."""

    def __init__(self, display: Display) -> None:
        self.unit = booked_unit(display)
        self._display = display
        # a rate's hour is what its carrier is counted in
        size = factor(display.point.base_unit, self.unit) if display.point.counts else Fraction(1)
        self.count_size = display.count_size * size * MILLI

    def until(self, at_us: int) -> int:
        """Thousandths of the unit, half-even."""
        size, count = self.count_size, self._display.count(at_us)
        whole, rest = divmod(count * size.numerator, size.denominator)
        return whole if not rest else round(count * size)


def truth_of(feed: Feed, seed: int, from_us: int, until_us: int) -> Truth:
    """What really happens in [from, until), which starts and ends at full hours."""
    hours = {}
    for key, display in feed.fleet.metered.items():
        flow = Flow(display)
        levels = [flow.until(at) for at in range(from_us, until_us + 1, HOUR_US)]
        hours[key] = [later - earlier for earlier, later in pairwise(levels)]
    return Truth(seed, from_us, until_us, feed.every_us, feed.incidents, hours)


def write(path: Path, feed: Feed, seed: int, from_us: int, until_us: int) -> None:
    """Export the ledger of [from, until)."""
    path.write_text("".join(lines(feed, seed, from_us, until_us)), "utf-8")


def lines(feed: Feed, seed: int, from_us: int, until_us: int) -> Iterator[str]:
    """The ledger of [from, until), which starts and ends at full hours."""
    yield _line(truth=VERSION, seed=seed, at=iso(from_us), until=iso(until_us), every_us=feed.every_us)
    for each in feed.incidents:
        yield _line(
            incident=each.kind,
            enterprise=each.enterprise,
            meter=each.meter,
            at=iso(each.from_us),
            until=iso(each.until_us),
        )
    by_key = truth_of(feed, seed, from_us, until_us).hours
    for key, hours in by_key.items():
        unit = booked_unit(feed.fleet.metered[key])
        yield _line(register="/".join(key), unit=unit, total=sum(hours), hours=hours)
    for found in figures([counter.point for counter in feed.fleet.counters.values()], by_key, from_us):
        at, value = iso(found.starts_us), f"{found.value:f}"
        yield _line(figure=found.kind, span=found.span, where=found.where, carrier=found.carrier, at=at, value=value)
    for made in production(by_key, from_us, seed):
        fields = {"day": f"{made.day}", "tonnes": f"{made.tonnes:f}", "process_kgco2": f"{made.process_kgco2:f}"}
        yield _line(production=made.product, site=made.site, **fields, why=made.why)


def _line(**fields: object) -> str:
    return json.dumps(fields, ensure_ascii=False) + "\n"


def read(path: Path) -> Truth:
    """Read an exported ledger.

    Raises:
        TanfengError: The file is none.
    """
    try:
        return _truth([json.loads(line) for line in path.read_text("utf-8").splitlines()])
    except (OSError, ValueError, LookupError, TypeError) as problem:
        raise TanfengError(
            f"{path} is no ledger of truth: {problem}", "give the file that `tanfeng simulate fast --truth` wrote"
        ) from problem


def _truth(rows: Sequence[Mapping[str, Any]]) -> Truth:
    head = rows[0]
    if head["truth"] != VERSION:
        raise ValueError(f"version {head['truth']}")
    return Truth(
        seed=head["seed"],
        from_us=iso_time(head["at"], None),
        until_us=iso_time(head["until"], None),
        every_us=head["every_us"],
        incidents=[_incident(row) for row in rows if "incident" in row],
        hours={Key(*row["register"].split("/")): row["hours"] for row in rows if "register" in row},
    )


def _incident(row: Mapping[str, Any]) -> Incident:
    at, until = (iso_time(row[name], None) for name in ("at", "until"))
    return Incident(What(row["incident"]), row["enterprise"], row["meter"], at, until)
