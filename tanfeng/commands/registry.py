"""`tanfeng registry`: who is watched, from a file that is planned, checked and applied."""

from __future__ import annotations

import asyncio
import getpass
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.tree import Tree

from services.registry.apply import apply_plan
from services.registry.content import load_content, plan_file
from services.registry.offline import registry_text
from services.store.visit import visit
from tanfeng.commands.migrate import database_dsn

if TYPE_CHECKING:
    from services.declared.problem import Problem
    from services.registry.models import Content, MeterKey, Register
    from services.registry.plan import Plan

Dsn = Annotated[str, typer.Option(help="PostgreSQL; default: TANFENG_DATABASE_DSN")]
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="YAML, or .csv for registers in bulk")]


def add(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(no_args_is_help=True, help="台账：企业、场所、表计、寄存器。The registry of who is watched.")
    group.command("apply")(apply_command)
    group.command("show")(show_command)
    app.add_typer(group, name="registry")


def apply_command(
    file: File,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Apply the plan, not only print it")] = False,
    author: Annotated[str, typer.Option("--as", help="操作人 who does it, for the audit log; default: the user")] = "",
    dsn: Dsn = "",
) -> None:
    """打印台账变更计划；--yes 才写入。Print what a registry file would change; --yes applies it.

    Doing it again changes nothing. A wrong file gets one error per line and changes nothing. What a file does not
    name is left as it is.
    """
    plan, problems = asyncio.run(_apply(database_dsn(dsn), file, author or _user(), yes=yes))
    for problem in problems:
        typer.echo(f"{file}:{problem}", err=True)
    if any(not problem.is_warning for problem in problems):
        raise typer.Exit(2)
    for line in plan.words:
        typer.echo(line)
    if plan.is_empty:
        typer.echo("没有变更。Nothing to change.")
    elif yes:
        typer.echo(f"已写入 {len(plan.words)} 项变更。{len(plan.words)} changes applied.")
    else:
        typer.echo(
            f"计划 {len(plan.words)} 项变更，加 --yes 写入。{len(plan.words)} changes planned, --yes applies them."
        )


def show_command(
    enterprise: Annotated[str | None, typer.Option(help="Only this enterprise's code")] = None, dsn: Dsn = ""
) -> None:
    """查看现行台账。Show the registry as it is now."""
    content = asyncio.run(_load(database_dsn(dsn)))
    Console(highlight=False).print(_tree(content, enterprise))


async def _apply(dsn: str, file: Path, author: str, *, yes: bool) -> tuple[Plan, list[Problem]]:
    async with visit(dsn, name="tanfeng-registry") as con:
        plan, problems = await plan_file(con, registry_text(file), is_csv=file.suffix.lower() == ".csv")
        if yes and all(problem.is_warning for problem in problems):
            await apply_plan(con, plan, author)
        return plan, problems


async def _load(dsn: str) -> Content:
    async with visit(dsn, name="tanfeng-registry") as con:
        return await load_content(con)


def _tree(content: Content, enterprise: str | None) -> Tree:
    names = ", ".join(f"{each.name_zh} {each.name_en}" for each in content.districts.values())
    root = Tree(f"{names or '空 empty'} (version {content.version})")
    registers: dict[MeterKey, list[Register]] = defaultdict(list)
    for register in content.registers.values():
        registers[register.enterprise, register.meter].append(register)
    branches = {
        each.code: root.add(f"{each.code} {each.name_zh} {each.name_en} ({each.industry})")
        for each in content.enterprises.values()
        if enterprise in {None, each.code}
    }
    for meter in content.meters.values():
        if meter.enterprise in branches:
            place = meter.placements[-1]
            node = branches[meter.enterprise].add(f"{meter.code} {meter.name_zh} ({place.site}, level {place.level})")
            for register in registers[meter.key]:
                node.add(_line(register))
    return root


def _line(register: Register) -> str:
    policy = register.policies[-1]
    rate = "unknown" if policy.max_rate is None else f"{policy.max_rate} {register.unit}/h"
    times = "" if register.multiplier == 1 else f" ×{register.multiplier}"
    what = register.carrier or register.quantity
    acts = f", {len(register.acts)} acts" if register.acts else ""
    return f"{register.code}: {what} {register.direction} {register.kind} {register.unit}{times}, ≤ {rate}{acts}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under an id without a name
        return "unknown"
