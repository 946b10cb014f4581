"""Whether the schema is whole: constraints, indexes, triggers and rights are what they were when migration last ended.

A restore writes them last. One that died, or that left the rights out, has every table and every row, calls every
migration applied, and keeps nothing of what it promises.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from services.errors import TanfengError
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.store.pool import Connection

FIX: Final = "drop this database and restore into a new one with scripts/restore (docs/operations/backup.md)"
SHOWN: Final = 3
_MANY: Final = {"closed": "revoked rights of everybody", "index": "indexes"}


class Part(NamedTuple):
    """A part of the schema: what it is, and its name."""

    kind: str
    name: str


async def restoring(con: Connection) -> list[str]:
    """The settings by which a restore marks the database until it has ended; none where there is no restore."""
    return [row["name"] for row in await con.fetch(SQL["schema_restoring"])]


async def missing(con: Connection) -> list[Part]:
    """Parts that the schema had when migration last ended and that are not there, or do not work; none before that."""
    if not await con.fetchval(SQL["schema_recorded_there"]):
        return []
    recorded = {Part(*row) for row in await con.fetch(SQL["schema_recorded"])}
    return sorted(recorded - await _present(con)) if recorded else []


async def record(con: Connection) -> None:
    """Remember what the schema is made of now, in the caller's transaction."""
    parts = sorted(await _present(con))
    await con.execute(SQL["schema_forget"])
    await con.execute(SQL["schema_record"], [each.kind for each in parts], [each.name for each in parts])


async def is_recorded(con: Connection) -> bool:
    """Whether anything is remembered."""
    return bool(await con.fetch(SQL["schema_recorded"]))


async def refuse_half_restored(con: Connection) -> None:
    """See that the database is no half of a restore.

    Raises:
        TanfengError: It is marked as one, or lacks what its own record names.
    """
    if marks := await restoring(con):
        raise TanfengError(f"a restore into this database has not ended ({', '.join(marks)} is on)", FIX)
    if await con.fetchval(SQL["schema_without_record"]):
        raise TanfengError("the database has tables, and no migration is recorded: a restore died", FIX)
    if parts := await missing(con):
        raise TanfengError(f"the schema is not whole, as after a restore that died: {told(parts)} missing", FIX)


def told(parts: Iterable[Part]) -> str:
    """How many of each kind, and some of them by name."""
    parts = list(parts)
    numbers = sorted(Counter(each.kind for each in parts).items())
    counts = ", ".join(f"{number} {_MANY.get(kind, f'{kind}s')}" for kind, number in numbers)
    names = ", ".join(each.name for each in parts[:SHOWN])
    return f"{counts} ({names}{', …' if len(parts) > SHOWN else ''})"


async def _present(con: Connection) -> set[Part]:
    return {Part(*row) for row in await con.fetch(SQL["schema_present"])}
