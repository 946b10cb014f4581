"""Either MQTT client of ingest: the same promises."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests import servers
from tests.ingest_rig import connection, counted, energy, make_fleet, settings_for, stored, until, worker
from tests.mqtt import publish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.store.pool import Connection

CLIENTS = ["native", "paho"]


@pytest.fixture
def broker() -> Iterator[servers.MqttBroker]:
    """A broker of this test alone."""
    with servers.mosquitto_broker() as running:
        yield running


async def holds(con: Connection, count: int) -> bool:
    """Whether so many readings are stored."""
    return await stored(con) == count


@pytest.mark.parametrize("client", CLIENTS)
async def test_messages_published_while_ingest_is_down_arrive_once(
    client: str, database: str, broker: servers.MqttBroker
) -> None:
    """The session keeps them; acknowledged ones do not come again."""
    async with connection(database) as con:
        fleet = await make_fleet(con, 20)
        for part in range(2):
            async with worker(settings_for(database, broker.url, mqtt_client=client)):
                await until(partial(holds, con, 2000 * part))
            await publish(broker.url, fleet.posts(2000, first=100 * part))
        async with worker(settings_for(database, broker.url, mqtt_client=client)):
            await until(lambda: holds(con, 4000))
        assert await counted(con, "duplicates") == 0
        assert await energy(con) == 20 * 199 * 1000


@pytest.mark.parametrize("client", CLIENTS)
async def test_the_broker_may_restart_under_load(client: str, database: str, broker: servers.MqttBroker) -> None:
    """Ingest comes back by itself with either client, and nothing is missing."""
    async with connection(database) as con:
        fleet = await make_fleet(con, 20)
        async with worker(settings_for(database, broker.url, mqtt_client=client)) as running:
            for part in range(2):
                await publish(broker.url, fleet.posts(2000, first=part * 100))
                await asyncio.to_thread(broker.stop)
                await until(lambda: not running.metrics.broker.is_here)
                broker.start()  # in this thread: servers end with the thread that started them
                await until(lambda: running.metrics.broker.is_here)
            await until(lambda: holds(con, 4000))
        assert await energy(con) == 20 * 199 * 1000
