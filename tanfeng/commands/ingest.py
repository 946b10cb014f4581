"""`tanfeng ingest`: messages from the broker into the books, in one process or several."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from typing import Annotated

import typer

from ingest import logs
from ingest.worker import Worker
from services import sd_notify
from services.settings import Settings
from tanfeng.workers import run_workers


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ingest")(ingest)


def ingest(
    *,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Worker processes on the shared subscription")] = 1,
    dsn: Annotated[str, typer.Option(help="PostgreSQL; default: TANFENG_DATABASE_DSN")] = "",
    broker: Annotated[str, typer.Option(help="MQTT broker; default: TANFENG_BROKER_URL")] = "",
    slot: Annotated[int | None, typer.Option(hidden=True, help="Be one worker, and prefer this slot")] = None,
) -> None:
    """读取 MQTT 消息入账，提交后才确认。Book MQTT messages; each is acknowledged after its commit. Ends on SIGTERM."""
    for name, value in (("TANFENG_DATABASE_DSN", dsn), ("TANFENG_BROKER_URL", broker)):
        if value:
            os.environ[name] = value  # where worker processes find it too
    if workers > 1 and slot is None:
        command = (sys.executable, "-m", "tanfeng", "ingest", "--workers", str(workers), "--slot")
        raise typer.Exit(asyncio.run(run_workers(command, workers)))
    logs.configure()
    # a batch makes ten thousands of objects and no cycles: looking for some at every 700th costs a fifth of the time
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    asyncio.run(_one(Settings(), slot, workers))


async def _one(settings: Settings, slot: int | None, workers: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    worker = Worker(settings, slot=slot, workers=workers, stop=stop)
    telling = asyncio.create_task(sd_notify.supervised(lambda: worker.metrics.broker.is_here, lambda: True, stop))
    try:
        await worker.run()
    finally:
        stop.set()
        await telling
