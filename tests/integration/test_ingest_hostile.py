"""Ten thousand hostile messages among good ones: each is accounted for, nothing good is lost, ingest goes on."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from ingest.worker import limits_of
from services.ledger.directory import load_directory
from services.wire import decode
from tests import servers
from tests.hostile import hostile
from tests.ingest_rig import connection, counted, energy, make_fleet, rejected, settings_for, stored, until, worker
from tests.mqtt import publish

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTILE = int(os.environ.get("TANFENG_HOSTILE", "10000"))
GOOD = 2000


@pytest.fixture
def broker() -> Iterator[servers.MqttBroker]:
    """A broker of this test alone."""
    with servers.mosquitto_broker() as running:
        yield running


async def test_every_hostile_message_is_rejected_and_every_good_one_booked(
    database: str, broker: servers.MqttBroker
) -> None:
    """What was rejected or found again adds up to what was sent, by the decoder's own account of each message."""
    async with connection(database) as con:
        fleet = await make_fleet(con, 20)
        await con.execute(
            "INSERT INTO core.enterprise (code, district_code, industry, name_zh, name_en)"
            " VALUES ('mill', 'd', 'steel', '示例', 'Mill')"
        )
        settings = settings_for(database, broker.url)
        _, directory = await load_directory(con)
        bad = list(hostile(HOSTILE, time.time_ns() // 1000))
        now_us = time.time_ns() // 1000
        outcomes = [decode(topic, payload, directory, now_us, limits_of(settings)) for topic, payload in bad]
        assert all(each.rejected and not each.arrivals for each in outcomes)
        good = fleet.posts(GOOD)
        every = len(bad) // GOOD
        mixed = [post for n, each in enumerate(good) for post in (*bad[n * every : n * every + every], each)]
        async with worker(settings):
            await publish(broker.url, [*mixed, *bad[GOOD * every :]])
            await publish(broker.url, good[:500], retain=True)
            await until(lambda: all_seen(con, len(bad) + GOOD + 500))
        assert await stored(con) == GOOD
        assert await energy(con) == 20 * (GOOD // 20 - 1) * 1000
        assert await counted(con, "duplicates") == 500
        assert sum((await rejected(con)).values()) == sum(len(each.rejected) for each in outcomes)
        assert await con.fetchval("SELECT count(*) FROM core.rejection") <= HOSTILE


async def all_seen(con: object, messages: int) -> bool:
    """Whether ingest has committed so many messages."""
    return await counted(con, "messages") == messages  # type: ignore[arg-type]
