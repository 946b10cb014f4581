"""`tanfeng simulate history`: a large data set straight into the database, through the same accounting."""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TYPE_CHECKING, Annotated

import typer

from services.errors import TanfengError
from services.model import HOUR_US, SECOND_US, iso
from services.store.visit import visit
from services.wire.times import iso_time
from simulators.history import book, parts, register
from simulators.loads import DAY_US, EPOCH_US
from tanfeng.commands.migrate import database_dsn
from tanfeng.durations import seconds
from tanfeng.progress import bar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulators.history import Part


def history(
    *,
    days: Annotated[int, typer.Option(min=1)] = 365,
    registers: Annotated[int, typer.Option(min=1, help="A hundred make an enterprise")] = 1000,
    every: Annotated[float, typer.Option(parser=seconds, metavar="SPAN", help="Between two readings")] = "15m",  # type: ignore[assignment]  # typer parses the default
    start: Annotated[str, typer.Option(help="First moment, with zone; default: so that it ends now")] = "",
    seed: Annotated[int, typer.Option(help="Same seed, same readings")] = 1,
    workers: Annotated[int, typer.Option(min=1, help="Processes that book")] = 2,
    dsn: Annotated[str, typer.Option(help="PostgreSQL; default: TANFENG_DATABASE_DSN")] = "",
) -> None:
    """直接向数据库写入历史读数。Book a history of many meters without a broker; sending it again changes nothing."""
    url = database_dsn(dsn)
    every_us = round(every * SECOND_US)
    if every_us < SECOND_US or DAY_US % every_us:
        raise TanfengError("a day is no multiple of --every", "for example --every 15m")
    from_us = _first(start, days)
    asyncio.run(_register(url, registers, seed))
    all_parts = list(parts(registers, from_us, from_us + days * DAY_US, every_us))
    began = time.monotonic()
    booked = _book(url, seed, every_us, all_parts, workers)
    took = time.monotonic() - began
    sys.stdout.write(
        f"{iso(from_us)} + {days} d: 新入账 {booked} 条读数 readings booked, {took:.1f} s, {booked / took:,.0f}/s\n"
    )


def _first(start: str, days: int) -> int:
    at = iso_time(start, None) if start else time.time_ns() // 1000 - days * DAY_US
    return max(EPOCH_US, at // HOUR_US * HOUR_US)


async def _register(url: str, registers: int, seed: int) -> None:
    async with visit(url, name="tanfeng-history") as con:
        await register(con, registers, seed, "simulated history")


def _book(url: str, seed: int, every_us: int, all_parts: Sequence[Part], workers: int) -> int:
    """Book all parts; a crowd is registered by now. Spawned: a fork would share the parent's sockets."""
    context = multiprocessing.get_context("spawn")
    booked = 0
    with bar() as shown, ProcessPoolExecutor(workers, mp_context=context) as pool:
        task = shown.add_task("入账 book", total=len(all_parts))
        for done in as_completed([pool.submit(book, url, seed, every_us, part) for part in all_parts]):
            booked += done.result()
            shown.advance(task)
    return booked
