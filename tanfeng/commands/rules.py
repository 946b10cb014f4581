"""`tanfeng rules`: check a file of rules, set it, and see which version held when."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from services.alerts.catalogue import RULES
from services.alerts.file import read_rules, shipped
from services.alerts.rule_versions import add_missing, rule_history, rules_in_force, set_rules
from services.errors import TanfengError
from services.model import iso
from services.store.pool import INFINITY
from services.store.visit import visit
from tanfeng.commands.migrate import database_dsn

if TYPE_CHECKING:
    from services.alerts.rule import RuleVersion

Dsn = Annotated[str, typer.Option(help="PostgreSQL; default: TANFENG_DATABASE_DSN")]
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="YAML file of rules")]


def add(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(no_args_is_help=True, help="预警规则与阈值。The rules that warn, and their thresholds.")
    for command in (check, apply, show, history, default):
        group.command(command.__name__)(command)
    app.add_typer(group, name="rules")


def check(file: File) -> None:
    """检查规则文件，不写入。Check a file of rules; writes nothing. Exits with 2 if something is wrong."""
    versions = _read(file)
    enabled = sum(version.enabled for version in versions.values())
    typer.echo(f"规则文件无误 the file is sound: {enabled} / {len(versions)} 条启用 rules enabled")


def apply(
    file: File, author: Annotated[str, typer.Option("--as", help="who sets them, for the audit log")], dsn: Dsn = ""
) -> None:
    """写入规则；有改动的记为新版本。Set the rules of a file; what differs becomes a new dated version."""
    wanted = {name: version.settings for name, version in _read(file).items()}
    changed = asyncio.run(_apply(database_dsn(dsn), wanted, author))
    typer.echo(f"已更新 changed: {', '.join(changed)}" if changed else "没有改动 nothing changed")


def show(dsn: Dsn = "") -> None:
    """列出现行规则。List the rules in force."""
    asyncio.run(_show(database_dsn(dsn)))


def history(rule: Annotated[str, typer.Argument(help="a rule's name; default: all")] = "", dsn: Dsn = "") -> None:
    """列出规则的各个版本。List the versions of a rule."""
    asyncio.run(_history(database_dsn(dsn), rule or None))


def default() -> None:
    """输出随附的规则文件，供修改。Print the shipped file of rules, to start from."""
    typer.echo(shipped(), nl=False)


def _read(file: Path) -> dict[str, RuleVersion]:
    versions, problems = read_rules(file.read_text("utf-8"))
    if problems:
        lines = "\n".join(f"  {file}:{each.line}: {each.what} — {each.fix}" for each in problems)
        raise TanfengError(f"规则文件有 {len(problems)} 处错误 problems in the rules file:\n{lines}")
    return versions


async def _apply(dsn: str, wanted: dict[str, dict[str, Any]], author: str) -> list[str]:
    async with visit(dsn, name="tanfeng-rules") as con:
        defaults = {name: version.settings for name, version in read_rules(shipped())[0].items()}
        await add_missing(con, defaults)
        return await set_rules(con, wanted, author)


async def _show(dsn: str) -> None:
    async with visit(dsn, name="tanfeng-rules") as con:
        stored = await rules_in_force(con)
    table = Table(title="现行规则 / rules in force")
    for heading in ("规则 / rule", "名称 / title", "版本 / version", "自 / since", "设置 / settings"):
        table.add_column(heading)
    for name, rule in RULES.items():
        if (each := stored.get(name)) is not None:
            title = f"{rule.title_zh}\n{rule.title_en}"
            table.add_row(name, title, str(each.version), iso(each.since)[:16], _settings(each.settings))
    Console().print(table if stored else "尚未评估过，将采用随附规则 / never evaluated: the shipped rules will hold")


async def _history(dsn: str, rule: str | None) -> None:
    async with visit(dsn, name="tanfeng-rules") as con:
        rows = await rule_history(con, rule)
    for row in rows:
        until = "" if row["recorded_until"] == INFINITY else f" … {iso(row['recorded_until'])}"
        words = _settings(json.loads(row["settings"]))
        typer.echo(f"{row['rule']} v{row['version']} {iso(row['recorded_at'])}{until} {row['author']}: {words}")


def _settings(settings: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in settings.items())
