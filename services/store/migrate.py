"""Bring a database to this code's schema: migrations once each, views replaced, facts loaded, one at a time."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from importlib.resources import files
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeVar

import asyncpg

from services.errors import TanfengError
from services.store import limits, whole
from services.store.queries import SQL
from services.store.shipped_facts import load_facts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from services.store.pool import Connection

T = TypeVar("T")
LOCKS_S: Final = 300.0
"""How long one script tries to get its locks."""
PAUSE_S: Final = 1.0
HYPERTABLES: Final = (("core.reading", "read_at", 1), ("core.energy_15m", "starts_at", 7))
"""Table, time column and days per chunk, where TimescaleDB is there."""


@dataclass(frozen=True, slots=True)
class Script:
    """One shipped SQL file."""

    name: str
    text: str

    @property
    def digest(self) -> str:
        """The SHA-256 of its text, as recorded when it is applied."""
        return sha256(self.text.encode()).hexdigest()


def scripts(folder: str) -> list[Script]:
    """The SQL files of services/store/<folder>, in order of name."""
    entries = (files("services.store") / folder).iterdir()
    found = (Script(each.name, each.read_text("utf-8")) for each in entries if each.name.endswith(".sql"))
    return sorted(found, key=lambda script: script.name)


async def migrate(
    con: Connection, *, migrations: Sequence[Script] | None = None, objects: Sequence[Script] | None = None
) -> list[str]:
    """Apply what is missing and return its names; nothing to do is an empty list.

    Safe to run at once from several programs: they take turns, script by script. Without TimescaleDB the tables are
    plain.

    Raises:
        TanfengError: The database is newer than this code, an applied migration was changed since, or a restore into
            it died.
    """
    with suppress(asyncpg.UniqueViolationError):  # another program made it at the same moment
        await con.execute(SQL["migrate_ledger"])
    await whole.refuse_half_restored(con)
    done = await _migrations(con, scripts("migrations") if migrations is None else migrations)
    done += await _objects(con, scripts("objects") if objects is None else objects)
    loaded = await _in_turn(con, partial(_finish, con, is_changed=bool(done)))
    return done + ([f"facts ({loaded} rows)"] if loaded else [])


async def _in_turn(con: Connection, change: Callable[[], Awaitable[T]]) -> T:
    """The change in a transaction in which nobody else migrates; whoever only reads what was applied does not wait.

    It waits for no lock for long, for whoever comes behind it would wait as well, and is tried again for five minutes.

    Raises:
        TanfengError: Somebody held its locks all the time.
    """
    deadline = monotonic() + LOCKS_S
    while True:
        try:
            async with con.transaction():
                await con.execute(SQL["migrate_turn"])
                await con.execute(SQL["migrate_wait_briefly"])
                return await change()
        except asyncpg.LockNotAvailableError as problem:
            if monotonic() > deadline:
                raise TanfengError(
                    f"the database's tables stay locked: {problem}",
                    "stop what holds them (pg_stat_activity, pg_locks); `tanfeng migrate` goes on from here",
                ) from problem
        await asyncio.sleep(PAUSE_S)


async def _finish(con: Connection, *, is_changed: bool) -> int:
    loaded = await load_facts(con)
    await con.execute(SQL["migrate_finish"])
    await limits.apply(con)
    if is_changed or not await whole.is_recorded(con):
        await whole.record(con)
    return loaded


async def _migrations(con: Connection, shipped: Sequence[Script]) -> list[str]:
    applied = {row["name"]: row["sha256"] for row in await con.fetch(SQL["migrate_applied"])}
    _refuse_other_history(applied, shipped)
    missing = [script for script in shipped if script.name not in applied]
    if missing and not applied:
        await _extend(con)
    return [script.name for script in missing if await _in_turn(con, partial(_apply, con, script))]


def _refuse_other_history(applied: dict[str, str], shipped: Sequence[Script]) -> None:
    digests = {script.name: script.digest for script in shipped}
    for name, digest in applied.items():
        if name not in digests:
            raise TanfengError(
                f"the database is newer than this code: it has migration {name}",
                "run the version of Tanfeng that migrated it, or a later one",
            )
        if digests[name] != digest:
            raise TanfengError(
                f"migration {name} was changed after it had been applied",
                "restore the file and put the change into a new migration",
            )


async def _extend(con: Connection) -> None:
    """Use TimescaleDB where the server has it; outside a transaction, as its loader wants."""
    if await con.fetchval(SQL["migrate_timescale_available"]):
        with suppress(asyncpg.UniqueViolationError):  # another program made it at the same moment
            await con.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")


async def _apply(con: Connection, script: Script) -> bool:
    """Apply a migration, unless another program has meanwhile."""
    if script.name in {row["name"] for row in await con.fetch(SQL["migrate_applied"])}:
        return False
    await _run(con, script)
    await _partition(con)
    await con.execute(SQL["migrate_record"], script.name, script.digest)
    return True


async def _run(con: Connection, script: Script) -> None:
    try:
        await con.execute(script.text)
    except asyncpg.PostgresError as problem:
        problem.add_note(f"in {script.name}")
        raise


async def _partition(con: Connection) -> None:
    """Turn the tables that grow by time into hypertables, once they exist and TimescaleDB is there."""
    if not await con.fetchval("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')"):
        return
    for table, column, days in HYPERTABLES:
        if await con.fetchval("SELECT to_regclass($1) IS NOT NULL", table):
            await con.execute(SQL["migrate_hypertable"].format(table=table, column=column, days=days))


async def _objects(con: Connection, shipped: Sequence[Script]) -> list[str]:
    """Replace the views, their helpers and the grants; skipped where these very ones are in place."""
    digest = sha256("".join(script.digest for script in shipped).encode()).hexdigest()
    return await _in_turn(con, partial(_replace, con, shipped, digest))


async def _replace(con: Connection, shipped: Sequence[Script], digest: str) -> list[str]:
    if await con.fetchval(SQL["migrate_objects_digest"]) == digest:
        return []
    await _drop_views(con)
    for script in shipped:
        await _run(con, script)
    await con.execute(SQL["migrate_record_objects"], digest)
    return [script.name for script in shipped]


async def _drop_views(con: Connection) -> None:
    """Drop our views together; a view of somebody else's that depends on one is named, not dropped."""
    for drop in [row["drop"] for row in await con.fetch(SQL["migrate_drop_views"])]:
        try:
            await con.execute(drop)
        except asyncpg.DependentObjectsStillExistError as problem:
            raise TanfengError(
                f"views of others depend on report.*: {problem.detail}",
                "drop them, migrate, and create them again",
            ) from problem
