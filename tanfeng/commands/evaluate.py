"""`tanfeng evaluate`: figures in, warnings out; and the notifications on their way."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from functools import partial
from typing import Annotated, Final

import typer

from ingest import logs
from services import heartbeat, notify, sd_notify
from services.alerts.loop import Evaluator
from services.clocks import Clock
from services.errors import TanfengError
from services.model import SECOND_US
from services.notify import outbox
from services.settings import Settings
from services.store.visit import visit
from tanfeng.commands.migrate import database_dsn

WELL_S: Final = 60.0
"""The evaluator's last round without a fault may be so long ago."""
ALIVE_S: Final = 120.0
"""… and its last sign of life."""


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
    heartbeat_url = heartbeat.checked(settings.heartbeat_url.get_secret_value())
    evaluator = Evaluator(dsn, stop, clock=Clock(settings.clock_limit_s * SECOND_US))
    is_well = partial(_is_well, evaluator, dsn)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(evaluator.run())
        tasks.create_task(notify.run(dsn, config, stop))
        tasks.create_task(heartbeat.run(heartbeat_url, settings.heartbeat_every_s, is_well, stop))
        tasks.create_task(sd_notify.supervised(lambda: evaluator.rounds > 0, partial(_is_alive, evaluator), stop))


def _is_alive(evaluator: Evaluator) -> bool:
    """Whether it works, or waits for a database that is away; what hangs does neither."""
    return time.monotonic() - evaluator.alive_at < ALIVE_S


async def _is_well(evaluator: Evaluator, dsn: str) -> bool:
    """Whether somebody would hear of a warning now: every look succeeds, the database answers, messages are taken."""
    if time.monotonic() - evaluator.well_at > WELL_S:
        return False
    try:
        async with visit(dsn, name="tanfeng-heartbeat") as con:
            return await outbox.is_moving(con)
    except TanfengError:
        return False
