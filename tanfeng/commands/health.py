"""`tanfeng health`: whether a program beside us does its work; what a container's health check asks."""

from __future__ import annotations

import asyncio
import time
from enum import StrEnum
from typing import Annotated, Final

import typer

from services.errors import TanfengError
from services.settings import Settings
from services.store.queries import SQL
from services.store.visit import visit
from tanfeng.embedded import ports

EVALUATE_S: Final = 60
"""The evaluator looks at its quickest rule every few seconds."""


class Part(StrEnum):
    """A program."""

    INGEST = "ingest"
    API = "api"
    EVALUATE = "evaluate"


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command("health")(health)


def health(part: Annotated[Part, typer.Argument(help="which program, on this machine")]) -> None:
    """检查某个服务是否正常，异常时退出码为 1。Exit 0 if the program does its work, else 1 and say why."""
    settings = Settings()
    if part is Part.EVALUATE:
        asyncio.run(_evaluate(settings.database_dsn.get_secret_value()))
    else:
        port = settings.ingest_port if part is Part.INGEST else settings.api_port
        if not ports.healthy(port):
            raise TanfengError(f"{part} does not answer well on port {port}", "see its log")
    typer.echo(f"正常 well: {part}")


async def _evaluate(dsn: str) -> None:
    async with visit(dsn, name="tanfeng-health") as con:
        at = await con.fetchval(SQL["evaluation_newest"])
    age = None if at is None else time.time() - at / 1_000_000
    if age is None or age > EVALUATE_S:
        raise TanfengError(
            f"the evaluator has not looked for {'ever' if age is None else f'{age:.0f} s'}", "see the log of evaluate"
        )
