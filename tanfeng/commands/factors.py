"""`tanfeng factors`: the emission factors in force, and what an operator adds to them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from services.errors import TanfengError
from services.figures.factors import FactorKey, list_factors, switch_factor
from services.figures.restatement import record_and_compare
from services.store.pool import connect
from tanfeng.commands.migrate import database_dsn
from tanfeng.factor_view import told, years_table

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.figures.restatement import Restatement
    from services.store.pool import Connection

group = typer.Typer(no_args_is_help=True, help="排放因子。Emission factors: list, add, enable, disable.")

Dsn = Annotated[str, typer.Option(help="PostgreSQL; default: TANFENG_DATABASE_DSN")]
Author = Annotated[str, typer.Option("--as", help="操作人 who does it, for the audit log")]
Carrier = Annotated[str, typer.Argument(help="such as electricity")]
Region = Annotated[str, typer.Option(help="such as CN-CQ; CN is the nation")]
Method = Annotated[str, typer.Option(help="such as grid_average, fuel_default")]
DataYear = Annotated[int | None, typer.Option(help="its data year; without: holds for all dates")]


def add(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(group, name="factors")


@group.command("list")
def list_command(carrier: Annotated[str | None, typer.Argument()] = None, dsn: Dsn = "") -> None:
    """列出现行因子。List the current factors, disabled ones too."""
    table = Table(
        "能源 carrier", "地区 region", "方法 method", "年份 year", "kgCO₂/单位 unit", "状态 state", "来源 source"
    )
    for row in asyncio.run(_list(dsn, carrier)):
        state = ("启用 enabled" if row["enabled"] else "停用 disabled") + f" · {row['confidence']}"
        table.add_row(
            f"{row['name_zh']} {row['carrier']}",
            row["region"],
            row["method"],
            str(row["data_year"] or "–"),
            f"{row['kgco2_per_unit']}/{row['unit']}",
            state,
            row["source"],
        )
    Console().print(table)


@group.command("add")
def add_command(
    carrier: Carrier,
    value: Annotated[str, typer.Argument(help="kgCO₂ per unit of the carrier")],
    source: Annotated[str, typer.Option(help="文件 the document it comes from")],
    author: Author,
    region: Region = "CN",
    method: Method = "fuel_default",
    data_year: DataYear = None,
    scope: Annotated[int, typer.Option(min=1, max=3, help="1 direct, 2 purchased energy")] = 1,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Record it, not only show what it would change")] = False,
    confirm_ratio: Annotated[
        bool, typer.Option("--confirm-ratio", help="The value is right though less than half or more than twice")
    ] = False,
    dsn: Dsn = "",
) -> None:
    """显示新因子会改变什么；--yes 才写入。Show what a new factor replaces and restates; --yes records it from now on.

    What was reported before can still be reproduced. A value below half or above twice the one it replaces, or the
    nearest of the carrier, needs --confirm-ratio too: most often a decimal point or a unit is wrong.
    """
    key, kgco2_per_unit = FactorKey(carrier, region, method, data_year), _decimal(value)
    factor = (key, kgco2_per_unit, scope, source, author)
    found = asyncio.run(_add(dsn, *factor, yes=yes, confirm_ratio=confirm_ratio))
    for line in told(key, found):
        typer.echo(line)
    if found.years:
        Console().print(years_table(found.years))
    if found.is_far and not confirm_ratio:
        problem = f"{value} is far from {found.beside.kgco2_per_unit if found.beside else 0}: nothing was recorded"
        raise TanfengError(problem, "check the decimal point and the unit; where it is right add --confirm-ratio")
    typer.echo("已记录。Recorded." if yes else "未写入，加 --yes 写入。Nothing was recorded, --yes does it.")


@group.command("enable")
def enable_command(
    carrier: Carrier, author: Author, region: Region, method: Method, data_year: DataYear = None, dsn: Dsn = ""
) -> None:
    """启用因子。Enable a factor that shipped disabled, from now on."""
    asyncio.run(_switch(dsn, FactorKey(carrier, region, method, data_year), author, enabled=True))
    typer.echo("已启用。Enabled.")


@group.command("disable")
def disable_command(
    carrier: Carrier, author: Author, region: Region, method: Method, data_year: DataYear = None, dsn: Dsn = ""
) -> None:
    """停用因子。Disable a factor from now on; where none is left the figure is unknown."""
    asyncio.run(_switch(dsn, FactorKey(carrier, region, method, data_year), author, enabled=False))
    typer.echo("已停用。Disabled.")


def _decimal(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as problem:
        raise TanfengError(f"{text!r} is no number", "write a decimal such as 0.5581") from problem
    if not value.is_finite() or value < 0:
        raise TanfengError(f"{text} kgCO₂ per unit cannot be", "write a decimal of 0 or more")
    return value


@asynccontextmanager
async def _connection(dsn: str) -> AsyncIterator[Connection]:
    con = await connect(database_dsn(dsn), name="tanfeng-factors")
    try:
        yield con
    finally:
        await con.close()


async def _list(dsn: str, carrier: str | None) -> list[dict[str, Any]]:
    async with _connection(dsn) as con:
        return [dict(row) for row in await list_factors(con, carrier)]


async def _add(
    dsn: str,
    key: FactorKey,
    value: Decimal,
    scope: int,
    source: str,
    author: str,
    *,
    yes: bool,
    confirm_ratio: bool,
) -> Restatement:
    async with _connection(dsn) as con:
        trial = con.transaction(isolation="repeatable_read")  # no reading committed meanwhile seems a restatement
        await trial.start()
        try:
            found = await record_and_compare(con, key, value, scope=scope, source=source, author=author)
        except BaseException:
            await trial.rollback()
            raise
        await (trial.commit() if yes and (confirm_ratio or not found.is_far) else trial.rollback())
        return found


async def _switch(dsn: str, key: FactorKey, author: str, *, enabled: bool) -> None:
    async with _connection(dsn) as con:
        await switch_factor(con, key, enabled=enabled, author=author)
