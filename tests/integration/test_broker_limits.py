"""Mosquitto at its limits, of both versions: what is refused, what is dropped, and what was acknowledged is kept."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from ingest.connection import BrokerError
from ingest.subscriber import broker_of
from tanfeng.doctor.mqtt import visitor
from tanfeng.embedded.broker import MEMORY_BYTES, PACKET_BYTES, QUEUED, QUEUED_BYTES
from tests import servers
from tests.ingest_rig import connection, make_fleet, settings_for, stored, until, worker
from tests.integration.test_takeover import INSTALLED
from tests.mqtt import publish, publisher

if TYPE_CHECKING:
    from pathlib import Path

    from services.store.pool import Connection
    from tests.ingest_rig import Fleet

OVERHEAD_BYTES = 320
"""What a queued message takes beside its payload, measured with 120 and 1,000 bytes of payload."""


@pytest.fixture(params=["servers", "installed"])
def program(request: pytest.FixtureRequest) -> Path:
    """Mosquitto of both versions."""
    if request.param == "installed" and not INSTALLED.exists():
        pytest.skip(f"no {INSTALLED}: apt-get install mosquitto")
    return INSTALLED if request.param == "installed" else servers.mosquitto_program()


def test_the_limit_of_memory_is_above_what_full_queues_take() -> None:
    """Else it would be reached first, and at it ingest cannot read either."""
    assert QUEUED * OVERHEAD_BYTES + QUEUED_BYTES < MEMORY_BYTES
    conf = (servers.ROOT / "deploy" / "mosquitto.conf").read_text("utf-8").split("\n")
    for name, value in (("memory_limit", MEMORY_BYTES), ("max_queued_bytes", QUEUED_BYTES)):
        assert f"{name} {value}" in conf


async def test_at_the_limit_of_memory_nothing_more_is_acknowledged_and_nothing_acknowledged_is_lost(
    database: str, program: Path
) -> None:
    """Publishers are thrown out and readers too; with a higher limit all that was acknowledged is booked."""
    with servers.mosquitto_broker(settings={"memory_limit": "8000000"}, program=program) as broker:
        ours = settings_for(database, broker.url)
        async with connection(database) as con:
            fleet = await make_fleet(con, 10)
            async with worker(ours):
                pass
            acked = await _fill(broker.url, fleet)
            broker.stop()
            broker.log.write_text("")
            config = broker.broker.folder / "mosquitto.conf"
            config.write_text(config.read_text().replace("memory_limit 8000000", "memory_limit 800000000"))
            broker.start()
            async with worker(ours):
                await until(lambda: _holds(con, acked))


async def test_a_queue_beyond_its_bytes_drops_what_comes_and_says_how_much(database: str, program: Path) -> None:
    """Acknowledged and gone: the figure of the broker and what is booked make up what was published.

    But for what the broker said of itself meanwhile: it was for ingest too and is dropped with the rest.
    """
    settings = {"max_queued_bytes": "20000", "sys_interval": "1"}
    with servers.mosquitto_broker(settings=settings, program=program) as broker:
        ours = settings_for(database, broker.url)
        async with connection(database) as con:
            fleet = await make_fleet(con, 10)
            async with worker(ours):
                await until(lambda: con.fetchval("SELECT true FROM core.broker_counter"))
            await publish(broker.url, fleet.posts(1000))
            async with worker(ours):
                await until(lambda: _makes_up(con, 1000))
            assert 0 < await stored(con) < 1000


async def test_a_message_too_large_throws_its_sender_out_and_nobody_else(program: Path) -> None:
    """It is not acknowledged; a client beside it goes on."""
    with servers.mosquitto_broker(program=program) as broker:
        async with visitor(broker_of(settings_for("", broker.url)), "beside") as beside:
            with pytest.raises(BrokerError, match=r"reset|closed"):
                await _publish_one(broker.url, b"x" * (PACKET_BYTES + 1))
            await beside.publish("keu/v1/works/readings", [b"{}"])


async def _fill(url: str, fleet: Fleet) -> int:
    """Publish until the broker ends the connection; how many it had acknowledged."""
    acked = 0
    try:
        async with publisher(url) as to:
            while True:
                await to.publish(fleet.posts(500, first=acked // 10))
                acked += 500
    except (OSError, asyncio.IncompleteReadError):
        return acked


async def _publish_one(url: str, payload: bytes) -> None:
    async with visitor(broker_of(settings_for("", url)), "large") as large:
        await large.publish("keu/v1/works/readings", [payload])


async def _holds(con: Connection, least: int) -> bool:
    """Those that were on the way when the limit was hit may be there too."""
    return await stored(con) >= least


async def _makes_up(con: Connection, published: int) -> bool:
    dropped = await con.fetchval("SELECT sum(seen)::int FROM core.broker_minute WHERE kind = 'dropped'")
    return published <= await stored(con) + (dropped or 0) < published + 100
