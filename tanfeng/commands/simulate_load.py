"""`tanfeng simulate load`: so many messages a second, and how long each takes until it is visible."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from pathlib import Path  # noqa: TC003 - typer reads it at run time
from typing import Annotated, Final

import typer

from services.ledger import progress
from services.settings import Settings
from services.store.visit import visit
from simulators.crowd import REGISTER, members
from simulators.history import register
from simulators.load import Generator, Watch
from simulators.publisher import Publisher
from tanfeng.commands.migrate import database_dsn
from tanfeng.durations import seconds

POLL_S: Final = 0.01
PATIENCE_S: Final = 120.0
WINDOW: Final = 2000


def load(
    *,
    registers: Annotated[int, typer.Option(min=1)] = 1000,
    rate: Annotated[float, typer.Option(min=0.1, help="Messages a second")] = 2000,
    batch: Annotated[int, typer.Option(min=1, max=100, help="Readings a message")] = 1,
    duration: Annotated[float, typer.Option(parser=seconds, metavar="SPAN")] = "30s",  # type: ignore[assignment]  # typer parses the default
    connections: Annotated[int, typer.Option(min=1, help="Connections to the broker")] = 8,
    seed: Annotated[int, typer.Option(help="Same seed, same values")] = 1,
    broker: Annotated[str | None, typer.Option(help="mqtt://user:password@host:port")] = None,
    dsn: Annotated[str, typer.Option(help="PostgreSQL; default: TANFENG_DATABASE_DSN")] = "",
    to: Annotated[Path | None, typer.Option("--json", dir_okay=False, help="Write the figures here too")] = None,
) -> None:
    """开环加压，测量发布到可见的延迟。Open-loop load: sent, acked, and how long until readings are visible."""
    settings = Settings()
    url = broker or settings.broker_url.get_secret_value()
    name = f"tanfeng-load-{os.getpid()}"
    with Publisher(url, name=name, connections=connections, window=WINDOW, broker_ca=settings.broker_ca) as publisher:
        generator = Generator(members(registers, seed), publisher, rate, batch, duration)
        figures = asyncio.run(_measure(generator, database_dsn(dsn), seed))
    _report(figures)
    if to is not None:
        to.write_text(json.dumps(figures, indent=1))


async def _measure(generator: Generator, dsn: str, seed: int) -> dict[str, float]:
    async with visit(dsn, name="tanfeng-load") as con:
        await register(con, len(generator.crowd), seed, "simulated load")
    thread = threading.Thread(target=generator.run, daemon=True)
    began = time.monotonic()
    thread.start()
    try:
        watch = await _watched(generator, thread, dsn)
    finally:
        generator.stop.set()
    return _figures(generator, watch, time.monotonic() - began)


async def _watched(generator: Generator, thread: threading.Thread, dsn: str) -> Watch:
    """Look every ten milliseconds until all that was published is visible, or nothing moves."""
    async with visit(dsn, name="tanfeng-load") as con:
        watch = Watch(generator.published)
        numbers = {each.meter: each.number for each in generator.crowd if each.number in generator.published}
        registers = await progress.register_ids(con, list(numbers), REGISTER)
        moved, seen = time.monotonic(), 0
        while (thread.is_alive() or watch.waiting) and time.monotonic() - moved < PATIENCE_S:
            newest = await progress.newest(con, list(registers))
            now = time.time_ns() // 1000
            for register_id, at in newest.items():
                watch.saw(numbers[registers[register_id]], at, now)
            if len(watch.latencies_s) != seen:
                moved, seen = time.monotonic(), len(watch.latencies_s)
            await asyncio.sleep(POLL_S)
    return watch


def _figures(generator: Generator, watch: Watch, took_s: float) -> dict[str, float]:
    publisher = generator.publisher
    shares = {"p50_s": 0.5, "p95_s": 0.95, "p99_s": 0.99, "max_s": 1.0}
    return {
        "sent": publisher.sent,
        "acked": publisher.acked,
        "took_s": took_s,
        "late_s": generator.late_s,
        "watched": len(watch.latencies_s),
        **{name: watch.percentile(share) for name, share in shares.items()},
        "not_visible": watch.waiting,
    }


def _report(figures: dict[str, float]) -> None:
    sys.stdout.write(
        "发送 sent {sent}, 确认 acked {acked}, {rate:,.0f}/s over {took_s:.1f} s; "
        "发布端最大滞后 publisher late by at most {late_s:.3f} s\n"
        "发布至可见 publish → visible, {watched} readings watched: "
        "p50 {p50_s:.3f} s, p95 {p95_s:.3f} s, p99 {p99_s:.3f} s, max {max_s:.3f} s; "
        "不可见 not visible {not_visible}\n".format(rate=figures["sent"] / figures["took_s"], **figures)
    )
