"""`tanfeng held`: what waits for a decision, what each explanation would book, and deciding by declaring an act."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from services.accounting.policy import PLAIN_KINDS, Act
from services.errors import TanfengError
from services.ledger.acts import declare, withdraw
from services.ledger.held import explain, find_register, held_readings, held_registers, multiplier_of, zone_of
from services.ledger.steps import larger_steps
from services.model import ActKind, iso
from services.store.pool import INFINITY, connect
from services.store.queries import SQL
from services.wire.outcome import RefusedError
from services.wire.times import iso_time
from tanfeng.commands.migrate import database_dsn
from tanfeng.held_view import list_table, readings_table, runs_view, stretch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

_FACTS = {
    "final": "final",
    "start": "start",
    "value": "value",
    "reading": "表显 reading (display, before the multiplier)",
}
Dsn = Annotated[str, typer.Option(help="PostgreSQL; default: TANFENG_DATABASE_DSN")]
Name = Annotated[str, typer.Argument(help="enterprise/meter/register")]
Author = Annotated[str, typer.Option("--as", help="who decides, for the audit log")]


def add(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(no_args_is_help=True, help="存疑读数的查看与裁定。Look at what is held, and decide it.")
    for command in (list_command, show, decide, acts, withdraw_command):
        group.command(command.__name__.removesuffix("_command"))(command)
    app.add_typer(group, name="held")


@asynccontextmanager
async def _database(dsn: str) -> AsyncIterator[Connection]:
    con = await connect(database_dsn(dsn), name="tanfeng-held")
    try:
        yield con
    finally:
        await con.close()


def list_command(dsn: Dsn = "") -> None:
    """列出待判定的寄存器。List the registers with held runs."""
    asyncio.run(_list(dsn))


async def _list(dsn: str) -> None:
    async with _database(dsn) as con:
        found = await held_registers(con)
    Console().print(list_table(found) if found else "没有待判定的读数 / nothing is held")


def show(register: Name, dsn: Dsn = "") -> None:
    """显示存疑读数、上限和各种解释的入账结果。Show the run, the bound, and what each explanation would book."""
    asyncio.run(_show(register, dsn))


async def _show(register: str, dsn: str) -> None:
    async with _database(dsn) as con:
        found = await held_registers(con, await find_register(con, register))
        if not found:
            raise TanfengError(f"nothing is held at {register}", "see `tanfeng held list`")
        held = found[0]
        console = Console()
        console.print(
            stretch(held, await multiplier_of(con, held), await zone_of(con, held.register_id)), highlight=False
        )
        console.print(*([runs_view(held, await explain(con, held))] if held.runs else []))
        if held.kind in PLAIN_KINDS:
            console.print(readings_table(await held_readings(con, held), held))
        for each in await larger_steps(con, [held.register_id]):
            typer.echo(
                f"步长 / steps: 实际 moves in {each.step:f} {each.unit}, 登记 declared {each.resolution:f}; "
                f"改为 declare resolution: {each.step:f}"
            )


def decide(
    register: Name,
    kind: Annotated[ActKind, typer.Argument(help="the act that is true")],
    at: Annotated[
        str,
        typer.Option(
            help="when it happened; the start of what to ignore; the reading to correct. No zone: that of the site"
        ),
    ],
    author: Author,
    reason: Annotated[str, typer.Option(help="why, for the audit log")],
    until: Annotated[str, typer.Option(help="ignore: the end, not included")] = "",
    final: Annotated[str, typer.Option(help="replacement: the old meter's last value")] = "",
    start: Annotated[str, typer.Option(help="replacement: the new meter's first value")] = "",
    value: Annotated[str, typer.Option(help="multiplier: the new one; correction: the right value")] = "",
    reading: Annotated[
        str, typer.Option(help="multiplier: what the meter's own display showed at that moment, before any multiplier")
    ] = "",
    dsn: Dsn = "",
) -> None:
    """申明一个事实（换表、归零、变比、忽略、更正、属实），账目随之重算。Declare an act; the books follow."""
    numbers = {
        "final": _number("--final", final),
        "start": _number("--start", start),
        "value": _number("--value", value),
        "reading": _number("--reading", reading),
    }
    number = asyncio.run(_decide(dsn, register, (kind, at, until), numbers, author, reason))
    typer.echo(f"已申明第 {number} 号 / declared as act {number}; 撤销 / undo: tanfeng held withdraw {number}")


async def _decide(
    dsn: str,
    register: str,
    what: tuple[ActKind, str, str],
    numbers: dict[str, Decimal | None],
    author: str,
    reason: str,
) -> int:
    kind, at, until = what
    async with _database(dsn) as con, con.transaction():
        register_id = await find_register(con, register)
        zone = await zone_of(con, register_id)
        ends_at = _instant("--until", until, zone) if until else None
        act = Act(kind, _instant("--at", at, zone), until=ends_at, **numbers)
        return await declare(con, register_id, act, author=author, reason=reason)


def acts(register: Name, dsn: Dsn = "") -> None:
    """列出一个寄存器的申明。List a register's acts, the withdrawn ones too."""
    asyncio.run(_acts(register, dsn))


async def _acts(register: str, dsn: str) -> None:
    async with _database(dsn) as con:
        rows = await con.fetch(SQL["acts_of"], await find_register(con, register))
    for row in rows:
        facts = " ".join(f"{word} {row[key]}" for key, word in _FACTS.items() if row[key] is not None)
        gone = "" if row["recorded_until"] == INFINITY else f" — 已撤销 / withdrawn by {row['withdrawn_by']}"
        typer.echo(f"{row['act_id']} {row['kind']} {iso(row['at'])} {facts} · {row['author']}: {row['reason']}{gone}")


def withdraw_command(
    act: Annotated[int, typer.Argument(help="the act's number")], author: Author, dsn: Dsn = ""
) -> None:
    """撤销一个申明，账目随之重算。Withdraw an act; the books follow."""
    asyncio.run(_withdraw(dsn, act, author))
    typer.echo(f"已撤销 / withdrawn: {act}")


async def _withdraw(dsn: str, act: int, author: str) -> None:
    async with _database(dsn) as con, con.transaction():
        await withdraw(con, act, author=author)


def _instant(option: str, text: str, zone: str) -> int:
    """An instant; without a zone it is the site's."""
    try:
        return iso_time(text, zone)
    except RefusedError as refusal:
        fix = f"write 2026-01-01T13:30:00+08:00, or '2026-01-01 13:30' in the site's zone {zone}"
        raise TanfengError(f"{option} {refusal.detail} is no instant", fix) from None


def _number(option: str, text: str) -> Decimal | None:
    if not text:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise TanfengError(f"{option} {text!r} is no number", "write a decimal such as 516200")
    return number
