"""History straight into the database, through the same accounting as every reading that arrives."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from services.errors import TanfengError
from services.ledger.booking import Books
from services.ledger.directory import load_directory
from services.model import Arrival
from services.registry.apply import apply_plan
from services.registry.content import plan_file
from services.store.visit import visit
from simulators.crowd import RAW_PER_STEP, REGISTER, members, meters_csv, places_yaml
from simulators.loads import DAY_US

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.store.pool import Connection
    from simulators.crowd import Member

READINGS: Final = 10_000
"""About so many readings are booked in one transaction."""


class Part(NamedTuple):
    """Some meters over some days: what one process books in one go."""

    first: int
    meters: int
    from_us: int
    until_us: int


async def register(con: Connection, count: int, seed: int, author: str) -> None:
    """Put the crowd into the registry.

    Raises:
        TanfengError: The registry refuses it.
    """
    for text, is_csv in ((places_yaml(count), False), (meters_csv(members(count, seed)), True)):
        plan, problems = await plan_file(con, text, is_csv=is_csv)
        wrong = [problem for problem in problems if not problem.is_warning]
        if wrong:
            raise TanfengError(wrong[0].what, wrong[0].fix)
        await apply_plan(con, plan, author)


def parts(count: int, from_us: int, until_us: int, every_us: int, *, days: int = 7) -> Iterator[Part]:
    """All of the history, week after week: whole days of as many meters as fill a transaction."""
    size = max(1, READINGS * every_us // DAY_US)
    for start in range(from_us, until_us, days * DAY_US):
        for first in range(0, count, size):
            yield Part(first, min(size, count - first), start, min(start + days * DAY_US, until_us))


def book(dsn: str, seed: int, every_us: int, part: Part) -> int:
    """Book a part in a process of its own; how many readings were new."""
    return asyncio.run(_book(dsn, seed, every_us, part))


async def _book(dsn: str, seed: int, every_us: int, part: Part) -> int:
    crowd = members(part.meters, seed, part.first)
    books, accepted = Books(), 0
    async with visit(dsn, name="tanfeng-history") as con:
        _, directory = await load_directory(con)
        registers = [directory[each.enterprise, each.meter].registers[REGISTER].register_id for each in crowd]
        for day in range(part.from_us, part.until_us, DAY_US):
            arrivals = _day(crowd, registers, range(day, min(day + DAY_US, part.until_us), every_us))
            async with con.transaction():
                accepted += (await books.book(con, arrivals)).accepted
    return accepted


def _day(crowd: Sequence[Member], registers: Sequence[int], moments: range) -> list[Arrival]:
    now = time.time_ns() // 1000
    return [
        Arrival(register_id, at, each.steps(at) * RAW_PER_STEP, None, now)
        for each, register_id in zip(crowd, registers, strict=True)
        for at in moments
    ]
