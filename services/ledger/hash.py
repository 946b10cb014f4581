"""One hash of the books: what a restored, promoted or copied database must have in common with its source."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

import asyncpg

from services.errors import TanfengError
from services.store.queries import SQL

if TYPE_CHECKING:
    from services.store.pool import Connection

_BY_MONTH: Final = "(t.register_id, date_trunc('month', t.{at}))::text"
_BY_REGISTER: Final = "t.register_id::text"


class Part(NamedTuple):
    """A table of the books: its key, and what of it is hashed at a time."""

    relation: str
    key: str
    piece: str


PARTS: Final = (
    Part("core.reading", "t.register_id, t.read_at", _BY_MONTH.format(at="read_at")),
    Part("core.energy_15m", "t.register_id, t.starts_at", _BY_MONTH.format(at="starts_at")),
    Part("core.energy_day", "t.register_id, t.day", _BY_REGISTER),
    Part("core.energy_revision", "t.register_id, t.recorded_until, t.width, t.starts_at, t.day, t::text", _BY_REGISTER),
    Part("core.event", "t.register_id, t.kind, t.read_at", _BY_REGISTER),
    Part("core.doubt", "t.register_id, t.read_at", _BY_REGISTER),
    Part("core.register_state", "t.register_id", _BY_REGISTER),
    Part("core.act", "t.act_id", "'acts'"),
)
"""Readings, ledger, days, revisions, events, doubts, states and declared acts; what can be derived is left out."""


class Hashed(NamedTuple):
    """One table, or with relation `total` all of them."""

    relation: str
    rows: int
    digest: str


async def ledger_hash(con: Connection, snapshot: str = "") -> list[Hashed]:
    """Rows and SHA-256 of each table, and of these lines together at the end, in one snapshot.

    The order of the pieces is that of their text in the C collation, so that it does not depend on the server's locale.

    Args:
        con: A connection whose time zone is UTC, as all of the store's are.
        snapshot: The exported snapshot of another session (`pg_export_snapshot()`) to look through.

    Raises:
        TanfengError: There is no such snapshot.
    """
    enter = await con.fetchval("SELECT format('SET TRANSACTION SNAPSHOT %L', $1::text)", snapshot)
    async with con.transaction(isolation="repeatable_read", readonly=True):
        if snapshot:
            await _enter(con, enter)
        await con.execute("SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL intervalstyle = 'postgres'")
        found = [await _table(con, part) for part in PARTS]
    whole = sha256("".join(f"{each.relation} {each.rows} {each.digest}\n" for each in found).encode()).hexdigest()
    return [*found, Hashed("total", sum(each.rows for each in found), whole)]


async def _table(con: Connection, part: Part) -> Hashed:
    digest, rows = sha256(), 0
    query = SQL["hash_pieces"].format(relation=part.relation, key=part.key, piece=f'{part.piece} COLLATE "C"')
    async for piece in con.cursor(query, prefetch=1000):
        digest.update(piece["digest"])
        rows += piece["rows"]
    return Hashed(part.relation, rows, digest.hexdigest())


async def _enter(con: Connection, enter: str) -> None:
    try:
        await con.execute(enter)  # the first statement of the transaction
    except asyncpg.PostgresError as problem:
        raise TanfengError(f"{enter}: {problem}", "its session must still be open") from problem
