"""Ingest on the broker of a demo: iotcore, which tells nothing of itself and closes the connection of whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tanfeng.embedded.broker import Broker
from tanfeng.embedded.ports import free_port
from tests import servers
from tests.ingest_rig import connection, make_fleet, rejected, settings_for, stored, until, worker
from tests.mqtt import publish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.store.pool import Connection


@pytest.fixture
def iotcore() -> Iterator[str]:
    """The url of one of this test alone."""
    with servers.scratch("iotcore") as folder:
        broker = Broker(folder, free_port())
        broker.prepare()
        running = servers.Running(broker.child(), folder / "log")
        running.start()
        try:
            yield broker.url
        finally:
            running.stop()


@pytest.mark.parametrize("client", ["native", "paho"])
async def test_readings_are_booked_over_a_stop(database: str, iotcore: str, client: str) -> None:
    """What comes while ingest is down waits, and nothing is rejected."""
    settings = settings_for(database, iotcore, mqtt_client=client)
    async with connection(database) as con:
        fleet = await make_fleet(con, 10)
        async with worker(settings):
            await publish(iotcore, fleet.posts(500))
            await until(lambda: _holds(con, 500))
        await publish(iotcore, fleet.posts(500, first=50))
        async with worker(settings):
            await until(lambda: _holds(con, 1000))
        assert await rejected(con) == {}


async def _holds(con: Connection, count: int) -> bool:
    return await stored(con) == count
