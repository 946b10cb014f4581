"""`tanfeng access`: who may read which enterprise, and the tokens of the API."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from services.errors import TanfengError
from services.figures import access
from services.store.pool import connect
from tanfeng.commands.logins import broker_command, logins_command, renew_sessions_command
from tanfeng.commands.migrate import database_dsn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

group = typer.Typer(no_args_is_help=True, help="访问权限。Who may read and publish what.")

Dsn = Annotated[str, typer.Option(help="PostgreSQL; default: TANFENG_DATABASE_DSN")]
Author = Annotated[str, typer.Option("--as", help="操作人 who does it, for the audit log")]
Role = Annotated[str, typer.Argument(help="the database role, see `tanfeng access list`")]
Enterprise = Annotated[str, typer.Option(help="企业代码 the enterprise's code")]
District = Annotated[bool, typer.Option("--district", help="全区 the whole district")]


def add(app: typer.Typer) -> None:
    """Add the group."""
    group.command("logins")(logins_command)
    group.command("broker")(broker_command)
    group.command("renew-sessions")(renew_sessions_command)
    app.add_typer(group, name="access")


@group.command("grant")
def grant_command(
    author: Author,
    role: Annotated[str, typer.Argument(help="a role that is there already; default: a new one")] = "",
    enterprise: Enterprise = "",
    district: District = False,  # noqa: FBT002 - a flag of the command line
    password: Annotated[bool, typer.Option("--password", help="make it a login; asks for the password")] = False,  # noqa: FBT002 - a flag of the command line
    dsn: Dsn = "",
) -> None:
    """授权。Let a role read one enterprise, or the whole district; the last line of the output is its name.

    A new role gets a name that says nothing: every login of the server can see the names of all.
    """
    secret = typer.prompt("口令 password", hide_input=True, confirmation_prompt=True) if password else None
    named = role or access.opaque_name()
    asyncio.run(_grant(dsn, named, secret, _which(enterprise, district=district), author))
    typer.echo("已授权。Granted.")
    typer.echo(named)


@group.command("rename")
def rename_command(
    role: Role,
    author: Author,
    name: Annotated[str, typer.Option("--to", help="default: one that says nothing")] = "",
    dsn: Dsn = "",
) -> None:
    """改名。Give a tenant's role another name, the last line of the output; its password, rights and tokens stay.

    Put the new name into the Grafana data source that logs in by the old one.
    """
    new = name or access.opaque_name()
    asyncio.run(_rename(dsn, role, new, author))
    typer.echo("已改名。Renamed.")
    typer.echo(new)


@group.command("revoke")
def revoke_command(
    role: Role,
    author: Author,
    enterprise: Enterprise = "",
    district: District = False,  # noqa: FBT002 - a flag of the command line
    dsn: Dsn = "",
) -> None:
    """撤销。Take that right back; it ends with the role's next statement."""
    asyncio.run(_revoke(dsn, role, _which(enterprise, district=district), author))
    typer.echo("已撤销。Revoked.")


@group.command("token")
def token_command(
    role: Role, author: Author, label: Annotated[str, typer.Option(help="what it is for")], dsn: Dsn = ""
) -> None:
    """新建 API 令牌。Make a bearer token of the API that acts as this role; it is shown this once."""
    typer.echo(asyncio.run(_token(dsn, role, label, author)))


@group.command("revoke-token")
def revoke_token_command(label: Annotated[str, typer.Argument()], author: Author, dsn: Dsn = "") -> None:
    """作废 API 令牌。End the tokens of this label."""
    asyncio.run(_revoke_token(dsn, label, author))
    typer.echo("已作废。Revoked.")


@group.command("list")
def list_command(dsn: Dsn = "") -> None:
    """列出权限。List who may read what."""
    table = Table("角色 role", "企业 enterprise", "登录 login", "令牌 tokens", "授权人 by")
    for row in asyncio.run(_list(dsn)):
        scope = row["enterprise"] or "全区 district"
        login = "是 yes" if row["login"] else "否 no"
        table.add_row(row["role"], scope, login, ", ".join(row["tokens"] or []), row["author"])
    Console().print(table)


def _which(enterprise: str, *, district: bool) -> str | None:
    if bool(enterprise) == district:
        raise TanfengError("name an enterprise or the district", "give --enterprise CODE, or --district")
    return enterprise or None


@asynccontextmanager
async def _connection(dsn: str) -> AsyncIterator[Connection]:
    con = await connect(database_dsn(dsn), name="tanfeng-access")
    try:
        yield con
    finally:
        await con.close()


async def _grant(dsn: str, role: str, password: str | None, enterprise: str | None, author: str) -> None:
    async with _connection(dsn) as con:
        await access.create_tenant(con, role, password, enterprise, author=author)


async def _rename(dsn: str, role: str, name: str, author: str) -> None:
    async with _connection(dsn) as con:
        await access.rename(con, role, name, author=author)


async def _revoke(dsn: str, role: str, enterprise: str | None, author: str) -> None:
    async with _connection(dsn) as con:
        await access.revoke(con, role, enterprise, author=author)


async def _token(dsn: str, role: str, label: str, author: str) -> str:
    async with _connection(dsn) as con:
        return await access.create_token(con, role, label, author=author)


async def _revoke_token(dsn: str, label: str, author: str) -> None:
    async with _connection(dsn) as con:
        await access.revoke_token(con, label, author=author)


async def _list(dsn: str) -> list[dict[str, Any]]:
    async with _connection(dsn) as con:
        return [dict(row) for row in await access.list_access(con)]
