"""Connections that stay open and carry nothing: every program finds out, and follows to a new one."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from services.alerts import loop
from services.alerts.loop import Evaluator
from services.errors import TanfengError
from services.figures import reader
from services.figures.reader import UnavailableError, open_reader
from services.ledger import intake
from services.store import bounded, pool
from services.store.bounded import BoundedConnection
from services.store.pool import connect
from services.store.visit import visit
from tests import servers
from tests.ingest_rig import connection, energy, make_fleet, rejected, settings_for, stored, until, worker
from tests.mqtt import publish
from tests.proxy import Proxy, proxied

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from services.store.pool import Connection

SHIPPED_S = intake.STATEMENT_S + bounded.MARGIN_S + pool.HOST_S + 2 * intake.RECLAIM_S
GATE = 4711
"""The advisory lock that a test holds to stop ingest in the middle of its transaction."""


@pytest.fixture
def broker() -> Iterator[servers.MqttBroker]:
    """A broker of this test alone."""
    with servers.mosquitto_broker() as running:
        yield running


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second for a statement, instead of many; no longer for the way to the server and back."""
    monkeypatch.setattr(bounded, "MARGIN_S", 1.0)
    monkeypatch.setattr(pool, "MARGIN_S", 1.0)
    monkeypatch.setattr(pool, "HOST_S", 2.0)
    monkeypatch.setattr(intake, "STATEMENT_S", 2.0)
    monkeypatch.setattr(loop, "LONGEST_S", 2.0)
    monkeypatch.setattr(reader, "LONGEST_S", 2.0)


async def test_the_ends_of_every_wait_add_up_to_a_minute() -> None:
    """As shipped: a statement that hangs, the way to a new connection, the predecessor's end and the slot's."""
    assert SHIPPED_S <= 60


@contextlib.asynccontextmanager
async def gate(con: Connection) -> AsyncIterator[None]:
    """Stop whoever stores a reading, its registers locked, until left."""
    await con.execute(
        f"CREATE FUNCTION core.gate() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN PERFORM pg_advisory_xact_lock_shared({GATE}); RETURN NEW; END $$"
    )
    await con.execute("CREATE TRIGGER gate BEFORE INSERT ON core.reading FOR EACH ROW EXECUTE FUNCTION core.gate()")
    await con.execute(f"SELECT pg_advisory_lock({GATE})")
    try:
        yield
    finally:
        await con.execute(f"SELECT pg_advisory_unlock({GATE})")


@pytest.mark.parametrize(("up", "down"), [(True, False), (False, True), (True, True)])
async def test_cut_in_the_middle_of_a_transaction_ingest_goes_on_over_a_new_connection(
    database: str, broker: servers.MqttBroker, monkeypatch: pytest.MonkeyPatch, *, up: bool, down: bool
) -> None:
    """The registers are locked when the line dies, in either direction; the session that holds them is ended."""
    monkeypatch.setattr(intake, "STATEMENT_S", 4.0)
    async with connection(database) as con, connection(database) as other, proxied(database) as proxy:
        fleet = await make_fleet(con, 5)
        async with worker(settings_for(proxy.url, broker.url)):
            before = proxy.connections
            async with gate(other):
                await publish(broker.url, fleet.posts(500))
                await until(lambda: waits_at_gate(con))
                proxy.mute(up=up, down=down)
            started = time.monotonic()
            await until(lambda: holds(con, 500))
            assert proxy.connections > before
            assert time.monotonic() - started < 30
            await until(lambda: sessions(con, 1))
        assert await rejected(con) == {}
        assert await energy(con) == 5 * 99 * 1000


async def test_an_idle_worker_notices_too(database: str, broker: servers.MqttBroker) -> None:
    """With nothing to commit; what comes later is committed over the new connection."""
    async with connection(database) as con, proxied(database) as proxy:
        fleet = await make_fleet(con, 5)
        async with worker(settings_for(proxy.url, broker.url)) as running:
            proxy.mute(up=True, down=True)
            await until(lambda: running.metrics.reconnects.labels("database")._value.get() or proxy.connections > 1)
            await publish(broker.url, fleet.posts(50))
            await until(lambda: holds(con, 50))


async def test_a_worker_stops_although_its_line_is_dead(
    database: str, broker: servers.MqttBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives up what is not committed, which the broker sends again, and closes nothing in order."""
    monkeypatch.setattr("ingest.worker.GRACE_S", 0.5)
    async with connection(database) as con, connection(database) as other, proxied(database) as proxy:
        fleet = await make_fleet(con, 5)
        async with gate(other), asyncio.timeout(40), worker(settings_for(proxy.url, broker.url)):
            await publish(broker.url, fleet.posts(50))
            await until(lambda: waits_at_gate(con))
            proxy.mute(up=True, down=True)
        proxy.cut()
        async with worker(settings_for(database, broker.url)):
            await until(lambda: holds(con, 50))


@pytest.mark.parametrize("payload", [b"", b"x" * 50_000_000])
async def test_a_copy_ends(database: str, payload: bytes) -> None:
    """Also one that waits for room to write: the other side reads nothing."""
    async with proxied(database) as proxy:
        con = await connect(proxy.url, name="tests", longest_s=1.0)
        await con.execute("CREATE TEMPORARY TABLE rows (data bytea)")
        proxy.mute(up=True, down=True)
        with pytest.raises((TimeoutError, asyncpg.InterfaceError)):
            await con.copy_records_to_table("rows", records=[(payload,)])
        await con.close()
        assert con.is_closed()


async def test_closing_ends(database: str) -> None:
    """In order where it can be had."""
    async with proxied(database) as proxy:
        con = await connect(proxy.url, name="tests")
        proxy.mute(up=True, down=True)
        async with asyncio.timeout(bounded.CLOSE_S + 5):
            await con.close()
        assert con.is_closed()


async def test_connecting_ends(database: str) -> None:
    """A server that takes the connection and says nothing."""
    async with proxied(database) as proxy:
        proxy.swallow = True
        with pytest.raises(TanfengError, match="cannot open the database"):
            await connect(proxy.url, name="tests")


async def test_the_evaluator_follows(database: str) -> None:
    """Its rounds go on."""
    stop = asyncio.Event()
    async with proxied(database) as proxy:
        running = Evaluator(proxy.url, stop, timer_s=0.1)
        task = asyncio.create_task(running.run())
        await until(lambda: running.rounds)
        proxy.mute(up=True, down=True)
        seen, connections = running.rounds, proxy.connections
        await until(lambda: proxy.connections > connections and running.rounds > seen + 1)
        stop.set()
        await task


async def test_a_request_of_the_api_ends_and_the_next_is_answered(database: str) -> None:
    """The pool gives up the connection that is dead."""
    async with proxied(database) as proxy, open_reader(proxy.url, size=1) as found:
        async with found.as_itself() as con:
            assert await con.fetchval("SELECT 1") == 1
        proxy.mute(up=True, down=True)
        with pytest.raises(UnavailableError):
            async with found.as_itself() as con:
                await con.fetchval("SELECT 1")
        async with found.as_itself() as con:
            assert await con.fetchval("SELECT 1") == 1


async def test_maintenance_ends(database: str) -> None:
    """A task whose statement never answers; the next visit is another connection."""
    async with proxied(database) as proxy:
        with pytest.raises(TanfengError, match="went away"):
            await visited_until_dead(proxy)


async def visited_until_dead(proxy: Proxy) -> None:
    """A visit during which the line dies."""
    async with visit(proxy.url, name="tests", longest_s=0.5) as con:
        proxy.mute(up=False, down=True)
        await con.fetchval("SELECT 1")


async def test_the_server_is_told_what_to_do_with_a_dead_session(database: str) -> None:
    """Keep-alives and an end to transactions that say nothing; a program's socket has the same."""
    con = await connect(database, name="tests", longest_s=7.0)
    for name, value in {
        "statement_timeout": "7s",
        "idle_in_transaction_session_timeout": "1min",
        "client_connection_check_interval": "5s",
        "tcp_keepalives_idle": "10",
        "tcp_user_timeout": "20000",
    }.items():
        assert await con.fetchval("SELECT current_setting($1)", name) == value
    assert isinstance(con, BoundedConnection)
    await con.close()


async def waits_at_gate(con: Connection) -> Any:
    """Whether ingest stands in the middle of its transaction."""
    return await con.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tanfeng-ingest' AND wait_event = 'advisory'"
        " AND datname = current_database()"
    )


async def sessions(con: Connection, count: int) -> bool:
    """Whether ingest has so many sessions."""
    found = await con.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tanfeng-ingest'"
        " AND datname = current_database()"
    )
    return bool(found == count)


async def holds(con: Connection, count: int) -> bool:
    """Whether so many readings are stored."""
    return await stored(con) == count
