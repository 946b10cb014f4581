"""`tanfeng verify`: rebuild ledger and rollups from the readings and compare."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from services.store.held import find_register
from services.store.pool import connect
from services.store.verify import verify
from tanfeng.commands.migrate import database_dsn


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify")(verify_command)


def verify_command(
    register: Annotated[str, typer.Option(help="only this one: enterprise/meter/register")] = "",
    dsn: Annotated[str, typer.Option(help="PostgreSQL; default: TANFENG_DATABASE_DSN")] = "",
) -> None:
    """由读数重建账目并比对，有差异则退出码为 1。Rebuild the books from the readings; exit 1 if anything differs."""
    found = asyncio.run(_verify(database_dsn(dsn), register))
    if found:
        typer.echo(f"发现 {found} 处差异 / {found} differences", err=True)
        raise typer.Exit(1)
    typer.echo("账目与读数完全一致 / the books are exactly what the readings say")


async def _verify(dsn: str, register: str) -> int:
    con = await connect(dsn, name="tanfeng-verify")
    found = 0
    try:
        only = [await find_register(con, register)] if register else None
        async for finding in verify(con, only):
            found += 1
            typer.echo(f"{finding.place}: 已存 / stored {finding.stored}, 重建 / rebuilt {finding.rebuilt}")
    finally:
        await con.close()
    return found
