"""A primary with a synchronous standby: killed under load, the standby promoted, ingest follows by its own."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import asyncpg
import pytest

from services.errors import TanfengError
from services.figures import access
from services.store import pool
from services.store.pool import connect
from tanfeng.embedded.ports import free_port
from tanfeng.embedded.postgres import PostgresServer, _run
from tests import servers
from tests.acceptance.test_kill import METERS, booked_messages, complete, has_booked_more, loaded
from tests.access_world import as_login
from tests.figure_world import add_district, add_enterprise, add_register, book, instant, quarters
from tests.ingest_rig import connection, make_fleet, settings_for, stored, until, worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.store.pool import Connection

WRITES = (
    "SELECT pg_advisory_lock(1)",
    "NOTIFY wake",
    "LISTEN wake",
    "SELECT lo_create(0)",
    "CREATE TEMP TABLE t (a int)",
)
SYNCHRONOUS = {"synchronous_commit": "on", "synchronous_standby_names": "standby_1"}


@dataclass(frozen=True)
class Pair:
    """Two servers with the same data; the dsn names both and asks for the one that writes."""

    primary: servers.Postgres
    standby: servers.Postgres
    database: str

    @property
    def dsn(self) -> str:
        """As docs/operations/beyond-one-machine.md has it: hosts in any order."""
        ports = (self.standby.server.port, self.primary.server.port)
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
        return f"postgresql://tanfeng@{hosts}/{self.database}?target_session_attrs=read-write"


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A TimescaleDB primary, and a standby made of it by pg_basebackup that it waits for at each commit."""
    programs = servers.timescale_programs()
    with (
        servers.postgres_server(programs, servers.TIMESCALE) as primary,
        servers.scratch("standby", servers.memory()) as folder,
    ):
        database = primary.make_template()
        with running(copy(primary, folder, programs), folder) as standby:
            for name, value in SYNCHRONOUS.items():
                primary.execute(f"ALTER SYSTEM SET {name} = '{value}'")
            primary.execute("SELECT pg_reload_conf()")
            yield Pair(primary, standby, database)


def copy(primary: servers.Postgres, folder: Path, programs: Path) -> PostgresServer:
    """`pg_basebackup -R`: the primary's files and how to follow it."""
    server = PostgresServer(folder, free_port(), bin_dir=programs, settings={**servers.FAST, **servers.TIMESCALE})
    if identity := primary.server.identity():
        identity.own(folder)
    conninfo = f"host=127.0.0.1 port={primary.server.port} user=tanfeng application_name=standby_1"
    command = (
        str(programs / "pg_basebackup"),
        "-D",
        str(server.data),
        "-d",
        conninfo,
        "-R",
        "-c",
        "fast",
        "-C",
        "-S",
        "standby_1",
    )
    _run(command, primary.server.identity())
    return server


@contextmanager
def running(server: PostgresServer, folder: Path) -> Iterator[servers.Postgres]:
    """The standby, ready when it takes connections that only read."""
    postgres = servers.Postgres(server, folder / "log")
    postgres.start()
    try:
        yield postgres
    finally:
        postgres.end(signal.SIGQUIT)


async def test_the_primary_is_killed_under_load_and_nothing_acknowledged_is_missing(pair: Pair) -> None:
    """Ingest stays up and follows to the promoted standby; every message is there, none twice, the books are right."""
    async with connection(pair.dsn) as con:
        fleet = await make_fleet(con, METERS)
        await until(lambda: con.fetchval("SELECT sync_state = 'sync' FROM pg_stat_replication"))
    with servers.mosquitto_broker() as broker:
        async with worker(settings_for(pair.dsn, broker.url)) as ingest, loaded(broker.url, fleet) as load:
            await until(partial(has_booked_more, ingest, 2000))
            pair.primary.kill()
            acknowledged = int(booked_messages(ingest))
            await until(lambda: not ingest.metrics.database.is_here)
            async with connection(pair.standby.dsn(pair.database)) as con:
                # the test stands for the operator, and for whatever calls pg_promote in production
                assert await con.fetchval("SELECT pg_promote()")
                assert await stored(con) >= acknowledged
            await until(partial(has_booked_more, ingest, booked_messages(ingest) + 2000))
        async with connection(pair.dsn) as con, worker(settings_for(pair.dsn, broker.url)):
            await complete(con, load, (load.acked // METERS + 2) * METERS)


async def test_nothing_is_acknowledged_while_the_standby_does_not_follow(pair: Pair) -> None:
    """Its receiver is stopped: the commit waits for it, and so does the acknowledgement."""
    async with connection(pair.dsn) as con:
        fleet = await make_fleet(con, METERS)
        await until(lambda: con.fetchval("SELECT sync_state = 'sync' FROM pg_stat_replication"))
    with servers.mosquitto_broker() as broker:
        async with worker(settings_for(pair.dsn, broker.url)) as ingest, loaded(broker.url, fleet):
            await until(partial(has_booked_more, ingest, 500))
            async with connection(pair.standby.dsn(pair.database)) as there, connection(pair.dsn) as con:
                receiver = await there.fetchval("SELECT pid FROM pg_stat_wal_receiver")
                os.kill(receiver, signal.SIGSTOP)
                try:
                    await until(lambda: waits(con))
                    booked = booked_messages(ingest)
                    await until(lambda: ingest.inbox.held_messages > 1000)
                    assert booked_messages(ingest) == booked
                finally:
                    os.kill(receiver, signal.SIGCONT)
                await until(partial(has_booked_more, ingest, booked))


async def waits(con: Connection) -> bool:
    """Whether ingest's commit waits for the standby."""
    return bool(
        await con.fetchval(
            "SELECT EXISTS (SELECT FROM pg_stat_activity"
            " WHERE application_name = 'tanfeng-ingest' AND wait_event = 'SyncRep')"
        )
    )


async def test_a_host_that_is_silent_does_not_keep_us_from_the_other(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that hangs accepts and says nothing: the connection goes to the next host, a pool's too."""
    monkeypatch.setattr(pool, "HOST_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hosts = f"127.0.0.1:{silent.getsockname()[1]},127.0.0.1:{pair.primary.server.port}"
        dsn = f"postgresql://tanfeng@{hosts}/{pair.database}?target_session_attrs=read-write"
        async with connection(dsn) as con:
            assert await con.fetchval("SELECT NOT pg_is_in_recovery()")
        opened = await pool.open_pool(dsn, name="test")
        assert await opened.fetchval("SELECT NOT pg_is_in_recovery()")
        await opened.close()


async def test_no_server_that_writes_is_a_plain_error(pair: Pair) -> None:
    """With the primary gone and nobody promoted, a command says so in one line."""
    await asyncio.to_thread(pair.primary.kill)
    with pytest.raises(TanfengError, match="cannot open the database"):
        await connect(pair.dsn, name="test")


@pytest.fixture
def copied(tmp_path: Path) -> Iterator[tuple[servers.Postgres, servers.Postgres, str]]:
    """A primary and the standby that deploy/standby.sh makes of it at its first start; the database's name."""
    programs = servers.timescale_programs()
    with (
        servers.postgres_server(programs, servers.TIMESCALE) as primary,
        servers.scratch("standby", servers.memory()) as folder,
    ):
        database = primary.make_template()
        primary.execute("CREATE ROLE replicator REPLICATION LOGIN PASSWORD 'pw' CONNECTION LIMIT 3")
        server = PostgresServer(folder, free_port(), bin_dir=programs, settings={**servers.FAST, **servers.TIMESCALE})
        password = folder / "password"
        password.write_text("pw\n")
        password.chmod(0o644)
        if identity := primary.server.identity():
            identity.own(folder)
        standby = servers.Postgres(server, tmp_path / "log")
        _program, *arguments = standby.child.command
        environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PGDATA": str(server.data),
            "PGPASSFILE": str(folder / "pgpass"),
            "PRIMARY": f"127.0.0.1:{primary.server.port}",
            "REPLICATOR_PASSWORD_FILE": str(password),
        }
        script = folder / "standby.sh"
        script.write_text((servers.ROOT / "deploy" / "standby.sh").read_text("utf-8"))
        script.chmod(0o755)
        options = ("-c", "hot_standby_feedback=off", "-c", "max_standby_streaming_delay=1s")
        command = ("/bin/sh", str(script), *arguments, *options)
        standby.child = replace(standby.child, command=command, environment=environment)
        standby.start()
        try:
            yield primary, standby, database
        finally:
            standby.end(signal.SIGQUIT)


async def test_strangers_read_a_copy_and_touch_nothing_of_the_primary(
    copied: tuple[servers.Postgres, servers.Postgres, str],
) -> None:
    """Own rows only; no lock, wake-up or write; an open snapshot there hinders neither DDL nor vacuum here."""
    primary, standby, database = copied
    async with connection(primary.dsn(database)) as owner:
        await add_district(owner)
        for enterprise in ("steel", "rival"):
            await add_enterprise(owner, enterprise, f"{enterprise}-1")
            register = await add_register(owner, f"{enterprise}-1", f"{enterprise}-main")
            await book(owner, register, quarters(instant("2026-01-01T00:00+08:00"), 4, 7))
        name = access.opaque_name()
        await access.create_tenant(owner, name, "pw", "steel", author="li")
        reached = await owner.fetchval("SELECT pg_current_wal_lsn()")
        async with connection(standby.dsn(database)) as there:
            await until(lambda: there.fetchval("SELECT pg_last_wal_replay_lsn() >= $1", reached))
        async with connection(as_login(standby.dsn(database), name, "pw")) as tenant:
            assert {row[0] for row in await tenant.fetch("SELECT enterprise FROM report.energy_15m")} == {"steel"}
            for statement in WRITES:
                with pytest.raises(asyncpg.PostgresError):
                    await tenant.execute(statement)
            await tenant.execute("SET statement_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ")
            assert await tenant.fetchval("SELECT count(*) FROM report.energy_15m") == 4
            await owner.execute("UPDATE core.energy_15m SET amount = amount + 1")
            await owner.execute("VACUUM core.enterprise")
            assert await owner.fetchval("SELECT bool_and(backend_xmin IS NULL) FROM pg_stat_replication")
            began = time.monotonic()
            await owner.execute("ALTER TABLE core.energy_15m ADD COLUMN spare int")
            assert time.monotonic() - began < 2
