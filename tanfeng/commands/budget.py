"""`tanfeng budget`: budgets from a file, how they stand, and the monthly figures that plants report by hand."""

from __future__ import annotations

import asyncio
import getpass
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from services.budgets.crossings import Crossing, crossings
from services.budgets.entry import enter_budgets, read_file
from services.budgets.manual_figures import put_figure
from services.budgets.outlook import forecast_budgets
from services.budgets.status import BudgetSite, BudgetStatus, budget_sites, budget_statuses
from services.declared.scalars import instant
from services.errors import TanfengError
from services.store.queries import SQL
from services.store.visit import visit
from tanfeng.budget_view import figures_table, list_table, report
from tanfeng.commands.migrate import database_dsn

if TYPE_CHECKING:
    from services.declared.problem import Problem
    from services.store.pool import Connection, Row

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="YAML, such as examples/budgets.yaml")]
Dsn = Annotated[str, typer.Option(help="PostgreSQL; default: TANFENG_DATABASE_DSN")]
Author = Annotated[str, typer.Option("--as", help="操作人 who does it, for the audit log; default: the user")]


def add(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(no_args_is_help=True, help="用能预算：总量与强度。Energy budgets, totals and intensities.")
    group.command("apply")(apply_command)
    group.command("list")(list_command)
    group.command("show")(show_command)
    group.command("figure")(figure_command)
    app.add_typer(group, name="budget")


def apply_command(
    file: File,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Enter them, not only check and print")] = False,
    author: Author = "",
    dsn: Dsn = "",
) -> None:
    """检查预算文件并打印变更；--yes 才写入。Check a file of budgets and print what changes; --yes enters it.

    Doing it again changes nothing. A changed budget becomes a new version; the old one stays with its dates and author.
    """
    lines, problems = asyncio.run(_apply(database_dsn(dsn), file, author or _user(), yes=yes))
    for problem in problems:
        typer.echo(f"{file}:{problem}", err=True)
    if problems:
        raise typer.Exit(2)
    for line in lines:
        typer.echo(line)
    if not lines:
        typer.echo("没有变更。Nothing to change.")
    elif yes:
        typer.echo(f"已写入 {len(lines)} 项。{len(lines)} entered.")
    else:
        typer.echo(f"将变更 {len(lines)} 项，加 --yes 写入。{len(lines)} to enter, --yes does it.")


async def _apply(dsn: str, file: Path, author: str, *, yes: bool) -> tuple[list[str], list[Problem]]:
    async with visit(dsn, name="tanfeng-budget") as con:
        drafts, problems = await read_file(con, _text(file))
        if problems:
            return [], problems
        trial = con.transaction()
        await trial.start()
        try:
            lines = await enter_budgets(con, drafts, author)
        except TanfengError:
            await trial.rollback()
            raise
        await (trial.commit() if yes else trial.rollback())
        return lines, []


def list_command(dsn: Dsn = "") -> None:
    """列出预算、版本和人工填报数。List the budgets in force, and the figures reported by hand."""
    budgets, figures = asyncio.run(_listed(database_dsn(dsn)))
    console = Console()
    console.print(list_table(budgets) if budgets else "没有预算 / no budgets: tanfeng budget apply FILE --yes")
    if figures:
        console.print(figures_table(figures))


async def _listed(dsn: str) -> tuple[list[Row], list[Row]]:
    async with visit(dsn, name="tanfeng-budget") as con:
        return await con.fetch(SQL["budget_list"]), await con.fetch(SQL["figure_list"])


@dataclass(frozen=True, slots=True)
class _Shown:
    """One period of a budget with all that is told of it."""

    status: BudgetStatus
    sites: list[BudgetSite]
    crossings: list[Crossing]


def show_command(
    budget: Annotated[str | None, typer.Argument(help="A budget's code; default: all")] = None,
    *,
    at: Annotated[str, typer.Option(help="The moment, such as 2026-05-01T00:00:00+08:00; default: now")] = "",
    as_of: Annotated[str, typer.Option(help="As it was known at this moment")] = "",
    ended: Annotated[bool, typer.Option("--ended", help="The periods that have ended too")] = False,
    dsn: Dsn = "",
) -> None:
    """显示预算执行情况。Show how budgets stand: actual, plan, forecast, what is needed, and every plant."""
    moments = [instant(text) if text else None for text in (at, as_of)]
    found = asyncio.run(_shown(database_dsn(dsn), budget, moments, ended=ended))
    if not found:
        typer.echo("没有进行中的预算 / no budget runs now; --ended shows those that have ended")
    console = Console(highlight=False)
    for each in found:
        console.print(report(each.status, each.sites, each.crossings))


async def _shown(dsn: str, budget: str | None, moments: list[int | None], *, ended: bool) -> list[_Shown]:
    at, as_of = moments
    async with visit(dsn, name="tanfeng-budget") as con:
        if as_of is None:
            await forecast_budgets(con, await _now(con) if at is None else at)
        statuses = await budget_statuses(con, at, as_of_us=as_of, ended=ended, budget=budget)
        if budget is not None and not statuses and not ended:
            await _require(con, budget)
        return [await _whole(con, status, as_of) for status in statuses]


async def _whole(con: Connection, status: BudgetStatus, as_of: int | None) -> _Shown:
    crossed = [] if as_of is not None else await crossings(con, status.budget_id, since=status.starts_on)
    own = [each for each in crossed if each.starts_on == status.starts_on and each.version_id == status.version_id]
    return _Shown(status, await budget_sites(con, status, as_of_us=as_of), own)


async def _now(con: Connection) -> int:
    return int(await con.fetchval("SELECT now()"))


async def _require(con: Connection, budget: str) -> None:
    if not await con.fetchval("SELECT EXISTS (SELECT FROM core.budget WHERE code = $1)", budget):
        raise TanfengError(f"there is no budget {budget!r}", "see `tanfeng budget list`")


def figure_command(
    site: Annotated[str, typer.Argument(help="A site's code")],
    carrier: Annotated[str, typer.Argument(help="A carrier's code, such as bituminous_coal")],
    month: Annotated[str, typer.Argument(help="YYYY-MM")],
    amount: Annotated[str, typer.Argument(help="A decimal")],
    unit: Annotated[str, typer.Argument(help="Its unit, such as t")],
    *,
    source: Annotated[str, typer.Option(help="出处 where it comes from, such as the monthly statement")],
    author: Author = "",
    dsn: Dsn = "",
) -> None:
    """填报月度数（无表计的用能）。Enter what a plant without a meter used in a month; a new figure supersedes."""
    values = (site, carrier, _month(month), _amount(amount), unit)
    changed = asyncio.run(_put(database_dsn(dsn), values, source, author or _user()))
    typer.echo(
        f"已填报 entered: {site} {carrier} {month} {amount} {unit}" if changed else "没有变更。Nothing to change."
    )


async def _put(dsn: str, values: tuple[str, str, date, Decimal, str], source: str, author: str) -> bool:
    async with visit(dsn, name="tanfeng-budget") as con:
        return await put_figure(con, *values, source=source, author=author)


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise TanfengError(f"{text!r} is no month", "write for example 2026-05") from None


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise TanfengError(f"{text!r} is no number", "write a decimal such as 1250.5")
    return amount


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as problem:
        raise TanfengError(f"{file} is no text: {problem}", "save it as UTF-8") from problem


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under an id without a name
        return "unknown"
