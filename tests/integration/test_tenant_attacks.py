"""A tenant's login against the product: all connections, locks held behind an open transaction, snapshots kept."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from services.errors import TanfengError
from services.figures import access
from services.store.migrate import Script, migrate, scripts
from services.upkeep.watchdog import end_offenders, watching
from tests.access_world import as_login
from tests.figure_world import Quarter, add_district, add_enterprise, add_register, book, instant
from tests.ingest_rig import command, connection, environment, make_fleet, settings_for, stored, until, worker
from tests.mqtt import publisher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

JAN_1 = instant("2026-01-01T00:00+08:00")
END = "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1"
READ = "SELECT count(*) FROM report.energy_15m"
ADD = Script("9000_add.sql", "ALTER TABLE core.energy_15m ADD COLUMN spare int")
ENDED = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server's last word arrives just as the next query begins
)


@pytest.fixture
async def owner(database: str) -> AsyncIterator[Connection]:
    """The owner, on a database with one enterprise and a quarter-hour."""
    async with connection(database) as con:
        await add_district(con)
        await add_enterprise(con, "steel", "steel-1")
        await book(con, await add_register(con, "steel-1", "main"), [Quarter(JAN_1, 5)])
        yield con


@asynccontextmanager
async def tenants(owner: Connection, number: int) -> AsyncIterator[list[str]]:
    """So many logins of the enterprise, by name; they go when left."""
    names = [access.opaque_name() for _ in range(number)]
    for name in names:
        await access.create_tenant(owner, name, "pw", "steel", author="li")
    try:
        yield names
    finally:
        for name in names:
            await owner.fetch(END, name)
            await owner.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


@asynccontextmanager
async def idle_reader(owner: Connection, dsn: str) -> AsyncIterator[Any]:
    """A tenant's session that read something and left its transaction open, with its own bounds put off."""
    async with tenants(owner, 1) as (name,), connection(as_login(dsn, name, "pw")) as con:
        await con.execute("SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0")
        await con.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        assert await con.fetchval(READ) == 1
        yield con


async def test_a_tenant_that_takes_every_connection_does_not_keep_ingest_away(
    owner: Connection, database: str, mosquitto: str
) -> None:
    """90 tries by each of two logins: each gets its 25 at most, together all that is not kept; ingest comes back."""
    login = "ingest_" + database.rpartition("/")[2]
    await owner.execute(f"CREATE ROLE {login} LOGIN IN ROLE tanfeng_ingest")
    fleet = await make_fleet(owner, 5)
    async with tenants(owner, 2) as names, AsyncExitStack() as held:
        try:
            async with worker(settings_for(database.replace("tanfeng@", f"{login}@"), mosquitto)):
                taken = [await flood(as_login(database, name, "pw"), held) for name in names]
                assert taken[0] == 25
                assert sum(taken) < 180
                with pytest.raises(asyncpg.TooManyConnectionsError):
                    await asyncpg.connect(as_login(database, names[1], "pw"))
                ended = [row["pid"] for row in await owner.fetch(END, login)]
                gone = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = ANY ($1))"
                assert ended
                await until(lambda: owner.fetchval(gone, ended))
                async with publisher(mosquitto) as client:
                    await client.publish(fleet.posts(500))
                await until(lambda: holds(owner, 500))
        finally:
            await held.aclose()
            await owner.fetch(END, login)
            await owner.execute(f"DROP ROLE {login}")


async def flood(dsn: str, held: AsyncExitStack) -> int:
    """Open 90 connections, or as many as there are."""
    for number in range(90):
        try:
            con = await asyncpg.connect(dsn)
        except asyncpg.TooManyConnectionsError:
            return number
        held.callback(con.terminate)
    return 90


async def holds(con: Connection, readings: int) -> bool:
    """Whether so many are stored."""
    return await stored(con) == readings


async def test_an_open_transaction_of_a_tenant_does_not_stop_a_migration(owner: Connection, database: str) -> None:
    """Its session is ended as soon as the migration waits for it, and counted."""
    async with idle_reader(owner, database) as tenant, watching(database):
        began = time.monotonic()
        assert ADD.name in await migrate(owner, migrations=[*scripts("migrations"), ADD])
        assert time.monotonic() - began < 15
        with pytest.raises(ENDED):
            await tenant.fetchval(READ)
        counts = await owner.fetch("SELECT reason, sum(sessions)::int AS n FROM core.ended_session GROUP BY 1")
        assert [tuple(row) for row in counts] == [("blocks", 1)]


async def test_what_comes_behind_a_waiting_migration_waits_for_seconds_only(owner: Connection, database: str) -> None:
    """With nobody who ends the tenant: the migration lets others pass, and is done once the tenant is."""
    async with idle_reader(owner, database) as tenant, connection(database) as other, connection(database) as look:
        changing = asyncio.ensure_future(migrate(owner, migrations=[*scripts("migrations"), ADD]))
        waiting = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'core.energy_15m'::regclass"
        await until(lambda: look.fetchval(waiting))
        began = time.monotonic()
        await other.execute("UPDATE core.energy_15m SET amount = 6")
        assert time.monotonic() - began < 5
        assert not changing.done()
        await tenant.execute("COMMIT")
        assert ADD.name in await changing


async def test_old_transactions_of_tenants_are_ended_and_nobody_else_s(owner: Connection, database: str) -> None:
    """A snapshot keeps dead rows of every table; a session at rest, and any session of ours, is left alone."""
    async with (
        idle_reader(owner, database) as old,
        connection(database) as ours,
        tenants(owner, 1) as (name,),
        connection(as_login(database, name, "pw")) as resting,
    ):
        await ours.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM core.energy_15m")
        ended = await until(lambda: end_offenders(owner, oldest_s=0.2))
        assert [each.reason for each in ended] == ["old"]
        with pytest.raises(ENDED):
            await old.fetchval(READ)
        assert await resting.fetchval(READ) == 1
        assert await ours.fetchval("SELECT count(*) FROM core.energy_15m") == 1
        assert await end_offenders(owner) == []


async def test_the_maintenance_program_watches(owner: Connection, database: str) -> None:
    """`tanfeng maintain` itself: the owner's lock is granted though a tenant's transaction stays open."""
    async with idle_reader(owner, database), connection(database) as other:
        with command("maintain", env=environment(database, "")):
            async with other.transaction():
                await other.execute("LOCK TABLE core.energy_15m IN ACCESS EXCLUSIVE MODE")
        assert await owner.fetchval("SELECT sum(sessions) FROM core.ended_session WHERE reason = 'blocks'") == 1


async def test_a_login_that_sees_no_other_session_says_so(owner: Connection, database: str) -> None:
    """Instead of watching nothing for ever."""
    login = "blind_" + database.rpartition("/")[2]
    await owner.execute(f"CREATE ROLE {login} LOGIN")
    async with connection(as_login(database, login, "")) as blind:
        with pytest.raises(TanfengError, match="cannot watch"):
            await end_offenders(blind)
    await owner.execute(f"DROP ROLE {login}")
