"""`tanfeng migrate`: bring the database to this version's schema."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from services.errors import TanfengError
from services.ledger.rebuild import rebuild_older
from services.settings import Settings
from services.store.migrate import migrate
from services.store.pool import connect
from services.upkeep.watchdog import watching
from tanfeng.progress import REBUILDING, now_and_then


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command("migrate")(migrate_command)


def migrate_command(
    dsn: Annotated[str, typer.Option(help="PostgreSQL; default: TANFENG_DATABASE_DSN")] = "",
) -> None:
    """升级数据库结构与账目。Create or upgrade the schema, rebuild books of an older rule; again: nothing to do."""
    asyncio.run(_migrate(database_dsn(dsn)))
    typer.echo("数据库已是最新。The database is up to date.")


def database_dsn(given: str) -> str:
    """The DSN given on the command line, else the setting.

    Raises:
        TanfengError: Neither names a database.
    """
    dsn = given or Settings().database_dsn.get_secret_value()
    if not dsn:
        raise TanfengError("no database is named", "give --dsn or set TANFENG_DATABASE_DSN")
    return dsn


async def _migrate(dsn: str) -> None:
    con = await connect(dsn, name="tanfeng-migrate")
    try:
        async with watching(dsn):  # a tenant's session must not keep it from its locks
            applied = await migrate(con)
        for name in applied:
            typer.echo(f"applied {name}")
        rebuilt = await rebuild_older(con, now_and_then(typer.echo, REBUILDING))
        if rebuilt:
            typer.echo(f"已重建 {rebuilt} 个计量点 / rebuilt the books of {rebuilt} registers")
    finally:
        await con.close()
