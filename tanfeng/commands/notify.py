"""`tanfeng notify`: are the targets sound, what waits for them, does one answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from services.errors import TanfengError
from services.model import iso
from services.notify import outbox
from services.notify.channel import AppriseChannel, DeliveryError, address_problem
from services.notify.config import MQTT, Config, load
from services.settings import Settings
from services.store.visit import visit
from tanfeng.commands.migrate import database_dsn

if TYPE_CHECKING:
    from services.store.pool import Row

_TEST = {
    "kind": "firing", "outcome": None, "severity": "notice", "rule": "Test", "alert_id": 0, "ended_at": None,
    "summary_zh": "这是一条测试消息，无须处理", "summary_en": "This is a test, nothing is to be done",
    "occurred_at": "—", "runbook": "docs/runbooks",
}  # fmt: skip


def add(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(no_args_is_help=True, help="预警通知的目标与发件箱。Targets and outbox of notifications.")
    for command in (check, waiting, test):
        group.command(command.__name__)(command)
    app.add_typer(group, name="notify")


def check() -> None:
    """检查 TANFENG_NOTIFY_FILE 与各地址文件；不发送。Check the file of targets and their addresses; sends nothing."""
    config = load(Settings())
    problems = _problems(config)
    for name, target in config.targets.items():
        typer.echo(f"{name} ({target.kind}): {problems.get(name) or '可用 sound'}")
    for route in config.routes:
        severities = ", ".join(sorted(route.severities))
        enterprises = "全部 all" if route.enterprises is None else ", ".join(sorted(route.enterprises))
        typer.echo(
            f"→ {', '.join(route.targets)}: {severities}; {enterprises}; repeat {route.repeat_us // 1_000_000} s"
        )
    if problems:
        raise TanfengError(f"{len(problems)} targets are not sound", "correct the files their address_file names")


def _problems(config: Config) -> dict[str, str]:
    found = {name: address_problem(each) for name, each in config.targets.items() if each.kind != MQTT}
    return {name: problem for name, problem in found.items() if problem}


def waiting(dsn: Annotated[str, typer.Option(help="PostgreSQL; default: TANFENG_DATABASE_DSN")] = "") -> None:
    """列出待发的通知。List what waits to be sent, by target, with the last problem."""
    rows = asyncio.run(_waiting(database_dsn(dsn)))
    for row in rows:
        problem = f" — {row['problem']}" if row["problem"] else ""
        typer.echo(f"{row['target']}: {row['waiting']} 条待发 waiting, 自 since {iso(row['since'])}{problem}")
    if not rows:
        typer.echo("没有待发的通知 nothing waits")


async def _waiting(dsn: str) -> list[Row]:
    async with visit(dsn, name="tanfeng-notify") as con:
        return await outbox.waiting(con)


def test(target: Annotated[str, typer.Argument(help="the target's name")]) -> None:
    """向一个目标发一条测试消息。Send a test message to one target."""
    config = load(Settings())
    found = config.targets.get(target)
    if found is None or found.kind == MQTT:
        raise TanfengError(f"there is no target {target!r} with an address", f"use one of {', '.join(config.targets)}")
    try:
        asyncio.run(AppriseChannel(found, config.allowed).send(_TEST))
    except DeliveryError as problem:
        raise TanfengError(f"{target}: {problem}", "correct its address file, or allow_private") from None
    typer.echo(f"已送达 delivered to {target}")
