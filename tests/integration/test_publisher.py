"""The simulators' publisher against a real Mosquitto."""

from __future__ import annotations

import threading
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from services.errors import TanfengError
from simulators.publisher import Publisher, endpoint
from simulators.sample import Message
from tanfeng.embedded.ports import free_port
from tests import servers

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 20.0


class Listener:
    """Collects the payloads of one topic."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self.subscribed = threading.Event()
        self._changed = threading.Condition()

    def add(self, payload: bytes) -> None:
        """Called for each message."""
        with self._changed:
            self.payloads.append(payload)
            self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        """Until so many different payloads are there."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(set(self.payloads)) >= count, PATIENCE_S)


@contextmanager
def listening(url: str, topic: str) -> Iterator[Listener]:
    """A subscriber of one topic."""
    where, listener = endpoint(url), Listener()
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_subscribe = lambda *_: listener.subscribed.set()
    client.on_message = lambda _client, _data, message: listener.add(bytes(message.payload))
    client.connect(where.host, where.port)
    client.loop_start()
    client.subscribe(topic, qos=1)
    assert listener.subscribed.wait(PATIENCE_S)
    try:
        yield listener
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.fixture
def topic() -> str:
    """A topic of this test alone."""
    return f"test/{uuid.uuid4().hex}"


def test_everything_sent_is_acked_and_arrives(mosquitto: str, topic: str) -> None:
    """Three connections with small windows: nothing is dropped, every PUBACK is counted."""
    with listening(mosquitto, topic) as listener:
        with Publisher(mosquitto, name=topic[5:], connections=3, window=20) as publisher:
            for number in range(1000):
                publisher.publish(Message(topic, str(number).encode()))
            publisher.drain(PATIENCE_S)
            assert (publisher.sent, publisher.acked) == (1000, 1000)
        listener.wait_for(1000)
    assert sorted(map(int, listener.payloads)) == list(range(1000))


def test_one_connection_keeps_its_order(mosquitto: str, topic: str) -> None:
    """What is published on one connection arrives in the order of publishing."""
    with listening(mosquitto, topic) as listener:
        with Publisher(mosquitto, name=topic[5:], connections=2, window=100) as publisher:
            for number in range(300):
                publisher.publish_on(1, Message(topic, str(number).encode()))
            publisher.drain(PATIENCE_S)
        listener.wait_for(300)
    assert listener.payloads == [str(number).encode() for number in range(300)]


def test_a_broker_that_starts_later_gets_everything() -> None:
    """What is published before the broker is there waits for it."""
    with servers.mosquitto_broker() as broker:
        broker.stop()
        with Publisher(broker.url, name="early") as publisher:
            publisher.publish(Message("test/early", b"1"))
            assert publisher.acked == 0
            broker.start()
            publisher.drain(PATIENCE_S)
            assert publisher.acked == 1


def test_a_killed_broker_gets_again_what_it_had_not_acked() -> None:
    """After kill -9 of the broker and its restart, everything ends acknowledged."""
    with servers.mosquitto_broker() as broker, Publisher(broker.url, name="again", window=50) as publisher:
        for number in range(200):
            publisher.publish(Message("test/again", str(number).encode()))
        broker.kill()
        while publisher.sent - publisher.acked < 50:  # fill the window while nobody is there
            publisher.publish(Message("test/again", b"away"))
        broker.start()
        for number in range(200):
            publisher.publish(Message("test/again", str(number).encode()))
        publisher.drain(PATIENCE_S)
        assert publisher.acked == publisher.sent >= 400


def test_no_broker_is_said_with_its_address() -> None:
    """A full window that does not move ends in an error a person can mend."""
    port = free_port()
    with Publisher(f"mqtt://127.0.0.1:{port}", name="alone", window=1) as publisher:
        publisher.publish(Message("test/alone", b""))
        with pytest.raises(TanfengError, match=f"127.0.0.1:{port} takes no messages: cannot connect"):
            publisher.publish(Message("test/alone", b""), timeout_s=1.5)


def test_an_url_that_is_not_mqtt_is_refused() -> None:
    """User, password and port come out of the URL; another scheme is an error."""
    where = endpoint("mqtts://plant%40a:s%3Acret@broker.example")
    assert (where.host, where.port, where.user, where.password) == ("broker.example", 8883, "plant@a", "s:cret")
    with pytest.raises(TanfengError, match="not mqtt"):
        endpoint("http://broker.example")
