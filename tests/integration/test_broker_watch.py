"""What the broker denies and drops, takeovers and refused logins: counted on ingest's own session, to the message."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from ingest import worker as ingest_worker
from ingest.connection import BrokerError
from ingest.subscriber import broker_of
from tanfeng.doctor.mqtt import visitor
from tanfeng.doctor.queue import TOPIC as PROBE
from tests import servers
from tests.ingest_rig import connection, make_fleet, rejected, settings_for, stored, until, worker
from tests.integration.test_takeover import INSTALLED, PASSWORDS, of
from tests.mqtt import publish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.worker import Worker
    from services.store.pool import Connection

TICK = {"sys_interval": "1"}
"""Mosquitto tells its counters every second instead of every ten."""


@pytest.fixture(params=["servers", "installed"])
def program(request: pytest.FixtureRequest) -> object:
    """Mosquitto of both versions."""
    if request.param == "installed" and not INSTALLED.exists():
        pytest.skip(f"no {INSTALLED}: apt-get install mosquitto")
    return INSTALLED if request.param == "installed" else servers.mosquitto_program()


@pytest.fixture
def broker(program: object) -> Iterator[servers.MqttBroker]:
    """A broker with passwords and an ACL."""
    with servers.mosquitto_broker(PASSWORDS, TICK, program) as running:  # type: ignore[arg-type]
        yield running


@pytest.fixture(autouse=True)
def _told_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_worker, "TELL_S", 0.2)


async def test_denied_publications_are_counted_to_the_message(database: str, broker: servers.MqttBroker) -> None:
    """Those that the ACL forbids are acknowledged and vanish; good ones and the doctor's own are none of them."""
    async with connection(database) as con:
        fleet = await make_fleet(con, 10)
        async with worker(settings_for(database, of(broker, "tanfeng"))) as running:
            await publish(of(broker, "works"), fleet.posts(500))
            await until(lambda: _holds(con, 500))
            await until(lambda: _looks(running) > 0)
            await publish(of(broker, "steel"), fleet.posts(37))
            await publish(of(broker, "works"), fleet.posts(500, first=50))
            await publish(of(broker, "tanfeng"), [(PROBE, b"%d" % n) for n in range(100)])
            await publish(of(broker, "works"), [("keu/v2/works/readings", b"{}")] * 5)
            await until(lambda: _told(con, Counter({("denied", ""): 42})))
            await publish(of(broker, "works"), fleet.posts(2000, first=100))
            await until(lambda: _holds(con, 3000))
            seen = _looks(running)
            await publish(of(broker, "works"), fleet.posts(10, first=300))
            await until(lambda: _looks(running) > seen)
        assert await _counts(con) == Counter({("denied", ""): 42})
        assert await rejected(con) == {}


async def test_a_queue_that_overflowed_while_ingest_was_away_is_counted(database: str, program: object) -> None:
    """The broker acknowledged 1,000 messages and kept 100: 900 are told of once ingest is back."""
    settings = TICK | {"max_queued_messages": "100"}
    with servers.mosquitto_broker(PASSWORDS, settings, program) as broker:  # type: ignore[arg-type]
        async with connection(database) as con:
            fleet = await make_fleet(con, 10)
            ours = settings_for(database, of(broker, "tanfeng"))
            async with worker(ours):
                await until(lambda: con.fetchval("SELECT true FROM core.broker_counter"))
            await publish(of(broker, "works"), fleet.posts(1000))
            async with worker(ours):
                await until(lambda: _has_dropped(con, 900))
            assert await stored(con) == 100
            assert 900 <= await _dropped(con) < 950  # the broker's words about itself are dropped with the rest


async def test_a_gateway_that_is_thrown_out_by_another_user_is_told(database: str, broker: servers.MqttBroker) -> None:
    """Who took whose id is counted; a client that only comes back under its own is not called a takeover."""
    async with (
        connection(database) as con,
        worker(settings_for(database, of(broker, "tanfeng"))),
        visitor(broker_of(settings_for(database, of(broker, "works"))), "gateway-1"),
    ):
        with contextlib.suppress(BrokerError):  # the one of works finds its connection closed when it leaves
            async with visitor(broker_of(settings_for(database, of(broker, "steel"))), "gateway-1"):
                await until(lambda: _told(con, Counter({("takeover", "steel → works"): 1})))
            async with (
                visitor(broker_of(settings_for(database, of(broker, "steel"))), "gateway-2"),
                visitor(broker_of(settings_for(database, of(broker, "steel"))), "gateway-2"),
            ):
                both = Counter({("takeover", "steel → works"): 1, ("replaced", "steel"): 1})
                await until(lambda: _told(con, both))


async def test_wrong_passwords_are_counted(database: str, broker: servers.MqttBroker) -> None:
    """Each refused connection is one."""
    url = f"mqtt://steel:wrong@127.0.0.1:{broker.broker.port}"
    async with connection(database) as con, worker(settings_for(database, of(broker, "tanfeng"))):
        for _ in range(7):
            with pytest.raises(BrokerError, match=r"not authorised|password wrong"):
                async with visitor(broker_of(settings_for(database, url)), "guess"):
                    pass
        await until(lambda: _told(con, Counter({("refused_login", ""): 7})))


async def test_a_session_that_the_broker_lost_is_told(database: str, broker: servers.MqttBroker) -> None:
    """Ingest comes back to a broker that does not know it any more: what waited there is gone."""
    ours = settings_for(database, of(broker, "tanfeng"))
    async with connection(database) as con:
        async with worker(ours):
            pass
        broker.kill()
        (broker.broker.folder / "mosquitto.db").unlink(missing_ok=True)
        broker.start()
        async with worker(ours):
            await until(lambda: _told(con, Counter({("session_lost", ""): 1})))


async def _counts(con: Connection) -> Counter[tuple[str, str]]:
    rows = await con.fetch("SELECT kind, subject, sum(seen)::bigint AS seen FROM core.broker_minute GROUP BY 1, 2")
    return Counter({(row["kind"], row["subject"]): row["seen"] for row in rows})


async def _has_dropped(con: Connection, number: int) -> bool:
    return await _dropped(con) >= number


async def _dropped(con: Connection) -> int:
    return (await _counts(con))["dropped", ""]


async def _told(con: Connection, wanted: Counter[tuple[str, str]]) -> bool:
    return await _counts(con) == wanted


def _looks(running: Worker) -> int:
    """How often the broker has told what it took since ingest is connected."""
    assert running.subscriber is not None
    watch = running.subscriber.watch
    return 0 if watch is None or watch.balance is None else watch.balance.looks


async def _holds(con: Connection, count: int) -> bool:
    return await stored(con) == count
