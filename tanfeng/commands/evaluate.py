"""`tanfeng evaluate`: figures in, warnings out; and the notifications on their way."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Annotated

import typer

from ingest import logs
from services import notify
from services.clocks import Clock
from services.evaluator.loop import Evaluator
from services.model import SECOND_US
from services.settings import Settings
from tanfeng.commands.migrate import database_dsn


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command("evaluate")(evaluate)


def evaluate(
    *,
    dsn: Annotated[str, typer.Option(help="PostgreSQL; default: TANFENG_DATABASE_DSN")] = "",
    broker: Annotated[str, typer.Option(help="MQTT broker for alerts; default: TANFENG_BROKER_URL")] = "",
) -> None:
    """按规则评估并发出预警，提交后即刻唤醒。Raise alerts by the rules, woken by commits; ends on SIGTERM."""
    if broker:
        os.environ["TANFENG_BROKER_URL"] = broker
    logs.configure()
    asyncio.run(_run(database_dsn(dsn), Settings()))


async def _run(dsn: str, settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    config = notify.load(settings)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(Evaluator(dsn, stop, clock=Clock(settings.clock_limit_s * SECOND_US)).run())
        tasks.create_task(notify.run(dsn, config, stop))
