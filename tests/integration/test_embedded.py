"""The embedded servers: real PostgreSQL and brokers, as root and as a plain user, through crashes."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import asyncpg
import paho.mqtt.client as paho
import psutil
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tanfeng.embedded.broker import OPERATOR, SAVE_EVERY_S, Broker
from tanfeng.embedded.identity import unprivileged
from tanfeng.embedded.ports import LOOPBACK, free_port
from tanfeng.embedded.postgres import PostgresServer
from tests import servers


@pytest.fixture(params=["open", "closed"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A state folder, with parents open to other users or not: as root the two take different ways."""
    if request.param == "closed":
        tmp_path.chmod(0o700)
        return tmp_path
    scratch: Path = request.getfixturevalue("open_folder")
    return scratch


@pytest.fixture
def open_folder() -> object:
    """A folder that every user reaches."""
    with servers.scratch("embedded") as made:
        yield made


async def query(dsn: str, statement: str) -> object:
    """One value."""
    con = await asyncpg.connect(dsn)
    try:
        return await con.fetchval(statement)
    finally:
        await con.close()


async def test_postgres_keeps_its_data_through_kill_and_restart(folder: Path) -> None:
    """What was committed before kill -9 of the server is there afterwards; it asks for the password."""
    server = PostgresServer(folder, free_port(), "a secret:@/")
    server.prepare()
    running = servers.Postgres(server, folder / "log")
    running.start()
    await query(server.dsn(), "CREATE TABLE kept AS SELECT 42 AS n")
    running.kill()
    running.start()
    try:
        assert await query(server.dsn(), "SELECT n FROM kept") == 42
        with pytest.raises(asyncpg.InvalidPasswordError):
            await query(PostgresServer(folder, server.port, "wrong").dsn(), "SELECT 1")
    finally:
        running.stop()


def capabilities(pid: int) -> int:
    """What of root's power a process has; on Linux."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("CapEff:")), 16)


def test_postgres_does_not_run_as_root(folder: Path) -> None:
    """As root the server has another user, or no more than a plain user's rights; never root's."""
    server = PostgresServer(folder, free_port())
    server.prepare()
    running = servers.Postgres(server, folder / "log")
    running.start()
    try:
        assert capabilities(running.pid) == 0
        identity = server.identity()
        if identity is not None and not identity.prefix:
            assert psutil.Process(running.pid).uids().real == identity.uid != 0
    finally:
        running.stop()


async def test_a_creation_cut_short_is_begun_anew(open_folder: Path) -> None:
    """Only a finished data directory carries its name."""
    (open_folder / "data.new").mkdir()
    (open_folder / "data.new" / "half").write_text("")
    server = PostgresServer(open_folder, free_port())
    server.prepare()
    assert not (open_folder / "data.new").exists()
    assert (server.data / "PG_VERSION").exists()


async def test_an_old_server_is_ended_before_a_new_one_starts(open_folder: Path) -> None:
    """A server that outlived its supervisor never shares its data with the next one."""
    server = PostgresServer(open_folder, free_port())
    server.prepare()
    old, new = (servers.Postgres(server, open_folder / name) for name in ("old.log", "new.log"))
    old.start()
    new.start()
    try:
        assert old._process is not None
        assert old._process.wait(10) == 0
    finally:
        new.stop()


async def test_the_programs_of_an_installed_postgres_serve_too(open_folder: Path) -> None:
    """--postgres-bin: any version's postgres and initdb are enough."""
    server = PostgresServer(open_folder, free_port(), bin_dir=servers.timescale_programs())
    server.prepare()
    running = servers.Postgres(server, open_folder / "log")
    running.start()
    try:
        assert str(await query(server.dsn(), "SHOW server_version")).startswith("17.")
    finally:
        running.stop()


class Client:
    """A paho client that connects, publishes QoS 1 and collects what it receives."""

    def __init__(self, url: str, name: str, *, user: tuple[str, str] | None = None) -> None:
        self.received: asyncio.Queue[bytes] = asyncio.Queue()
        self.subscribed = asyncio.Event()
        self.loop = asyncio.get_running_loop()
        self.paho = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
        if user:
            self.paho.username_pw_set(*user)
        self.paho.on_message = self._on_message
        self.paho.on_subscribe = self._on_subscribe
        self.url = urlsplit(url)

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        self.loop.call_soon_threadsafe(self.received.put_nowait, bytes(message.payload))

    def _on_subscribe(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.subscribed.set)

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.paho.connect, self.url.hostname or "", self.url.port or 0)
        self.paho.loop_start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.paho.disconnect()
        await asyncio.to_thread(self.paho.loop_stop)

    async def subscribe(self, topic: str) -> None:
        """Subscribe with QoS 1 and wait for the broker's answer."""
        self.paho.subscribe(topic, qos=1)
        await asyncio.wait_for(self.subscribed.wait(), 10)

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 1 and wait for the broker's answer."""
        message = self.paho.publish(topic, payload, qos=1)
        await asyncio.to_thread(message.wait_for_publish, 10)
        assert message.is_published()

    async def next(self) -> bytes:
        """The next payload received."""
        return await asyncio.wait_for(self.received.get(), 10)


async def test_mosquitto_keeps_a_queue_through_a_restart(folder: Path) -> None:
    """What was acknowledged while the subscriber was away is delivered after the broker came back."""
    broker = Broker(folder, free_port(), program=servers.mosquitto_program())
    broker.prepare()
    running = servers.MqttBroker(broker, folder / "log")
    running.start()
    try:
        async with Client(broker.url, "reader") as reader:
            await reader.subscribe("keu/#")
        async with Client(broker.url, "meter") as meter:
            await meter.publish("keu/v1/steel-a/m1/readings", b"first")
        running.stop()
        running.start()
        async with Client(broker.url, "reader") as reader:
            assert await reader.next() == b"first"
    finally:
        running.stop()


async def test_mosquitto_saves_its_queue_within_seconds(open_folder: Path) -> None:
    """What waited longer than the interval of saving outlives kill -9 of the broker."""
    broker = Broker(open_folder, free_port(), program=servers.mosquitto_program())
    broker.prepare()
    running = servers.MqttBroker(broker, open_folder / "log")
    running.start()
    try:
        async with Client(broker.url, "reader") as reader:
            await reader.subscribe("keu/#")
        async with Client(broker.url, "meter") as meter:
            await meter.publish("keu/v1/steel-a/m1/readings", b"first")
        await asyncio.to_thread(wait_until_saved, open_folder / "mosquitto.db", time.time())
        running.kill()
        running.start()
        async with Client(broker.url, "reader") as reader:
            assert await reader.next() == b"first"
    finally:
        running.stop()


def wait_until_saved(file: Path, moment: float) -> None:
    """Wait until the broker has written its file later than that."""
    deadline = moment + SAVE_EVERY_S + 5
    while not file.exists() or file.stat().st_mtime <= moment:
        assert time.time() < deadline, "not saved in time"
        time.sleep(0.05)


async def test_mosquitto_holds_more_than_its_default_queue(mosquitto: str) -> None:
    """3,000 acknowledged messages wait for an absent subscriber; the program's default drops all above 1,000."""
    topic = "keu/v1/queue/m1/readings"
    async with Client(mosquitto, "absent") as reader:
        await reader.subscribe(topic)
    async with Client(mosquitto, "sender") as sender:
        sent = [sender.paho.publish(topic, b"%d" % number, qos=1) for number in range(3000)]
        await asyncio.to_thread(sent[-1].wait_for_publish, 20)
    async with Client(mosquitto, "absent") as reader:
        assert [await reader.next() for _ in range(3000)] == [b"%d" % number for number in range(3000)]


async def test_an_enterprise_publishes_only_its_own_topics() -> None:
    """With passwords a user named by its enterprise's code is kept to that enterprise, and reads nothing."""
    passwords = {OPERATOR: "op secret", "steel-a": "1", "tyre-b": "2"}
    with servers.mosquitto_broker(passwords) as running:
        url = running.url
        async with Client(url, "operator", user=(OPERATOR, "op secret")) as operator:
            await operator.subscribe("keu/#")
            async with Client(url, "thief", user=("tyre-b", "2")) as thief:
                await thief.publish("keu/v1/steel-a/m1/readings", b"forged")
                await thief.subscribe("keu/#")
            async with Client(url, "owner", user=("steel-a", "1")) as owner:
                await owner.publish("keu/v1/steel-a/m1/readings", b"true")
            assert await operator.next() == b"true"
            assert operator.received.empty()
            assert thief.received.empty()


def test_iotcore_listens_on_loopback_only(tmp_path: Path) -> None:
    """The fallback broker serves 127.0.0.1 and no other address of this machine."""
    broker = Broker(tmp_path, free_port())
    broker.prepare()
    running = servers.MqttBroker(broker, tmp_path / "log")
    running.start()
    try:
        listening = {c.laddr.ip for c in psutil.Process(running.pid).net_connections() if c.status == "LISTEN"}
        assert listening == {LOOPBACK}
    finally:
        running.stop()


async def test_iotcore_takes_payloads_as_large_as_ours(tmp_path: Path) -> None:
    """A gateway's message of one mebibyte passes; its default allows 20 KiB."""
    broker = Broker(tmp_path, free_port())
    broker.prepare()
    running = servers.MqttBroker(broker, tmp_path / "log")
    running.start()
    try:
        async with Client(broker.url, "reader", user=(OPERATOR, "")) as reader:
            await reader.subscribe("keu/#")
            async with Client(broker.url, "gateway", user=(OPERATOR, "")) as gateway:
                await gateway.publish("keu/v1/steel-a/readings", bytes(1024 * 1024))
            assert len(await reader.next()) == 1024 * 1024
    finally:
        running.stop()


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root changes its user")
def test_root_takes_an_unprivileged_user_only_where_it_reaches(tmp_path: Path) -> None:
    """An open folder: another user; a closed one: a user namespace; what exists: its owner."""
    tmp_path.chmod(0o700)
    with servers.scratch("identity") as folder:
        there = unprivileged((folder / "data",), folder / "data")
        assert there is not None
        assert there.uid != 0
        here = unprivileged((tmp_path / "data" / "deeper",), tmp_path / "data" / "deeper")
        assert here is not None
        assert here.prefix
        (folder / "kept").touch()
        os.chown(folder / "kept", 4321, 4321)
        kept = unprivileged((folder / "kept",), folder / "kept")
        assert kept is not None
        assert kept.uid == 4321


def test_free_ports_are_free() -> None:
    """The port given can be bound."""
    with socket.create_server((LOOPBACK, free_port())) as server:
        assert server.fileno() >= 0
