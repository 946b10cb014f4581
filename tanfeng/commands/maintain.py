"""`tanfeng maintain`: columnstore, retention and TimescaleDB's jobs, now or again and again."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import structlog
import typer
from rich.console import Console
from rich.table import Table

from ingest import logs
from services import sd_notify
from services.errors import TanfengError
from services.settings import Settings
from services.store.visit import visit
from services.upkeep.maintenance import Limits, Run, maintain
from services.upkeep.watchdog import watching
from tanfeng import durations
from tanfeng.commands.migrate import database_dsn

if TYPE_CHECKING:
    from collections.abc import Sequence

_log = structlog.get_logger("maintain")
LONGEST_S = 1800.0
"""Compressing a chunk may take minutes. One statement that takes longer is ended, and tried again next time."""


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command("maintain")(maintain_command)


def maintain_command(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="do what is due, show it and end; exit 1 if a task failed")
    ] = False,
    every_s: Annotated[
        float | None, typer.Option("--every", parser=durations.seconds, metavar="1h", help="default: 1h")
    ] = None,
    dsn: Annotated[str, typer.Option(help="PostgreSQL, as its owner; default: TANFENG_DATABASE_DSN")] = "",
) -> None:
    """压缩、清理、后台任务，并终止妨碍系统的租户会话。Keep the database in order, until SIGTERM.

    Compress and drop old raw readings, run due jobs, and end at once a tenant's session that blocks the product.
    """
    settings = Settings()
    limits = limits_of(settings)
    if once:
        _show(asyncio.run(_once(database_dsn(dsn), limits)))
        return
    logs.configure()
    asyncio.run(_loop(database_dsn(dsn), limits, every_s or settings.maintain_every_s))


def limits_of(settings: Settings) -> Limits:
    """How long what is kept, by the settings."""
    return Limits(
        raw_days=settings.raw_days,
        horizon_days=settings.horizon_days,
        columnstore_days=settings.columnstore_days,
        rejection_days=settings.rejection_days,
        minute_days=settings.minute_days,
    )


async def _once(dsn: str, limits: Limits) -> list[Run] | None:
    async with visit(dsn, name="tanfeng-maintain", longest_s=LONGEST_S) as con:
        return await maintain(con, limits)


def _show(runs: Sequence[Run] | None) -> None:
    if runs is None:
        typer.echo("另一进程正在维护 / another process maintains this database now")
        return
    table = Table("任务 / task", "结果 / result", "详情 / detail")
    for run in runs:
        table.add_row(run.task, run.result, run.detail)
    Console().print(table)
    if any(run.result == "failed" for run in runs):
        raise typer.Exit(1)


async def _loop(dsn: str, limits: Limits, every_s: float) -> None:
    async with watching(dsn):
        await _maintained(dsn, limits, every_s)


async def _maintained(dsn: str, limits: Limits, every_s: float) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    telling = asyncio.create_task(sd_notify.supervised(lambda: True, lambda: True, stop))
    while not stop.is_set():
        try:
            _tell(await _once(dsn, limits))
        except TanfengError as problem:
            _log.warning("database away", problem=str(problem), retry_s=every_s)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), every_s)
    await telling


def _tell(runs: Sequence[Run] | None) -> None:
    if runs is None:
        _log.info("another process maintains this database")
    for run in runs or ():
        told = _log.error if run.result == "failed" else _log.info
        told("task", task=run.task, result=run.result, detail=run.detail)
