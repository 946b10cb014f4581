"""What programs write: little while all is well, and no traceback because a database restarts."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests import servers
from tests.ingest_rig import command, connection, environment, make_fleet, stored, until
from tests.mqtt import publisher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.store.pool import Connection


@pytest.fixture
def broker() -> Iterator[servers.MqttBroker]:
    """A broker of this test alone."""
    with servers.mosquitto_broker() as running:
        yield running


@pytest.fixture
def own_postgres() -> Iterator[tuple[servers.Postgres, str]]:
    """A server of this test alone, to be stopped, and a migrated database in it."""
    with servers.postgres_server() as server, server.database(server.make_template()) as dsn:
        yield server, dsn


async def test_many_batches_are_one_line(database: str, broker: servers.MqttBroker, tmp_path: Path) -> None:
    """With their sums, at the latest when the worker ends."""
    log = tmp_path / "log"
    async with connection(database) as con:
        fleet = await make_fleet(con, 5)
        with log.open("wb") as out, command("ingest", env=environment(database, broker.url), log=out):
            await until(lambda: b"subscribed" in log.read_bytes())
            async with publisher(broker.url) as to:
                for part in range(10):
                    await to.publish(fleet.posts(50, first=10 * part))
                    await until(partial(holds, con, 50 * (part + 1)))
        said = log.read_text().splitlines()
        [line] = [line for line in said if "event=booked" in line]
        assert "accepted=500" in line
        assert not [line for line in said if "event=batch" in line]


async def test_a_restart_of_the_database_leaves_no_traceback(
    own_postgres: tuple[servers.Postgres, str], broker: servers.MqttBroker, tmp_path: Path
) -> None:
    """Of ingest, or of the evaluator and its notifications; each says that it is away, and goes on."""
    server, dsn = own_postgres
    logs = {name: tmp_path / name for name in ("ingest", "evaluate")}
    env = environment(dsn, broker.url)
    async with connection(dsn) as con:
        fleet = await make_fleet(con, 5)
    with (
        logs["ingest"].open("wb") as one,
        logs["evaluate"].open("wb") as two,
        command("ingest", env=env, log=one),
        command("evaluate", env=env, log=two),
    ):
        await until(lambda: b"subscribed" in logs["ingest"].read_bytes())
        for part in range(1, 3):
            async with publisher(broker.url) as to:
                await to.publish(fleet.posts(500, first=100 * (part - 1)))
            await asyncio.to_thread(server.stop)
            for log in logs.values():
                await until(partial(says, log, "database away", part))
            server.start()  # in this thread: servers end with the thread that started them
            async with connection(dsn) as con:
                await until(partial(holds, con, 500 * part))
    for log in logs.values():
        assert "Traceback" not in log.read_text()


def says(log: Path, words: str, times: int) -> bool:
    """Whether the words stand in the log so often."""
    return log.read_text().count(words) >= times


async def holds(con: Connection, count: int) -> bool:
    """Whether so many readings are stored."""
    return await stored(con) == count
