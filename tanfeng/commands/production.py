"""`tanfeng production`: what plants produced, as declared, and energy per unit of it against the limits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from services.budgets.production import Limit, add_production, list_limits, list_production, put_limit
from services.declared import scalars
from services.store.visit import visit
from tanfeng.commands.migrate import database_dsn

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from services.store.pool import Row

Dsn = Annotated[str, typer.Option(help="PostgreSQL; default: TANFENG_DATABASE_DSN")]
Author = Annotated[str, typer.Option("--as", help="操作人 who declares it, for the audit log")]
Product = Annotated[str, typer.Argument(help="such as eaf_steel; `tanfeng production limits` lists those with limits")]
GRADES = {"1": "1 级 grade 1", "2": "2 级 grade 2", "3": "3 级 grade 3", "above": "超限额 above the limit"}


def add(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(no_args_is_help=True, help="产量与单位产品能耗。Production, and energy per unit of it.")
    group.command("add")(add_command)
    group.command("list")(list_command)
    group.command("limits")(limits_command)
    group.command("limit")(limit_command)
    app.add_typer(group, name="production")


def add_command(
    site: Annotated[str, typer.Argument(help="the site's code")],
    month: Annotated[str, typer.Argument(help="such as 2026-01")],
    product: Product,
    amount: Annotated[str, typer.Argument(help="a decimal, not below zero")],
    author: Author,
    unit: Annotated[str, typer.Option(help="t, 件, 万元, …")] = "t",
    dsn: Dsn = "",
) -> None:
    """申报产量；重报即更正，原值留存。Declare a month's production; declaring again corrects it."""
    exact = scalars.not_negative(amount)
    changed = asyncio.run(_add(database_dsn(dsn), site, scalars.day(f"{month}-01"), product, exact, unit, author))
    typer.echo("已记录。Recorded." if changed else "没有变更。Nothing to change.")


async def _add(dsn: str, site: str, month: date, product: str, amount: Decimal, unit: str, author: str) -> bool:
    async with visit(dsn, name="tanfeng-production") as con:
        return await add_production(con, site, month, product, amount, unit, author=author)


def list_command(site: Annotated[str | None, typer.Argument(help="only this site")] = None, dsn: Dsn = "") -> None:
    """列出产量、单位产品综合能耗与等级。List production with energy per unit and its grade."""
    rows = asyncio.run(_list(database_dsn(dsn), site))
    table = Table("月份 month", "场所 site", "产品 product", "产量 amount", "kgce/单位 unit", "等级 grade", "申报人 by")
    for row in rows:
        amount = f"{row['amount']} {row['unit']}"
        per_unit = (
            str(row["kgce_per_unit"]) if row["state"] == "known" else f"未知 unknown: {row['why'] or 'no energy'}"
        )
        product = row["product"] if row["product_zh"] == row["product"] else f"{row['product_zh']} {row['product']}"
        table.add_row(f"{row['month']:%Y-%m}", row["site"], product, amount, per_unit, _grade(row), row["author"])
    Console().print(table if rows else "没有产量记录。No production declared.")


def _grade(row: Row) -> str:
    if row["grade"] is None:
        return "–"
    return f"{GRADES[row['grade']]} ({row['limit_confidence']})"


async def _list(dsn: str, site: str | None) -> list[Row]:
    async with visit(dsn, name="tanfeng-production") as con:
        return await list_production(con, site)


def limits_command(dsn: Dsn = "") -> None:
    """列出单位产品能耗限额及其来源。List the limits per product with their source and confidence."""
    table = Table("产品 product", "单位 unit", "1 级", "2 级", "3 级", "来源 source", "可信度 confidence")
    for row in asyncio.run(_limits(database_dsn(dsn))):
        grades = [str(row[f"grade_{number}"]) for number in (1, 2, 3)]
        name = f"{row['name_zh']} {row['name_en']} ({row['product']})"
        table.add_row(name, f"kgce/{row['unit']}", *grades, row["source"], row["confidence"])
    Console().print(table)


async def _limits(dsn: str) -> list[Row]:
    async with visit(dsn, name="tanfeng-production") as con:
        return await list_limits(con)


def limit_command(
    product: Product,
    grade_1: Annotated[str, typer.Option(help="kgce per unit; may be negative")],
    grade_2: Annotated[str, typer.Option()],
    grade_3: Annotated[str, typer.Option(help="the limit of existing plants")],
    source: Annotated[str, typer.Option(help="文件 the document it comes from")],
    author: Author,
    name_zh: Annotated[str, typer.Option()] = "",
    name_en: Annotated[str, typer.Option()] = "",
    unit: Annotated[str, typer.Option()] = "t",
    dsn: Dsn = "",
) -> None:
    """登记或更正限额。Record a product's limits from now on."""
    grades = (scalars.decimal(grade_1), scalars.decimal(grade_2), scalars.decimal(grade_3))
    limit = Limit(product, unit, name_zh or product, name_en or product, grades, source)
    asyncio.run(_put(database_dsn(dsn), limit, author))
    typer.echo("已记录。Recorded.")


async def _put(dsn: str, limit: Limit, author: str) -> None:
    async with visit(dsn, name="tanfeng-production") as con:
        await put_limit(con, limit, author=author)
