"""`tanfeng migrate`: bring the database to this version's schema."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from services.errors import TanfengError
from services.settings import Settings
from services.store.migrate import migrate
from services.store.pool import connect


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command("migrate")(migrate_command)


def migrate_command(
    dsn: Annotated[str, typer.Option(help="PostgreSQL; default: TANFENG_DATABASE_DSN")] = "",
) -> None:
    """建立或升级数据库结构。Create or upgrade the database schema; doing it again changes nothing."""
    applied = asyncio.run(_migrate(database_dsn(dsn)))
    for name in applied:
        typer.echo(f"applied {name}")
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


async def _migrate(dsn: str) -> list[str]:
    con = await connect(dsn, name="tanfeng-migrate")
    try:
        return await migrate(con)
    finally:
        await con.close()
