"""The real steel half-year booked into a database: one register, quarter-hours, a plant at UTC+9."""

from __future__ import annotations

import random
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from services.accounting.policy import Version
from services.ledger.booking import Books
from services.model import QUARTER_US, Arrival
from simulators.replay import steel
from tests.registers import add_meter, add_register
from tests.servers import SHARED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.store.pool import Connection
    from simulators.sample import Sample

ZONE = "Asia/Seoul"
SITE = "works-m1"
METER = Version(
    max_rate=Decimal(1200),
    resolution=Decimal("0.01"),
    modulus=None,
    interval_us=QUARTER_US,
    gap_us=4 * QUARTER_US,
    slack_us=60_000_000,
    noise=Decimal("0.01"),
)
_FILE = SHARED / "data" / "steel" / "steel_2018_h1.csv"


@lru_cache
def samples() -> tuple[Sample, ...]:
    """Its 17,377 register readings, in order of time."""
    with _FILE.open(encoding="utf-8") as lines:
        return tuple(steel.samples(lines))


def quarters() -> list[tuple[int, int]]:
    """(start in µs, thousandths of a kWh) of every quarter-hour, straight from neighbouring readings."""
    readings = samples()
    return [
        (before.read_at_us, int((after.registers["import"] - before.registers["import"]) * 1000))
        for before, after in pairwise(readings)
    ]


def arrivals(register_id: int) -> list[Arrival]:
    """The readings as ingest would give them to the books."""
    return [
        Arrival(register_id, each.read_at_us, int(each.registers["import"] * 1000), None, each.read_at_us)
        for each in samples()
    ]


async def add_works(con: Connection) -> int:
    """Enterprise `works` with its plant and register; gives the register's id."""
    meter_id = await add_meter(con, zone=ZONE)
    return await add_register(con, meter_id, "total_increasing", [METER])


async def add_second(con: Connection) -> int:
    """Another level-1 meter of the same enterprise, at a site of its own."""
    return await add_register(con, await add_meter(con, meter="m2", zone=ZONE), "total_increasing", [METER])


def reading(register_id: int, at: int, value: int) -> Arrival:
    """A reading of our own; `value` in thousandths above a start that keeps it positive."""
    return Arrival(register_id, at, 1_000_000 + value, None, at)


async def book(con: Connection, given: Sequence[Arrival], *, seed: int | None = None) -> None:
    """Book arrivals in one transaction for each 2,000; with a seed all of them twice and shuffled."""
    order = list(given)
    if seed is not None:
        order = [*order, *order]
        random.Random(seed).shuffle(order)
    books = Books()
    for start in range(0, len(order), 2000):
        async with con.transaction():
            await books.book(con, order[start : start + 2000])
