"""`tanfeng verify`: rebuild ledger and rollups from the readings and compare."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from services.ledger.hash import ledger_hash
from services.ledger.held import find_register
from services.ledger.verify import verify
from services.store.pool import connect
from services.store.visit import visit
from tanfeng.commands.migrate import database_dsn

if TYPE_CHECKING:
    from services.ledger.hash import Hashed


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify")(verify_command)


def verify_command(
    *,
    register: Annotated[str, typer.Option(help="only this one: enterprise/meter/register")] = "",
    only_hash: Annotated[
        bool, typer.Option("--hash", help="instead: rows and SHA-256 of the books, equal for equal books")
    ] = False,
    snapshot: Annotated[str, typer.Option(help="with --hash: an exported snapshot to look through")] = "",
    dsn: Annotated[str, typer.Option(help="PostgreSQL; default: TANFENG_DATABASE_DSN")] = "",
) -> None:
    """由读数重建账目并比对，有差异则退出码为 1。Rebuild the books from the readings; exit 1 if anything differs."""
    if only_hash:
        for relation, rows, digest in asyncio.run(_hash(database_dsn(dsn), snapshot)):
            typer.echo(f"{relation} {rows} {digest}")
        return
    found = asyncio.run(_verify(database_dsn(dsn), register))
    if found:
        typer.echo(f"发现 {found} 处差异 / {found} differences", err=True)
        raise typer.Exit(1)
    typer.echo("账目与读数完全一致 / the books are exactly what the readings say")


async def _hash(dsn: str, snapshot: str) -> list[Hashed]:
    async with visit(dsn, name="tanfeng-verify") as con:
        return await ledger_hash(con, snapshot)


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
