"""`kill -9` under load, again and again: nothing acknowledged by us is missing, nothing is booked twice.

TANFENG_KILL_ROUNDS sets the rounds of each; `scripts/kill-test` runs a thousand.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections import deque
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import asyncpg
import pytest

from services.errors import TanfengError
from services.ledger.verify import verify
from tests import servers
from tests.ingest_rig import (
    connection,
    counted,
    energy,
    make_fleet,
    process,
    settings_for,
    stored,
    until,
    worker,
)
from tests.mqtt import publish, publisher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from ingest.worker import Worker
    from services.store.pool import Connection
    from tests.ingest_rig import Fleet

ROUNDS = int(os.environ.get("TANFENG_KILL_ROUNDS", "20"))
SEED = int(os.environ.get("TANFENG_KILL_SEED", "1"))
METERS = 100
PART = 100
"""Messages published at a stretch."""
WINDOW_S = 2.5
"""A kill of Mosquitto may cost what it acknowledged in so many seconds before: docs/operations/broker-durability.md."""


@pytest.fixture
def broker() -> Iterator[servers.MqttBroker]:
    """A broker of this test alone."""
    with servers.mosquitto_broker() as running:
        yield running


@pytest.fixture
def own_postgres() -> Iterator[tuple[servers.Postgres, str]]:
    """A server of this test alone, to be killed, and a migrated database in it."""
    with servers.postgres_server() as server, server.database(server.make_template()) as dsn:
        yield server, dsn


class Load:
    """Publishes reading after reading of all meters until left; `acked` of them the broker has acknowledged."""

    def __init__(self, url: str, fleet: Fleet) -> None:
        self.acked = 0
        self.moments: deque[tuple[float, int]] = deque(maxlen=10_000)
        """When so many had been acknowledged."""
        self._url = url
        self._fleet = fleet
        self._task: asyncio.Task[None] | None = None

    def post(self, n: int) -> tuple[str, bytes]:
        """Message n: the meters take turns."""
        return self._fleet.post(n % METERS, n // METERS)

    async def run(self) -> None:
        """Whenever the broker is there; what it did not acknowledge is published again."""
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                async with publisher(self._url) as to:
                    while True:
                        start = self.acked
                        await to.publish([self.post(n) for n in range(start, start + PART)], acked=self._count)
                        self.moments.append((time.monotonic(), self.acked))
                        await asyncio.sleep(0.02)  # a pace that the servers of a test keep up with
            await asyncio.sleep(0.02)

    def within(self, seconds: float) -> int:
        """How many were acknowledged in the latest seconds."""
        since = time.monotonic() - seconds
        return self.acked - max((count for moment, count in self.moments if moment < since), default=0)

    def _count(self, _index: int) -> None:
        self.acked += 1


@contextlib.asynccontextmanager
async def loaded(url: str, fleet: Fleet) -> AsyncIterator[Load]:
    """A load on this broker."""
    load = Load(url, fleet)
    task = asyncio.create_task(load.run())
    try:
        yield load
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def complete(con: Connection, load: Load, last: int) -> None:
    """All that was acknowledged to publishers, and every reading up to `last`, is booked once and exactly."""
    await publish(load._url, [load.post(n) for n in range(load.acked, last)])
    await until(lambda: holds(con, last))
    assert await energy(con) == METERS * (last // METERS - 1) * 1000
    assert not [finding async for finding in verify(con)]


async def test_kill_9_of_ingest_loses_and_doubles_nothing(database: str, broker: servers.MqttBroker) -> None:
    """Killed at any moment between message and ack; the next worker gets the rest again."""
    rnd = Random(SEED)
    async with connection(database) as con:
        fleet = await make_fleet(con, METERS)
        async with worker(settings_for(database, broker.url)):
            pass
        async with loaded(broker.url, fleet) as load:
            for _ in range(ROUNDS):
                before = await stored(con)
                with process(database, broker.url) as run:
                    await until(partial(has_more, con, before))
                    await asyncio.sleep(rnd.uniform(0, 0.15))  # the moment of the kill is the experiment
                    run.kill()
        async with worker(settings_for(database, broker.url)):
            await complete(con, load, (load.acked // METERS + 2) * METERS)


async def answers(dsn: str) -> bool:
    """Whether the server takes connections: after the kill of a backend it recovers first."""
    try:
        async with connection(dsn):
            return True
    except (OSError, TanfengError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False


async def test_kill_9_of_postgresql_loses_and_doubles_nothing(
    own_postgres: tuple[servers.Postgres, str], broker: servers.MqttBroker
) -> None:
    """The server and single backends in turn, in the middle of transactions; ingest stays and waits."""
    server, dsn = own_postgres
    rnd = Random(SEED)
    async with connection(dsn) as con:
        fleet = await make_fleet(con, METERS)
    async with worker(settings_for(dsn, broker.url)) as running, loaded(broker.url, fleet) as load:
        for number in range(ROUNDS):
            await until(partial(has_booked_more, running, booked_messages(running)))
            await asyncio.sleep(rnd.uniform(0, 0.15))  # the moment of the kill is the experiment
            if number % 2:
                await kill_backend(dsn)
            else:
                server.kill()
                await until(lambda: not running.metrics.database.is_here)
                server.start()
        await until(partial(answers, dsn))
        load_ended = load
    async with connection(dsn) as con, worker(settings_for(dsn, broker.url)):
        await complete(con, load_ended, (load.acked // METERS + 2) * METERS)


async def test_kill_9_of_the_broker_costs_no_energy(
    database: str, broker: servers.MqttBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lost readings are counted and within the measured window; the next reading of each register heals the total."""
    rnd, lost = Random(SEED), 0
    async with connection(database) as con:
        fleet = await make_fleet(con, METERS)
        settings = settings_for(database, broker.url)
        async with worker(settings):
            await publish(broker.url, fleet.posts(METERS))
            await until(lambda: holds(con, METERS))
        os.kill(broker.pid, signal.SIGUSR1)  # Mosquitto saves its sessions
        load = Load(broker.url, fleet)
        load.acked = METERS
        worst = 0
        for number in range(ROUNDS):
            async with contextlib.AsyncExitStack() as stack:
                if number % 2:
                    await stack.enter_async_context(worker(settings))
                task = asyncio.create_task(load.run())
                await until(partial(acks_more, load, load.acked))
                await asyncio.sleep(rnd.uniform(0, 1 if number % 2 else 4))  # the moment of the kill is the experiment
                at_stake = load.within(WINDOW_S)
                broker.kill()
                task.cancel()
                await asyncio.wait([task])
            broker.start()
            async with worker(settings) as running:
                await until(partial(is_idle, running))
            gone = load.acked - lost - await arrived(con, fleet, load.acked)
            lost, worst = lost + gone, max(worst, gone)
            assert 0 <= gone <= at_stake
        with capsys.disabled():
            sys.stdout.write(f" {lost} of {load.acked} messages lost in {ROUNDS} kills, at worst {worst}\n")
        last = (load.acked // METERS + 2) * METERS
        async with worker(settings):
            await publish(broker.url, [load.post(n) for n in range(last - METERS, last)])
            await until(lambda: ends(con, last // METERS - 1))
        assert await energy(con) == METERS * (last // METERS - 1) * 1000
        assert not [finding async for finding in verify(con)]


async def test_a_hundred_thousand_messages_published_while_ingest_is_down_arrive(
    database: str, broker: servers.MqttBroker
) -> None:
    """The broker queues them for the worker's session; every one is booked, none twice."""
    async with connection(database) as con:
        fleet = await make_fleet(con, METERS)
        settings = settings_for(database, broker.url)
        async with worker(settings):
            pass
        await publish(broker.url, fleet.posts(100_000))
        async with worker(settings):
            await until(lambda: holds(con, 100_000), 120)
        assert await energy(con) == METERS * 999 * 1000
        assert await counted(con, "duplicates") == 0


def booked_messages(running: Worker) -> float:
    """How many messages this worker has committed."""
    return float(running.metrics.messages._value.get())


def has_booked_more(running: Worker, before: float) -> bool:
    """Whether this worker has committed anything since."""
    return booked_messages(running) > before


def acks_more(load: Load, before: int) -> bool:
    """Whether the broker has acknowledged anything since."""
    return load.acked > before


async def is_idle(running: Worker) -> bool:
    """Whether all that waited at the broker has come and is committed."""
    before = booked_messages(running)
    assert running.subscriber is not None
    assert running.subscriber.connection is not None
    await running.subscriber.connection.barrier()
    await asyncio.sleep(0.05)
    return running.inbox.held_messages == 0 and booked_messages(running) == before


async def kill_backend(dsn: str) -> None:
    """Kill -9 the backend that serves ingest: PostgreSQL ends all sessions and recovers."""
    with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        async with connection(dsn) as con:
            pid = await con.fetchval("SELECT pid FROM pg_stat_activity WHERE application_name = 'tanfeng-ingest'")
            if pid is not None:
                os.kill(pid, signal.SIGKILL)


async def holds(con: Connection, count: int) -> bool:
    """Whether so many readings are stored."""
    return await stored(con) == count


async def has_more(con: Connection, count: int) -> bool:
    """Whether more readings than this are stored."""
    return await stored(con) > count


async def arrived(con: Connection, fleet: Fleet, count: int) -> int:
    """How many of the first `count` messages of a load are stored."""
    found: int = await con.fetchval(
        "SELECT count(*) FROM core.reading WHERE value < $1 OR value = $1 AND register_id = ANY($2::int[])",
        count // METERS * 1000,
        fleet.registers[: count % METERS],
    )
    return found


async def ends(con: Connection, n: int) -> bool:
    """Whether every register has reading n."""
    return bool(await con.fetchval("SELECT count(*) FROM core.reading WHERE value = $1", n * 1000) == METERS)
