"""`tanfeng rejected`: what could not be booked, why, what to do, and booking it after the fix."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ingest.worker import limits_of
from services.errors import TanfengError
from services.ledger import rejections
from services.ledger.replay_rejected import replay
from services.model import SECOND_US, iso
from services.settings import Settings
from services.store.visit import visit
from services.wire import REJECTIONS
from tanfeng.commands.migrate import database_dsn
from tanfeng.durations import seconds

if TYPE_CHECKING:
    from services.ledger.replay_rejected import Replayed
    from services.store.pool import Row

_INSTANTS = ("first_at", "last_at", "replayed_at")

Dsn = Annotated[str, typer.Option(help="PostgreSQL; default: TANFENG_DATABASE_DSN")]
Code = Annotated[str | None, typer.Option(help="Only this reason, a code such as unknown_meter")]
Enterprise = Annotated[str | None, typer.Option(help="Only this enterprise's code")]


def add(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(no_args_is_help=True, help="拒收的消息：列出、查看、修复后重放。Rejected messages.")
    group.command("list")(list_command)
    group.command("show")(show_command)
    group.command("replay")(replay_command)
    app.add_typer(group, name="rejected")


def list_command(
    *,
    code: Code = None,
    enterprise: Enterprise = None,
    since: Annotated[float | None, typer.Option(parser=seconds, metavar="SPAN", help="Seen within, as 24h")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Those already replayed too")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the latest first")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON")] = False,
    dsn: Dsn = "",
) -> None:
    """列出拒收记录。List rejections, the latest first, and floods that were counted only."""
    since_us = None if since is None else time.time_ns() // 1000 - int(since * SECOND_US)
    rows, floods = asyncio.run(_list(database_dsn(dsn), code, enterprise, since_us, everything=everything, limit=limit))
    if as_json:
        found = {"rejections": [_plain(row) for row in rows], "floods": [_plain(row) for row in floods]}
        typer.echo(json.dumps(found, ensure_ascii=False, indent=1))
        return
    _print_table(rows, floods)


def show_command(rejection_id: Annotated[int, typer.Argument(help="From the list")], dsn: Dsn = "") -> None:
    """查看一条拒收记录及其处理办法。Show one rejection: what, why, what to do, and its bytes."""
    row = asyncio.run(_get(database_dsn(dsn), rejection_id))
    if row is None:
        raise TanfengError(f"there is no rejection {rejection_id}", "see tanfeng rejected list")
    found = _plain(row)
    payload = row["payload"].decode("utf-8", "backslashreplace")
    for name in ("rejection_id", "code", "detail", "topic", "pointer", "seen_count", *_INSTANTS, "payload_bytes"):
        typer.echo(f"{name:14} {found[name]}")
    text = REJECTIONS[row["code"]]
    typer.echo(f"什么 what      {text.what_zh} · {text.what_en}")
    typer.echo(f"为何 why       {text.why_zh} · {text.why_en}")
    typer.echo(f"办法 fix       {text.fix_zh} · {text.fix_en}")
    typer.echo(payload + (" … (cut)" if row["is_cut"] else ""))


def replay_command(
    author: Annotated[str, typer.Option("--as", help="Who replays, for the audit log")],
    rejection_ids: Annotated[list[int] | None, typer.Argument(help="From the list; or use a filter")] = None,
    *,
    code: Code = None,
    enterprise: Enterprise = None,
    everything: Annotated[bool, typer.Option("--all", help="All that are open")] = False,
    dsn: Dsn = "",
) -> None:
    """修复原因后重放。Book rejected messages after their cause was mended; exit code 1 if any is still rejected."""
    if not (rejection_ids or code or enterprise or everything):
        raise TanfengError("nothing says which rejections", "name ids, or give --code, --enterprise or --all")
    results = asyncio.run(_replay(database_dsn(dsn), rejection_ids, code, enterprise, author))
    for each in results:
        typer.echo(_told(each))
    stands = sum(1 for each in results if each.still)
    typer.echo(f"重放 {len(results)} 条，仍拒收 {stands} 条 | replayed {len(results)}, still rejected {stands}")
    if stands:
        raise typer.Exit(1)


def _told(each: Replayed) -> str:
    if each.still:
        return f"{each.rejection_id}: 仍拒收 still rejected: {each.still}"
    counts = f"accepted {each.accepted}, duplicates {each.duplicates}, held {each.held}"
    return f"{each.rejection_id}: 已入账 booked: {counts}"


def _print_table(rows: list[Row], floods: list[Row]) -> None:
    table = Table("id", "最近 last", "次 n", "原因 code", "说明 what", "主题 topic", "位置 place", "详情 detail")
    for row in rows:
        text = REJECTIONS[row["code"]]
        what = f"{text.what_zh}\n{text.what_en}"
        place = (row["topic"], row["pointer"], row["detail"])
        table.add_row(str(row["rejection_id"]), iso(row["last_at"]), str(row["seen_count"]), row["code"], what, *place)
    console = Console()
    console.print(table, markup=False)
    for row in floods:
        console.print(
            f"{row['enterprise'] or '(未登记 unknown)'}: {row['code']} × {row['seen_count']} 只计数未保存"
            f" counted, not stored; {iso(row['first_at'])} … {iso(row['last_at'])}",
            markup=False,
        )


def _plain(row: Row) -> dict[str, Any]:
    """A row for people and JSON: instants as text, no bytes."""
    found = {name: value for name, value in row.items() if name != "payload"}
    return found | {name: iso(found[name]) for name in _INSTANTS if found.get(name) is not None}


async def _list(
    dsn: str, code: str | None, enterprise: str | None, since_us: int | None, *, everything: bool, limit: int
) -> tuple[list[Row], list[Row]]:
    async with visit(dsn, name="tanfeng-rejected") as con:
        chosen = rejections.Filter(code, enterprise, since_us)
        return await rejections.find(con, chosen, everything=everything, limit=limit), await rejections.floods(
            con, chosen
        )


async def _get(dsn: str, rejection_id: int) -> Row | None:
    async with visit(dsn, name="tanfeng-rejected") as con:
        return await rejections.get(con, rejection_id)


async def _replay(
    dsn: str, ids: list[int] | None, code: str | None, enterprise: str | None, author: str
) -> list[Replayed]:
    async with visit(dsn, name="tanfeng-rejected") as con:
        chosen = ids or await rejections.open_ids(con, code, enterprise)
        return await replay(con, chosen, limits_of(Settings()), author)
