"""`tanfeng maintenance`: planned work at a site, during which nothing is sent about it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from services.alerts import silences
from services.declared import scalars
from services.errors import TanfengError
from services.model import SECOND_US, iso
from services.store.visit import visit
from tanfeng.commands.migrate import database_dsn

if TYPE_CHECKING:
    from services.store.pool import Row

Dsn = Annotated[str, typer.Option(help="PostgreSQL; default: TANFENG_DATABASE_DSN")]
Author = Annotated[str, typer.Option("--as", help="who decides, for the audit log")]


def add(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(no_args_is_help=True, help="计划检修：期间不发通知，到时自动结束。Planned maintenance.")
    for command in (plan, list_command, cancel):
        group.command(command.__name__.removesuffix("_command"))(command)
    app.add_typer(group, name="maintenance")


def plan(
    site: Annotated[str, typer.Argument(help="the site's code")],
    until: Annotated[str, typer.Option(help="its end, 2026-01-01T18:00:00+08:00, or a duration such as 4h")],
    reason: Annotated[str, typer.Option(help="what is done there")],
    author: Author,
    start: Annotated[str, typer.Option("--from", help="its beginning; default: now")] = "",
    dsn: Dsn = "",
) -> None:
    """登记检修：期间预警照记，但不发通知。Plan work at a site: alerts are kept, nothing is sent until it ends."""
    starts_at = scalars.instant(start) if start else time.time_ns() // 1000
    number = asyncio.run(_plan(database_dsn(dsn), site, starts_at, _end(until, starts_at), reason, author))
    typer.echo(f"已登记第 {number} 号检修 planned as maintenance {number}")


def _end(text: str, starts_at: int) -> int:
    try:
        return starts_at + scalars.span(text) * SECOND_US
    except TanfengError:
        return scalars.instant(text)


async def _plan(dsn: str, site: str, starts_at: int, ends_at: int, reason: str, author: str) -> int:
    async with visit(dsn, name="tanfeng-maintenance") as con, con.transaction():
        return await silences.plan(con, site, starts_at, ends_at, reason=reason, author=author)


def list_command(
    *, everything: Annotated[bool, typer.Option("--all", help="those that are over too")] = False, dsn: Dsn = ""
) -> None:
    """列出检修。List planned and active maintenance."""
    rows = asyncio.run(_list(database_dsn(dsn), everything=everything))
    table = Table(title="检修 / maintenance")
    for heading in ("#", "厂区 / site", "自 / from", "至 / until", "状态 / state", "事由 / reason", "登记人 / by"):
        table.add_column(heading)
    for row in rows:
        site = f"{row['site']} {row['site_zh']}"
        times = (iso(row["starts_at"])[:16], iso(row["ends_at"])[:16])
        table.add_row(str(row["maintenance_id"]), site, *times, row["state"], row["reason"], row["author"])
    Console().print(table if rows else "没有检修 / no maintenance")


async def _list(dsn: str, *, everything: bool) -> list[Row]:
    async with visit(dsn, name="tanfeng-maintenance") as con:
        return await silences.listed(con, everything=everything)


def cancel(number: Annotated[int, typer.Argument(help="its number")], author: Author, dsn: Dsn = "") -> None:
    """取消或提前结束检修。Cancel a maintenance, or end it now."""
    asyncio.run(_cancel(database_dsn(dsn), number, author))
    typer.echo(f"已结束 ended: {number}")


async def _cancel(dsn: str, number: int, author: str) -> None:
    async with visit(dsn, name="tanfeng-maintenance") as con, con.transaction():
        await silences.cancel(con, number, author=author)
