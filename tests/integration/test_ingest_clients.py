"""Either MQTT client of ingest: the same promises."""

from __future__ import annotations

import asyncio
import os
import signal
from functools import partial
from typing import TYPE_CHECKING

import pytest

from ingest.clients import connect
from ingest.inbox import Inbox
from ingest.subscriber import TOPICS, broker_of
from tests import servers
from tests.ingest_rig import connection, counted, energy, make_fleet, settings_for, stored, until, worker
from tests.mqtt import publish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.packets import Message
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


def waiting(inbox: Inbox) -> list[Message]:
    """All that waits there, taken."""
    return list(iter(inbox.take, None))


@pytest.mark.parametrize("client", CLIENTS)
async def test_what_was_acknowledged_before_leaving_does_not_come_again(
    client: str, broker: servers.MqttBroker
) -> None:
    """Also where the broker is slow and has more to send: it hears of every ack before the connection is closed."""
    to = broker_of(settings_for("", broker.url, mqtt_client=client))
    inbox, later = Inbox(500, 1_000_000), Inbox(10_000, 1_000_000)
    leaving, _ = await connect(to, "leaver", inbox)
    await leaving.subscribe(TOPICS)
    await publish(broker.url, [("keu/v1/works/readings", b"%d" % n) for n in range(5000)])
    await until(lambda: inbox.paused)
    inbox.close()
    taken = waiting(inbox)
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        inbox.done(taken)
        left = asyncio.create_task(leaving.disconnect())
        await asyncio.wait({left}, timeout=0.5)  # whoever does not wait for the broker has closed by then
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    await left
    back, has_session = await connect(to, "leaver", later)
    await until(lambda: len(later) >= 5000 - len(taken))
    await back.barrier()
    payloads = sorted(int(message.payload) for message in waiting(later))
    await back.disconnect()
    assert has_session
    assert payloads == list(range(len(taken), 5000))
