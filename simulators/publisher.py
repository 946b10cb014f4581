"""Publishes over MQTT and knows what the broker has acknowledged; the only paho client of the simulators.

QoS 1 with a bounded window: `publish` waits while `window` messages of its connection are not acknowledged, so a slow
broker slows the publisher and nothing is dropped. paho repeats what was not acknowledged after a reconnect, so
a message may arrive twice, never less than once.
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from services.errors import TanfengError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from paho.mqtt.client import ConnectFlags, DisconnectFlags
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

    from simulators.sample import Message

PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_PATIENCE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A broker's address out of `mqtt[s]://user:password@host:port`."""

    host: str
    port: int
    user: str | None
    password: str | None
    tls: bool


def endpoint(url: str) -> Endpoint:
    """Read a broker's URL.

    Raises:
        TanfengError: It is not mqtt:// or mqtts:// with a host.
    """
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise TanfengError("the broker's URL is not mqtt:// or mqtts://", "write mqtt://user:password@host:1883")
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    port = parts.port or PORTS[parts.scheme]
    return Endpoint(parts.hostname, port, user, password, parts.scheme == "mqtts")


class Publisher:
    """Some connections to one broker, counting what was sent and what was acknowledged."""

    def __init__(
        self, url: str, *, name: str, connections: int = 1, window: int = 1000, broker_ca: Path | None = None
    ) -> None:
        self.endpoint = endpoint(url)
        # who knows the id of a client can throw it out, whatever his own user may do
        ids = [f"{name}-{n}-{secrets.token_hex(8)}" for n in range(connections)]
        self._lines = [_Line(self.endpoint, client_id, window, broker_ca) for client_id in ids]
        self._next = 0

    def __enter__(self) -> Self:
        for line in self._lines:
            line.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def sent(self) -> int:
        """Messages handed over so far, those waiting for a connection included."""
        return sum(line.sent for line in self._lines)

    @property
    def acked(self) -> int:
        """Messages the broker has acknowledged."""
        return sum(line.acked for line in self._lines)

    @property
    def problem(self) -> str:
        """Why a connection is not up, or nothing."""
        return next((line.problem for line in self._lines if line.problem), "")

    def publish(self, message: Message, *, retain: bool = False, timeout_s: float = 60.0) -> None:
        """Send one message on the next connection; waits while its window is full.

        Raises:
            TanfengError: The window stayed full for `timeout_s`: the broker is away or takes nothing.
        """
        line = self._lines[self._next]
        self._next = (self._next + 1) % len(self._lines)
        line.publish(message, retain=retain or message.retain, timeout_s=timeout_s)

    def publish_on(self, connection: int, message: Message, *, timeout_s: float = 60.0) -> None:
        """Send on a chosen connection: messages of one connection arrive in order."""
        self._lines[connection % len(self._lines)].publish(message, retain=False, timeout_s=timeout_s)

    def listen(self, topic: str, heard: Callable[[bytes], None]) -> None:
        """Call `heard` with every payload of a topic, on paho's thread; again after a reconnect."""
        self._lines[0].listen(topic, heard)

    def drain(self, timeout_s: float = 60.0) -> None:
        """Wait until everything sent is acknowledged.

        Raises:
            TanfengError: It is not within `timeout_s`.
        """
        until = time.monotonic() + timeout_s
        for line in self._lines:
            line.drain(until)

    def close(self) -> None:
        """Disconnect; what is not acknowledged by now may be lost."""
        for line in self._lines:
            line.stop()


class _Line:
    """One connection: a paho client with its thread, and the window."""

    def __init__(self, where: Endpoint, client_id: str, window: int, broker_ca: Path | None) -> None:
        self.sent = 0
        self.acked = 0
        self.problem = "not connected yet"
        self._where = where
        self._window = window
        self._topic = ""
        self._changed = threading.Condition()
        self._client = _client(where, client_id, broker_ca)
        self._client.max_inflight_messages_set(window)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish

    def listen(self, topic: str, heard: Callable[[bytes], None]) -> None:
        self._topic = topic
        self._client.on_message = lambda _client, _data, message: heard(bytes(message.payload))
        if self._client.is_connected():
            self._client.subscribe(topic, qos=1)

    def start(self) -> None:
        self._client.connect_async(self._where.host, self._where.port, keepalive=30)
        self._client.loop_start()

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, message: Message, *, retain: bool, timeout_s: float) -> None:
        with self._changed:
            self._wait(lambda: self.sent - self.acked < self._window, time.monotonic() + timeout_s)
            self.sent += 1
        # The count of acknowledgements is enough: paho keeps and repeats the message until its PUBACK.
        self._client.publish(message.topic, message.payload, qos=1, retain=retain)

    def drain(self, until: float) -> None:
        with self._changed:
            self._wait(lambda: self.acked >= self.sent, until)

    def _wait(self, ready: Callable[[], bool], until: float) -> None:
        """Under the lock, in short naps, so that a signal's exception can end it."""
        while not ready():
            if time.monotonic() > until:
                why = self.problem or "connected, but nothing is acknowledged"
                raise TanfengError(
                    f"the broker {self._where.host}:{self._where.port} takes no messages: {why}",
                    "start the broker, or give its URL with --broker",
                )
            self._changed.wait(_PATIENCE_S)

    def _on_connect(
        self, client: Client, _data: object, _flags: ConnectFlags, code: ReasonCode, _more: Properties | None
    ) -> None:
        self.problem = str(code) if code.is_failure else ""
        if self._topic and not code.is_failure:
            client.subscribe(self._topic, qos=1)

    def _on_connect_fail(self, _client: Client, _data: object) -> None:
        self.problem = "cannot connect"

    def _on_disconnect(
        self, _client: Client, _data: object, _flags: DisconnectFlags, code: ReasonCode, _more: Properties | None
    ) -> None:
        self.problem = self.problem or f"connection lost: {code}"

    def _on_publish(
        self, _client: Client, _data: object, _mid: int, _code: ReasonCode, _more: Properties | None
    ) -> None:
        with self._changed:
            self.acked += 1
            self._changed.notify_all()


def _client(where: Endpoint, client_id: str, broker_ca: Path | None) -> Client:
    """A paho client that keeps trying, waiting one to ten seconds between attempts."""
    client = Client(
        CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv311, clean_session=True
    )
    client.reconnect_delay_set(min_delay=1, max_delay=10)
    client.max_queued_messages_set(0)
    if where.user is not None:
        client.username_pw_set(where.user, where.password)
    if where.tls:
        client.tls_set(ca_certs=str(broker_ca) if broker_ca else None)
    return client
