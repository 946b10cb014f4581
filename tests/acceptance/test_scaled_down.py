"""Three ingest processes, one killed for good under load, then scaled to one: nothing published is missing."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

import pytest

from services.ledger.verify import verify
from tests import servers
from tests.ingest_rig import command, connection, energy, environment, make_fleet, stored, until
from tests.mqtt import publisher

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from services.store.pool import Connection
    from tests.ingest_rig import Fleet

pytestmark = pytest.mark.slow

METERS = 100
STAGE = 5000
"""Readings stored until the next thing happens."""
HELD = "SELECT count(*) FROM core.lease WHERE name LIKE 'ingest %' AND core.lease_holds(pid, connected_at, held_until)"


@pytest.fixture
def broker() -> Iterator[servers.MqttBroker]:
    """A broker of this test alone."""
    with servers.mosquitto_broker() as running:
        yield running


async def test_one_of_three_is_killed_for_good_then_one_is_left(database: str, broker: servers.MqttBroker) -> None:
    """What the dead worker's session and those of the stopped ones were given is booked by the one that is left."""
    env, more = environment(database, broker.url, TANFENG_DRAIN_S="0.5"), asyncio.Event()
    more.set()
    async with connection(database) as con:
        fleet = await make_fleet(con, METERS)
        with contextlib.ExitStack() as stack:
            three = [
                stack.enter_context(command("ingest", "--workers", "3", "--slot", str(slot), env=env))
                for slot in range(3)
            ]
            await until(lambda: holds_slots(con, 3))
            load = asyncio.create_task(publish_while(more, broker.url, fleet))
            await until(lambda: has_stored(con, STAGE))
            three[1].kill()
            await until(lambda: has_stored(con, 3 * STAGE))
            assert [await ended(each) for each in (three[0], three[2])] == [0, 0]
        left = await stored(con)
        with command("ingest", "--workers", "1", env=env):
            await until(lambda: has_stored(con, left + STAGE))
            more.clear()
            published = await load
            await until(lambda: has_stored(con, published))
            await until(lambda: has_slots(con, [0]))
        assert await stored(con) == published
        assert await energy(con) == METERS * (published // METERS - 1) * 1000
        assert not [finding async for finding in verify(con)]


async def publish_while(more: asyncio.Event, url: str, fleet: Fleet) -> int:
    """Publish a reading of every meter again and again; how many messages the broker has acknowledged in all."""
    async with publisher(url) as to:
        turn = 0
        while more.is_set():
            await to.publish([fleet.post(meter, turn) for meter in range(METERS)])
            await asyncio.sleep(0.02)  # the pace is the load
            turn += 1
    return turn * METERS


async def ended(process: subprocess.Popen[bytes]) -> int:
    """Stop a worker as an operator does; its exit code."""
    process.send_signal(signal.SIGTERM)
    return await asyncio.to_thread(process.wait, 30)


async def holds_slots(con: Connection, count: int) -> bool:
    """Whether so many slots are held by running workers."""
    return bool(await con.fetchval(HELD) == count)


async def has_stored(con: Connection, count: int) -> bool:
    """Whether so many readings are stored."""
    return await stored(con) >= count


async def has_slots(con: Connection, slots: list[int]) -> bool:
    """Whether just these slots are in use or still to be drained."""
    return [row["slot"] for row in await con.fetch("SELECT slot FROM core.ingest_slot ORDER BY slot")] == slots
