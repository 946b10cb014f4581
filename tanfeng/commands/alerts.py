"""`tanfeng alerts`: what warns now, why, and what became of it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.alerts.acts import acknowledge, history, listed, shown
from services.model import iso
from services.store.visit import visit
from tanfeng.commands.migrate import database_dsn

if TYPE_CHECKING:
    from services.store.pool import Row

Dsn = Annotated[str, typer.Option(help="PostgreSQL; default: TANFENG_DATABASE_DSN")]
Number = Annotated[int, typer.Argument(help="the alert's number")]
Limit = Annotated[int, typer.Option(min=1, help="at most so many")]

_STATES = {"firing": "预警中", "acknowledged": "已确认", "resolved": "已解除"}
_COLOURS = {"red": "红", "yellow": "黄", "blue": "蓝"}
_STEPS = {
    "firing": "发出", "acknowledged": "确认", "resolved": "解除", "withdrawn": "撤回", "revised": "更正",
    "widened": "扩大", "reopened": "再次发出",
}  # fmt: skip


def add(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(no_args_is_help=True, help="预警的查看与确认。Look at warnings, and acknowledge them.")
    for command in (list_command, show, ack, history_command):
        group.command(command.__name__.removesuffix("_command"))(command)
    app.add_typer(group, name="alerts")


def list_command(
    *,
    everything: Annotated[bool, typer.Option("--all", help="the resolved ones too")] = False,
    enterprise: Annotated[str, typer.Option(help="of one enterprise")] = "",
    rule: Annotated[str, typer.Option(help="of one rule")] = "",
    limit: Limit = 100,
    dsn: Dsn = "",
) -> None:
    """列出预警：未解除的在前，严重的在前。List alerts: open ones first, the worst first."""
    rows = asyncio.run(_list(database_dsn(dsn), everything=everything, enterprise=enterprise, rule=rule, limit=limit))
    for row in rows:
        head = [f"#{row['alert_id']}", f"{_COLOURS[row['colour']]} {row['severity']}", *_state(row), row["rule"]]
        typer.echo(f"{' · '.join(head)} · {iso(row['occurred_at'])[:16]}Z")
        typer.echo(f"    {row['summary_zh']}\n    {row['summary_en']}")
    if not rows:
        typer.echo("没有预警 no alerts")


async def _list(dsn: str, *, everything: bool, enterprise: str, rule: str, limit: int) -> list[Row]:
    async with visit(dsn, name="tanfeng-alerts") as con:
        return await listed(con, everything=everything, enterprise=enterprise or None, rule=rule or None, limit=limit)


def _state(row: Row) -> list[str]:
    words = [f"{_STATES[row['state']]} {row['state']}"]
    words += ["历史 historical"] if row["historical"] else []
    words += ["检修静默 silenced"] if row["silenced"] and row["state"] != "resolved" else []
    words += ["撤回 withdrawn"] if row["outcome"] == "withdrawn" else []
    words += [f"by {row['acknowledged_by']}"] if row["state"] == "acknowledged" else []
    return words


def show(number: Number, dsn: Dsn = "") -> None:
    """显示一条预警的依据。Show an alert with its evidence and the version of its rule."""
    row = asyncio.run(_show(database_dsn(dsn), number))
    typer.echo(f"{row['summary_zh']}\n{row['summary_en']}\n")
    for name in ("alert_id", "rule", "subject", "enterprise", "site", "severity", "colour", "state", "historical",
                 "outcome", "value", "limit_value", "unit", "occurred_at", "fired_at", "ended_at", "raised_at",
                 "resolved_at", "acknowledged_at", "acknowledged_by", "silenced", "rule_version", "rule_since",
                 "runbook"):  # fmt: skip
        if row[name] not in {None, ""}:
            typer.echo(f"{name}: {_shown(name, row[name])}")
    for name in ("rule_settings", "evidence", "latest"):
        if row[name] and (value := json.loads(row[name])):
            typer.echo(f"{name}: {json.dumps(value, ensure_ascii=False, indent=2)}")


async def _show(dsn: str, number: int) -> Row:
    async with visit(dsn, name="tanfeng-alerts") as con:
        return await shown(con, number)


def ack(
    number: Number,
    author: Annotated[str, typer.Option("--as", help="who acknowledges it, for the history and the audit log")],
    comment: Annotated[str, typer.Option(help="what is being done about it")],
    dsn: Dsn = "",
) -> None:
    """确认预警：停止重复通知，写明处理情况。Acknowledge an alert: it is no longer repeated; say what is being done."""
    asyncio.run(_ack(database_dsn(dsn), number, author, comment))
    typer.echo(f"已确认 acknowledged: {number}")


async def _ack(dsn: str, number: int, author: str, comment: str) -> None:
    async with visit(dsn, name="tanfeng-alerts") as con, con.transaction():
        await acknowledge(con, number, author=author, comment=comment)


def history_command(
    number: Annotated[int | None, typer.Argument(help="the alert's number; default: all alerts")] = None,
    limit: Limit = 100,
    dsn: Dsn = "",
) -> None:
    """列出预警的经过，含更正前后的数字。List what became of alerts, with old and new figures of revisions."""
    for row in reversed(asyncio.run(_history(database_dsn(dsn), number, limit))):
        who = "" if row["author"] is None else f" {row['author']}：{row['comment']}"
        step = f"{_STEPS.get(row['step'], '')} {row['step']}".strip()
        typer.echo(f"{iso(row['at'])} #{row['alert_id']} {row['rule']} {row['subject']} {step}{who}")
        if row["step"] in {"revised", "withdrawn", "widened"}:
            typer.echo(f"    {row['detail']}")


async def _history(dsn: str, number: int | None, limit: int) -> list[Row]:
    async with visit(dsn, name="tanfeng-alerts") as con:
        return await history(con, number, limit)


def _shown(name: str, value: Any) -> str:  # noqa: ANN401 - any column
    return iso(value) if name.endswith(("_at", "_since")) else str(value)
