"""What `tanfeng doctor` asks the database; a question that the database does not answer is told, not raised on."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

import asyncpg

from services.accounting.version import ACCOUNTING_VERSION
from services.store import whole
from services.store.migrate import scripts
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from services.store.pool import Connection, Row
    from services.store.whole import Part

LOOK_S: Final = 86_400
"""How far back failed jobs are told of."""


class NotAnsweredError(Exception):
    """The database refused a question, or took too long."""


class Schema(NamedTuple):
    """Migrations by name and hash: of the database, and of this code."""

    applied: Mapping[str, str]
    shipped: Mapping[str, str]


@contextmanager
def answers() -> Iterator[None]:
    """Any refusal of the server means that the question has no answer.

    Raises:
        NotAnsweredError: With what the server said.
    """
    try:
        yield
    except asyncpg.PostgresError as problem:
        raise NotAnsweredError(f"{type(problem).__name__}: {problem}") from problem


async def be_brief(con: Connection) -> None:
    """Let no question of this connection wait or work for long: the patient is ill."""
    await con.execute("SET statement_timeout = '15s'")


async def server(con: Connection) -> Row:
    """Versions, edition, folder and durability of the server."""
    row = await con.fetchrow(SQL["doctor_server"])
    if row is None:
        raise NotAnsweredError("no row")
    return row


async def clock(con: Connection) -> int:
    """The server's clock, in microseconds."""
    at: int = await con.fetchval(SQL["doctor_clock"])
    return at


async def schema(con: Connection) -> Schema:
    """Which migrations the database has, and which this code ships."""
    shipped = {script.name: script.digest for script in scripts("migrations")}
    if not await con.fetchval(SQL["doctor_schema_there"]):
        return Schema({}, shipped)
    return Schema({row["name"]: row["sha256"] for row in await con.fetch(SQL["migrate_applied"])}, shipped)


async def wholeness(con: Connection) -> tuple[list[str], list[Part]]:
    """Marks of a restore that has not ended, and parts of the schema that are missing."""
    return await whole.restoring(con), await whole.missing(con)


async def books(con: Connection) -> Row:
    """How many registers have books of an older, of a newer and partly of an older accounting rule."""
    return (await con.fetch(SQL["doctor_books"], ACCOUNTING_VERSION))[0]


async def growth(con: Connection, days: int) -> Row | None:
    """Bytes, readings ever stored, and readings of the last days."""
    return await con.fetchrow(SQL["doctor_growth"], days)


async def job_errors(con: Connection, now_us: int) -> list[Row]:
    """Failures of TimescaleDB's jobs within a day that nothing settled; none where there is no TimescaleDB."""
    if not await con.fetchval(SQL["hypertable_offered"]):
        return []
    return await con.fetch(SQL["job_errors"], now_us - LOOK_S * 1_000_000)


async def policies(con: Connection) -> list[Row]:
    """TimescaleDB's own policies on our tables."""
    return await con.fetch(SQL["doctor_policies"]) if await con.fetchval(SQL["hypertable_offered"]) else []
