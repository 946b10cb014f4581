"""Ingest on a real broker and a real database: acked means stored, whatever happens between."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from functools import partial
from typing import TYPE_CHECKING

import pytest

from ingest.worker import Worker, limits_of
from services.ledger.replay_rejected import replay
from tanfeng.embedded.broker import OPERATOR, Broker
from tanfeng.embedded.ports import free_port
from tests import servers
from tests.ingest_rig import (
    connection,
    counted,
    energy,
    holds,
    holds_counted,
    make_fleet,
    rejected,
    settings_for,
    stored,
    until,
    waits_for_lock,
    worker,
)
from tests.mqtt import publish, publisher
from tests.proxy import proxied

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


ONE_READ = 256 * 1024
"""Bytes that asyncio reads from a socket at a time: the bound may be passed by as much."""


@pytest.fixture
def broker() -> Iterator[servers.MqttBroker]:
    """A broker of this test alone: sessions of other tests would take their share of its messages."""
    with servers.mosquitto_broker() as running:
        yield running


@pytest.fixture
def iotcore() -> Iterator[servers.MqttBroker]:
    """The broker of a machine without Mosquitto."""
    with servers.scratch("iotcore") as folder:
        broker = Broker(folder, free_port())
        broker.prepare()
        running = servers.MqttBroker(broker, folder / "log")
        running.start()
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture
def tls_broker() -> Iterator[tuple[servers.MqttBroker, Path]]:
    """A broker that wants TLS and a password, and its certificate."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    with servers.scratch("tls") as folder:
        certificate, key = folder / "cert.pem", folder / "key.pem"
        make = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1")
        named = ("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate))
        subprocess.run((openssl, *make, *named), check=True, capture_output=True)
        key.chmod(0o644)  # the broker runs as another user
        tls = {"certfile": str(certificate), "keyfile": str(key)}
        with servers.mosquitto_broker({OPERATOR: "p@ss/word"}, tls) as running:
            yield running, certificate


@pytest.fixture
def own_postgres() -> Iterator[tuple[servers.Postgres, str]]:
    """A server of this test alone, to be stopped, and a migrated database in it."""
    with servers.postgres_server() as server, server.database(server.make_template()) as dsn:
        yield server, dsn


async def test_messages_published_while_ingest_is_down_arrive(
    edition_database: str, broker: servers.MqttBroker
) -> None:
    """The session outlives the worker and keeps what comes meanwhile; all of it is booked exactly."""
    async with connection(edition_database) as con:
        fleet = await make_fleet(con, 20)
        async with worker(settings_for(edition_database, broker.url)):
            pass
        await publish(broker.url, fleet.posts(2000))
        async with worker(settings_for(edition_database, broker.url)):
            await until(lambda: holds(con, 2000))
        assert await energy(con) == 20 * 99 * 1000


async def test_the_broker_of_machines_without_mosquitto_keeps_messages_too(
    database: str, iotcore: servers.MqttBroker
) -> None:
    """Stopped and started again with a queue, and cut off in between: iotcore's session resumes."""
    async with connection(database) as con, proxied(iotcore.url) as proxy:
        fleet = await make_fleet(con, 20)
        for part in range(3):
            async with worker(settings_for(database, proxy.url)):
                await until(partial(holds, con, 2000 * part))
                await publish(iotcore.url, fleet.posts(1000, first=100 * part))
                proxy.cut()
            await publish(iotcore.url, fleet.posts(1000, first=100 * part + 50))
        async with worker(settings_for(database, proxy.url)):
            await until(lambda: holds(con, 6000))
        assert await energy(con) == 20 * 299 * 1000


async def test_another_kind_of_subscription_replaces_the_earlier_one(database: str, broker: servers.MqttBroker) -> None:
    """Both at once would deliver everything twice; what waited under the earlier one is booked."""
    async with connection(database) as con:
        fleet = await make_fleet(con, 20)
        for part, is_shared in enumerate((False, True, False)):
            async with worker(settings_for(database, broker.url, shared_subscription=is_shared)):
                await until(partial(holds, con, 400 * part))
                await publish(broker.url, fleet.posts(200, first=20 * part))
                await until(partial(holds, con, 400 * part + 200))
            await publish(broker.url, fleet.posts(200, first=20 * part + 10))
        assert await counted(con, "duplicates") == 0


async def test_a_broker_with_tls_and_passwords(database: str, tls_broker: tuple[servers.MqttBroker, Path]) -> None:
    """mqtts:// with our own CA and a password; a wrong password is said in the health page and tried again."""
    broker, ca = tls_broker
    url = broker.url.replace("mqtt://", "mqtts://")
    async with connection(database) as con:
        fleet = await make_fleet(con, 1)
        stop = asyncio.Event()
        wrong = settings_for(database, url.replace("word@", "wort@"), broker_ca=ca)
        refused = Worker(wrong, slot=None, workers=1, stop=stop)
        task = asyncio.create_task(refused.run())
        await until(lambda: "not authorised" in refused.metrics.broker.problem)
        stop.set()
        await task
        async with worker(settings_for(database, url, broker_ca=ca)) as running:
            await publish(url, [fleet.post(0, 0)], ca=ca)
            await until(lambda: holds(con, 1))
            ends_s = running.metrics.registry.get_sample_value("tanfeng_ingest_broker_certificate_ends_seconds")
            words = ("openssl", "x509", "-in", str(ca), "-noout", "-enddate")
            said = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()  # noqa: ASYNC221
            assert ends_s == ssl.cert_time_to_seconds(said.removeprefix("notAfter="))


async def test_a_login_of_the_ingest_role_is_enough(database: str, broker: servers.MqttBroker) -> None:
    """Booking, rejecting and slots need no more rights than tanfeng_ingest has."""
    login = "ingest_" + database.rpartition("/")[2]
    async with connection(database) as con:
        await con.execute(f"CREATE ROLE {login} LOGIN IN ROLE tanfeng_ingest")
        try:
            fleet = await make_fleet(con, 20)
            async with worker(settings_for(database.replace("tanfeng@", f"{login}@"), broker.url)):
                late = [*fleet.posts(1000, first=50), *fleet.posts(1000)]
                await publish(broker.url, [*late, late[0], ("keu/v1/works/none/readings", b"{}")])
                await until(lambda: holds(con, 2000))
                await until(lambda: rejected(con))
            assert await energy(con) == 20 * 99 * 1000
        finally:
            await con.execute(f"DROP ROLE {login}")


async def test_nothing_is_acknowledged_before_its_commit(database: str, broker: servers.MqttBroker) -> None:
    """While the transaction waits for a lock no ack leaves; after it there is one for each message."""
    async with connection(database) as con, connection(database) as other, proxied(broker.url) as proxy:
        fleet = await make_fleet(con, 5)
        async with worker(settings_for(database, proxy.url)) as running:
            async with other.transaction():
                await other.execute("SELECT FROM core.register_state FOR UPDATE")
                await publish(broker.url, fleet.posts(500))
                await until(lambda: running.inbox.held_messages == 500)
                await until(lambda: waits_for_lock(con))
                assert proxy.acks == 0
            await until(lambda: proxy.acks == 500)
            assert await stored(con) == 500


async def test_redelivery_is_harmless(database: str, broker: servers.MqttBroker) -> None:
    """Acks lost on the way: all comes again over the next connection and is found as duplicates."""
    async with connection(database) as con, proxied(broker.url) as proxy:
        fleet = await make_fleet(con, 5)
        async with worker(settings_for(database, proxy.url)) as running:
            proxy.swallow = True
            await publish(broker.url, fleet.posts(500))
            await until(lambda: proxy.acks == 500)
            proxy.swallow = False
            proxy.cut()
            await until(lambda: holds_counted(con, "duplicates", 500))
            await until(lambda: running.inbox.held_messages == 0)
        assert await stored(con) == 500
        assert await energy(con) == 5 * 99 * 1000


async def test_reading_stops_at_the_bound_and_goes_on_after(database: str, broker: servers.MqttBroker) -> None:
    """With the database stuck, no more than the bound and one read of the socket are held; nothing is lost."""
    async with connection(database) as con, connection(database) as other:
        fleet = await make_fleet(con, 5)
        posts = fleet.posts(20_000)
        size = min(len(topic) + len(payload) for topic, payload in posts)
        async with worker(settings_for(database, broker.url, queue_messages=1000)) as running:
            async with other.transaction():
                await other.execute("SELECT FROM core.register_state FOR UPDATE")
                await publish(broker.url, posts)
                await until(lambda: running.inbox.paused)
                assert 1000 <= running.inbox.held_messages <= 1000 + ONE_READ // size
            await until(lambda: holds(con, 20_000))
        assert await energy(con) == 5 * 3999 * 1000


async def test_a_bad_row_is_rejected_and_the_rest_booked(database: str, broker: servers.MqttBroker) -> None:
    """Halving finds the one row that the database refuses; its neighbours are booked, in its own message too."""
    async with connection(database) as con:
        fleet = await make_fleet(con, 5)
        await con.execute(
            f"ALTER TABLE core.reading ADD CHECK (NOT (value = 13000 AND register_id = {fleet.registers[2]}))"
        )
        async with worker(settings_for(database, broker.url)):
            await publish(broker.url, fleet.posts(500))
            await until(lambda: holds(con, 499))
            await until(lambda: rejected(con))
        assert await rejected(con) == {"store_error": 1}
        assert await energy(con) == 5 * 99 * 1000


async def test_the_fix_of_an_unknown_meter_is_registering_it_and_replaying(
    database: str, broker: servers.MqttBroker
) -> None:
    """Rejected with its bytes; once the meter is registered new messages pass and the old is replayed once."""
    async with connection(database) as con:
        fleet = await make_fleet(con, 1)
        async with worker(settings_for(database, broker.url)):
            await publish(broker.url, [fleet.post(0, 0), fleet.post(7, 1)])
            await until(lambda: rejected(con))
            await make_fleet(con, 1, first=7)
            await publish(broker.url, [fleet.post(7, 2)])
            await until(lambda: holds(con, 2))
        ids = [row["rejection_id"] for row in await con.fetch("SELECT rejection_id FROM core.rejection")]
        results = await replay(con, ids, limits_of(settings_for(database, broker.url)), "tester")
        assert [(each.still, each.accepted) for each in results] == [("", 1)]
        assert await energy(con) == 1000
        assert await con.fetchval("SELECT count(*) FROM core.rejection WHERE replayed_at IS NULL") == 0


async def test_a_conflict_is_rejected_and_the_first_value_stands(database: str, broker: servers.MqttBroker) -> None:
    """Another value for a stored key is kept as a rejection that names both."""
    async with connection(database) as con:
        fleet = await make_fleet(con, 1)
        topic, first = fleet.post(0, 5)
        async with worker(settings_for(database, broker.url)):
            await publish(broker.url, [(topic, first)])
            await until(lambda: holds(con, 1))
            await publish(broker.url, [(topic, first.replace(b":5}", b":6}"))])
            await until(lambda: rejected(con))
        row = await con.fetchrow("SELECT code, detail FROM core.rejection")
        assert row is not None
        assert (row["code"], row["detail"]) == ("conflict", "6.000 received, 5.000 stands")
        assert await con.fetchval("SELECT value FROM core.reading") == 5000


async def test_a_flood_is_counted_and_not_stored(database: str, broker: servers.MqttBroker) -> None:
    """Beyond the enterprise's tokens distinct rejections are only counted; identical ones are one row."""
    async with connection(database) as con:
        fleet = await make_fleet(con, 1)
        topic, _ = fleet.post(0, 0)
        async with worker(settings_for(database, broker.url, rejections_per_minute=20)):
            await publish(broker.url, [(topic, b"the same")] * 1000)
            await publish(broker.url, [(topic, b"another %d" % n) for n in range(1000)])
            await until(lambda: holds_counted(con, "rejected", 2000))
        assert await con.fetchval("SELECT seen_count FROM core.rejection WHERE payload = 'the same'") == 1000
        assert await con.fetchval("SELECT count(*) FROM core.rejection") < 30
        assert await rejected(con) == {"not_json": 2000}
        assert await con.fetchval("SELECT enterprise FROM core.rejection_flood LIMIT 1") == "works"


async def test_a_retained_message_is_booked_when_new_and_rejected_when_old(
    database: str, broker: servers.MqttBroker
) -> None:
    """Reconnecting brings no stored copies; a new session gets each once, and says so in a rejection."""
    async with connection(database) as con:
        fleet = await make_fleet(con, 2)
        for n in range(3):
            async with worker(settings_for(database, broker.url)):
                await publish(broker.url, [fleet.post(0, n)], retain=True)
                await publish(broker.url, [fleet.post(1, n)])
                await until(partial(holds, con, 2 * n + 2))
        assert await counted(con, "duplicates") == 0
        assert await rejected(con) == {}
        async with worker(settings_for(database, broker.url, ingest_group="other")):
            await until(lambda: rejected(con))
        assert await rejected(con) == {"retained": 1}


async def test_the_database_may_restart_under_load(
    own_postgres: tuple[servers.Postgres, str], broker: servers.MqttBroker
) -> None:
    """The batch is kept in memory, unacknowledged, and booked when the database is back."""
    server, dsn = own_postgres
    async with connection(dsn) as con:
        fleet = await make_fleet(con, 20)
    async with worker(settings_for(dsn, broker.url)) as running, publisher(broker.url) as to:
        for part in range(3):
            await to.publish(fleet.posts(1000, first=part * 100))
            await asyncio.to_thread(server.stop)
            await to.publish(fleet.posts(1000, first=part * 100 + 50))
            await until(lambda: not running.metrics.database.is_here)
            server.start()  # in this thread: servers end with the thread that started them
            await until(lambda: running.metrics.database.is_here)
        async with connection(dsn) as con:
            await until(lambda: holds(con, 6000))
            assert await energy(con) == 20 * 299 * 1000


async def test_the_broker_may_restart_under_load(database: str, broker: servers.MqttBroker) -> None:
    """A clean restart keeps the session, its subscription and its queue; ingest comes back by itself."""
    async with connection(database) as con:
        fleet = await make_fleet(con, 20)
        async with worker(settings_for(database, broker.url)) as running:
            for part in range(3):
                # the next round's go out before ingest has connected again
                await publish(broker.url, fleet.posts(2000, first=part * 100))
                await asyncio.to_thread(broker.stop)
                await until(lambda: not running.metrics.broker.is_here)
                broker.start()  # in this thread: servers end with the thread that started them
            await until(lambda: holds(con, 6000))
        assert await energy(con) == 20 * 299 * 1000
