"""Ingest and a clock that was set: nothing is lost, doubled or rejected for it, and it is said."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from ingest.worker import limits_of
from services.ledger.replay_rejected import replay
from services.model import SECOND_US, iso
from tests import servers
from tests.clocks import SetClock
from tests.ingest_rig import ENTERPRISE, connection, make_fleet, settings_for, until, worker
from tests.mqtt import publish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.store.pool import Connection
    from tests.mqtt import Post
    from tests.servers import MqttBroker

HOUR_S = 3600


@pytest.fixture
def broker() -> Iterator[MqttBroker]:
    """A broker of this test alone: sessions of other tests would take their share of its messages."""
    with servers.mosquitto_broker() as running:
        yield running


def live(meters: int, n: int, *, ahead_s: int = 0) -> list[Post]:
    """Reading n of each meter, stamped by the meters' clocks: now, a second after the one before."""
    at = time.time_ns() // 1000 + (ahead_s + n) * SECOND_US
    body = f'{{"read_at":"{iso(at)}","registers":{{"import":{n}}}}}'.encode()
    return [(f"keu/v1/{ENTERPRISE}/m{meter}/readings", body) for meter in range(meters)]


async def stored(con: Connection) -> tuple[int, int]:
    """How many readings are stored, and how many were rejected, counted floods included."""
    readings = await con.fetchval("SELECT count(*) FROM core.reading")
    rejected = (
        "SELECT (SELECT coalesce(sum(seen_count), 0) FROM core.rejection)::int + coalesce(sum(seen_count), 0)::int"
    )
    return readings, await con.fetchval(f"{rejected} FROM core.rejection_flood")


async def doubts(con: Connection) -> list[tuple[str, int, bool]]:
    """What was recorded: kind, by how many seconds, whether it is over."""
    rows = await con.fetch("SELECT kind, ahead_s, ended_at FROM core.clock_doubt ORDER BY doubt_id")
    return [(row["kind"], round(row["ahead_s"]), row["ended_at"] is not None) for row in rows]


@pytest.mark.parametrize("client", ["native", "paho"])
async def test_an_hour_behind_nothing_is_acknowledged_or_rejected_until_the_clock_is_right(
    database: str, broker: MqttBroker, client: str
) -> None:
    """The broker keeps the messages; right again, each is booked once, stamped by the right clock."""
    set_clock = SetClock()
    async with connection(database) as con:
        await make_fleet(con, 20)
        settings = settings_for(database, broker.url, mqtt_client=client)
        async with worker(settings, clock=set_clock.clock) as running:
            set_clock.wall_s = -HOUR_S
            await publish(broker.url, live(20, 1))
            await until(lambda: doubts(con))
            assert await doubts(con) == [("differs", -HOUR_S, False)]
            await publish(broker.url, live(20, 2))
            await until(lambda: not running.metrics.broker.is_here)
            assert await stored(con) == (0, 0)
            set_clock.wall_s = 0
            await until(lambda: con.fetchval("SELECT count(*) = 40 FROM core.reading"))
            await until(lambda: con.fetchval("SELECT bool_and(ended_at IS NOT NULL) FROM core.clock_doubt"))
        assert await stored(con) == (40, 0)
        assert await con.fetchval("SELECT max(abs(lag_s)) < 120 FROM core.reading")


async def test_a_clock_set_forth_and_back_again_and_again_loses_and_doubles_nothing(
    database: str, broker: MqttBroker
) -> None:
    """By an hour, with messages coming all the time: some are stamped before, some after each jump."""
    set_clock = SetClock()
    async with connection(database) as con:
        await make_fleet(con, 10)
        async with worker(settings_for(database, broker.url), clock=set_clock.clock):
            for n, wall_s in enumerate((HOUR_S, 0, -HOUR_S, 0, HOUR_S, -HOUR_S, 0), 1):
                await publish(broker.url, live(10, 2 * n))
                set_clock.wall_s = wall_s
                await publish(broker.url, live(10, 2 * n + 1))
            await until(lambda: con.fetchval("SELECT count(*) = 140 FROM core.reading"))
        assert await stored(con) == (140, 0)
        assert await con.fetchval("SELECT sum(amount) FROM core.energy_15m") == 10 * 13_000
        assert await doubts(con)


async def test_after_a_jump_of_every_clock_the_meters_decide(database: str, broker: MqttBroker) -> None:
    """Database and ingest agree on a time an hour behind the meters: their readings wait, and are not refused."""
    set_clock = SetClock()
    async with connection(database) as con:
        await make_fleet(con, 10)
        async with worker(settings_for(database, broker.url), clock=set_clock.clock):
            set_clock.steady_s = HOUR_S
            await publish(broker.url, live(10, 1, ahead_s=HOUR_S))
            await until(lambda: con.fetchval("SELECT count(*) > 0 FROM core.clock_doubt WHERE kind = 'readings'"))
            assert await stored(con) == (0, 0)
            await publish(broker.url, [post for n in range(2, 5) for post in live(10, n)])
            await until(lambda: con.fetchval("SELECT count(*) = 30 FROM core.reading"))
        assert (await doubts(con))[-1] == ("readings", -HOUR_S, True)


async def test_what_a_clock_that_was_behind_rejected_is_booked_by_a_replay_once_it_is_right(
    database: str, broker: MqttBroker
) -> None:
    """It is judged at the later of its arrival and now; what was too old then is not made older."""
    set_clock = SetClock(limit_s=10 * HOUR_S)
    set_clock.wall_s = -HOUR_S
    settings = settings_for(database, broker.url, clock_limit_s=10 * HOUR_S)
    async with connection(database) as con:
        await make_fleet(con, 20)
        async with worker(settings, clock=set_clock.clock):
            await publish(broker.url, live(20, 1))
            await until(lambda: con.fetchval("SELECT count(*) = 20 FROM core.rejection WHERE code = 'time_ahead'"))
        ids = [row["rejection_id"] for row in await con.fetch("SELECT rejection_id FROM core.rejection")]
        replayed = await replay(con, ids, limits_of(settings), "li")
        assert [(each.still, each.accepted) for each in replayed] == [("", 1)] * 20
