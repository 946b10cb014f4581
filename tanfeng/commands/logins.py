"""`tanfeng access logins` and `tanfeng access broker`: the credentials of a deployment, from files and into files."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from services.errors import TanfengError
from services.figures import access
from services.ledger import sessions
from services.registry.offline import read_offline
from services.store.queries import SQL
from services.store.visit import visit
from tanfeng.broker_access import enterprises_of, write_broker_files
from tanfeng.commands.migrate import database_dsn

Dsn = Annotated[str, typer.Option(help="PostgreSQL, as owner; default: TANFENG_DATABASE_DSN")]


def logins_command(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="one file a role, its password inside")],
    author: Annotated[str, typer.Option("--as", help="操作人 who does it, for the audit log")],
    *,
    dsn: Dsn = "",
) -> None:
    """设置数据库登录。Let each role named by a file log in with the password in it; doing it again changes nothing.

    Roles of programs keep their own rights; any other name becomes a reader of the whole district, as Grafana needs.
    """
    for role in asyncio.run(_logins(database_dsn(dsn), read_secrets(folder), author)):
        typer.echo(f"可登录 may log in: {role}")


def broker_command(
    folder: Annotated[Path, typer.Argument(file_okay=False, help="where `passwords`, `acl` and `credentials/` are")],
    *,
    registry: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Enterprises of this file, not the database's")
    ] = None,
    keep_enterprises: Annotated[
        bool, typer.Option("--keep-enterprises", help="企业照旧 those that the files have; asks no database")
    ] = False,
    program: Annotated[
        list[str] | None, typer.Option(metavar="USER=FILE", help="A program's broker user and its password's file")
    ] = None,
    renew: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="更换口令 give it a new password and client id")
    ] = None,
    dsn: Dsn = "",
) -> None:
    """写出消息代理的口令与权限文件。Write Mosquitto's password and ACL files from the registry.

    Every enterprise is a user that may publish its own meters only. A new one gets a password of its own, in
    credentials/CODE, and a client id that nobody can guess, in credentials/CODE.client-id; those who have one keep it;
    an enterprise that is gone may no longer connect. Afterwards let Mosquitto read them again: SIGHUP.
    """
    if keep_enterprises:
        codes = enterprises_of(folder)
    else:
        codes = sorted(read_offline(registry).enterprises) if registry else asyncio.run(_enterprises(database_dsn(dsn)))
    for line in write_broker_files(folder, codes, _programs(program or []), renew or []):
        typer.echo(line)


def renew_sessions_command(
    author: Annotated[str, typer.Option("--as", help="操作人 who does it, for the audit log")], *, dsn: Dsn = ""
) -> None:
    """更换采集会话的客户端标识。Give ingest new client ids at the broker, as after its log was seen by others.

    Workers follow within TANFENG_DRAIN_S; each then books what waits in its old session and ends it. Nothing is lost.
    """
    slots = asyncio.run(_renew_sessions(database_dsn(dsn), author))
    typer.echo(f"将更换 to be renewed: {', '.join(map(str, slots)) or '—'}")


def read_secrets(folder: Path) -> dict[str, str]:
    """File names and what is in them, without the line's end.

    Raises:
        TanfengError: A file is empty, or none is there.
    """
    found = {file.name: file.read_text("utf-8").strip() for file in sorted(folder.iterdir()) if file.is_file()}
    empty = [name for name, text in found.items() if not text]
    if empty or not found:
        raise TanfengError(f"{folder / empty[0] if empty else folder} is empty", "put one password in each file")
    return found


def _programs(given: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    wrong = [user for user, _, file in pairs if not user or not Path(file).is_file()]
    if wrong:
        raise TanfengError(f"--program {wrong[0]!r} names no file", "write USER=FILE, the password inside")
    return {user: Path(file).read_text("utf-8").strip() for user, _, file in pairs}


async def _logins(dsn: str, passwords: dict[str, str], author: str) -> list[str]:
    async with visit(dsn, name="tanfeng-access") as con:
        for role, password in passwords.items():
            if role in access.PROGRAMS:
                await access.set_login(con, role, password, author=author)
            else:
                await access.create_tenant(con, role, password, None, author=author)
    return list(passwords)


async def _renew_sessions(dsn: str, author: str) -> list[int]:
    async with visit(dsn, name="tanfeng-access") as con:
        return await sessions.retire(con, author=author)


async def _enterprises(dsn: str) -> list[str]:
    async with visit(dsn, name="tanfeng-access") as con:
        return [row["code"] for row in await con.fetch(SQL["access_enterprises"])]
