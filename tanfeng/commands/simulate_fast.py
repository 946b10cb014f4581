"""`tanfeng simulate fast`: a stretch of simulated time through MQTT, as fast as it goes."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from services.errors import TanfengError
from services.ledger import progress
from services.model import HOUR_US, SECOND_US, iso
from services.settings import Settings
from services.store.visit import visit
from services.wire.times import iso_time
from simulators import ledger
from simulators.books import declare_production, declare_told
from simulators.district import read_points
from simulators.incidents import What
from simulators.publisher import Publisher
from simulators.stretch import Stretch
from tanfeng.commands.migrate import database_dsn
from tanfeng.durations import seconds
from tanfeng.progress import bar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.progress import Progress

    from simulators.feed import Feed
    from simulators.sample import Message

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "district.yaml"
DAY_US: Final = 24 * HOUR_US
PATIENCE_S: Final = 60.0
AUTHOR: Final = "simulated fleet"
_POLL_S: Final = 0.2
_WINDOW: Final = 2000
Registry = Annotated[
    list[Path] | None,
    typer.Option(exists=True, dir_okay=False, help="Whose meters; may be given again", show_default="the example"),
]
Without = Annotated[list[What] | None, typer.Option(help="Kinds of incidents that do not happen")]
TruthFile = Annotated[Path, typer.Option("--truth", dir_okay=False, help="The ledger of what really happened")]
Dsn = Annotated[str, typer.Option(help="PostgreSQL; default: TANFENG_DATABASE_DSN")]


def fast(
    *,
    truth: TruthFile = Path("truth.jsonl"),
    registry: Registry = None,
    seed: Annotated[int, typer.Option(help="Same seed, same messages, same ledger")] = 1,
    start: Annotated[str, typer.Option(help="First hour, with zone; default: so that it ends now")] = "",
    days: Annotated[int, typer.Option(min=1)] = 30,
    every: Annotated[float, typer.Option(parser=seconds, metavar="SPAN", help="Between two readings")] = "15m",  # type: ignore[assignment]  # typer parses the default
    incidents: Annotated[int, typer.Option(min=0, help="How many; every kind about as often")] = 300,
    without: Without = None,
    apart: Annotated[int, typer.Option(min=0, help="Ticks between two incidents of one meter")] = 14,
    declare: Annotated[bool, typer.Option(help="Declare resets and swaps that were told of, and production")] = True,
    broker: Annotated[str | None, typer.Option(help="mqtt://user:password@host:port")] = None,
    dsn: Dsn = "",
) -> None:
    """以最快速度经 MQTT 模拟一段时间，并导出真值。Simulate a stretch of time through MQTT, as fast as it goes."""
    settings = Settings()
    from_us = hour_of(start, days)
    stretch = Stretch(
        points=read_points(*(registry or [EXAMPLE])),
        seed=seed,
        from_us=from_us,
        until_us=from_us + days * DAY_US,
        every_us=round(every * SECOND_US),
        incidents=incidents,
        kinds=[kind for kind in What if kind not in (without or ())],
        apart=apart,
    )
    if HOUR_US % stretch.every_us:
        raise TanfengError("an hour is no multiple of --every", "for example --every 15m")
    url = broker or settings.broker_url.get_secret_value()
    asyncio.run(_fast(stretch, truth, url, settings, database_dsn(dsn), declare=declare))


def hour_of(start: str, days: int) -> int:
    """The full hour at which a stretch begins; where none is given, so that it ends now."""
    at = iso_time(start, None) if start else time.time_ns() // 1000 - days * DAY_US
    return at // HOUR_US * HOUR_US


async def _fast(stretch: Stretch, truth: Path, url: str, settings: Settings, dsn: str, *, declare: bool) -> None:
    feed = stretch.feed()
    began = time.monotonic()
    name = f"tanfeng-fast-{os.getpid()}"
    with bar() as shown, Publisher(url, name=name, window=_WINDOW, broker_ca=settings.broker_ca) as publisher:
        async with visit(dsn, name="tanfeng-fast") as con:
            before = await progress.messages(con)
        await asyncio.to_thread(_publish, stretch, feed, publisher, shown)
        await _committed(dsn, before + publisher.sent, shown)
        sent = _send(publisher, feed.aftermath)
        await _committed(dsn, before + publisher.sent, shown)
    ledger.write(truth, feed, stretch.seed, stretch.from_us, stretch.until_us)
    acts = 0
    if declare:
        async with visit(dsn, name="tanfeng-fast") as con:
            acts = await declare_told(con, feed.fleet, ledger.read(truth), AUTHOR)
            await declare_production(con, ledger.read(truth), AUTHOR)
    took = time.monotonic() - began
    sys.stdout.write(
        f"{iso(stretch.from_us)} … {iso(stretch.until_us)}: {publisher.sent} messages ({sent} conflicting), "
        f"{len(feed.incidents)} incidents, {acts} acts declared, {took:.1f} s; 真值 truth: {truth}\n"
    )


def _publish(stretch: Stretch, feed: Feed, publisher: Publisher, shown: Progress) -> None:
    ticks = (stretch.until_us - stretch.from_us) // stretch.every_us
    task = shown.add_task("发布 publish", total=ticks)
    for _, messages in stretch.messages(feed):
        _send(publisher, messages)
        shown.advance(task)
    publisher.drain()


def _send(publisher: Publisher, messages: Iterable[Message]) -> int:
    sent = 0
    for message in messages:
        publisher.publish(message)
        sent += 1
    publisher.drain()
    return sent


async def _committed(dsn: str, messages: int, shown: Progress) -> None:
    """Wait until ingest has decided on so many messages in all.

    Raises:
        TanfengError: It decides on nothing any more.
    """
    task = shown.add_task("入库 commit", total=messages)
    async with visit(dsn, name="tanfeng-fast") as con:
        done, moved = -1, time.monotonic()
        while done < messages:
            if time.monotonic() - moved > PATIENCE_S:
                raise TanfengError(f"ingest committed {done} of {messages} messages and no more", "is ingest running?")
            now = await progress.messages(con)
            if now != done:
                done, moved = now, time.monotonic()
                shown.update(task, completed=done)
            await asyncio.sleep(_POLL_S)
