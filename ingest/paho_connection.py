"""The same connection by paho-mqtt, driven by our event loop; chosen with `TANFENG_MQTT_CLIENT=paho`.

Slower than `ingest.connection` (docs/adr/0004), but a library that others maintain: the choice for a broker with which
the native one should ever disagree. The only module of ingest that imports paho.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING, Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from ingest.connection import ANSWER_S, LEAVE_S, Broker, BrokerError
from ingest.packets import Message, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from paho.mqtt.client import ConnectFlags, DisconnectFlags, MQTTMessage, SocketLike
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

    from ingest.inbox import Aside, Inbox

_BURST: Final = 500
"""Packets read at most before the loop gets its turn."""
_NO_TOPIC: Final = "keu/v1/barrier"


class PahoConnection:
    """Delivers to the inbox and acknowledges what was committed. Open one with `connect`."""

    def __init__(self, inbox: Inbox, broker: Broker, client_id: str, *, clean: bool, aside: Aside | None) -> None:
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[str] = self._loop.create_future()
        """Done when the connection has ended, with the reason."""
        self.received = 0
        self.unacked = 0
        self._inbox = inbox
        self._aside = aside
        self._broker = broker
        self._read: list[Message] = []
        self._answers: dict[str, asyncio.Future[int]] = {}
        self._socket: int | None = None
        self._paused = False
        self._logged_in = False
        self._leaving = False
        self._tick: asyncio.TimerHandle | None = None
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id, clean, protocol=MQTTProtocolVersion.MQTTv311, manual_ack=True
        )
        self._client.connect_timeout = ANSWER_S
        if broker.user is not None:
            self._client.username_pw_set(broker.user, broker.password)
        if broker.tls is not None:
            self._client.tls_set_context(broker.tls)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_answer("subscribe")
        self._client.on_unsubscribe = self._on_answer("unsubscribe")
        self._client.on_message = self._on_message
        self._client.on_disconnect = self._on_disconnect
        self._client.on_socket_close = self._on_socket_close

    @property
    def certificate_ends_s(self) -> float:
        """When the broker's certificate ends, in seconds since 1970; 0 without TLS."""
        socket = self._client.socket()
        shown = socket.getpeercert() if isinstance(socket, ssl.SSLSocket) else None
        return float(ssl.cert_time_to_seconds(str(shown["notAfter"]))) if shown else 0.0

    # --- the inbox's side

    def pause(self) -> None:
        """Stop reading: the broker keeps what comes."""
        self._paused = True
        if self._socket is not None:
            self._loop.remove_reader(self._socket)

    def resume(self) -> None:
        """Read again."""
        self._paused = False
        if self._socket is not None:
            self._loop.add_reader(self._socket, self._readable)

    def ack(self, mids: list[bytes]) -> None:
        """Acknowledge; a closed connection's ids mean nothing any more, its messages will come again."""
        self.unacked -= len(mids)
        if not self.closed.done():
            for mid in mids:
                self._client.ack(int.from_bytes(mid, "big"), 1)
            self._flush()

    # --- the subscriber's side

    async def log_in(self) -> bool:
        """Connect; true if the broker kept a session of this client id.

        Raises:
            BrokerError: the broker cannot be reached or refuses.
        """
        answer = self._answers["connect"] = self._loop.create_future()
        broker = self._broker
        try:
            # In a thread: paho's connect blocks, and what is in memory goes on being committed meanwhile.
            await asyncio.to_thread(self._client.connect, broker.host, broker.port, broker.keepalive_s)
        except OSError as problem:
            raise BrokerError(f"cannot reach {broker.host}:{broker.port}: {problem}") from problem
        sock = self._client.socket()
        if sock is None:
            raise BrokerError("the broker closed the connection at once")
        self._socket = sock.fileno()
        self._loop.add_reader(self._socket, self._readable)
        self._inbox.join(self)
        self._misc()
        has_session = bool(await self._wait(answer))
        self._logged_in = True
        return has_session

    async def subscribe(self, topic_filter: str, also: Sequence[str] = ()) -> None:
        """Subscribe at QoS 1; and to others at QoS 0, which the broker may refuse.

        Raises:
            BrokerError: refused (the ACL does not allow it), or no answer.
        """
        answer = self._answers["subscribe"] = self._loop.create_future()
        self._client.subscribe([*((each, 0) for each in also), (topic_filter, 1)])
        if await self._wait(answer):
            raise BrokerError(f"the broker refuses the subscription to {topic_filter}")

    async def subscribe_again(self, topics: Sequence[str]) -> None:
        """Ask for what is retained under topics that the session has at QoS 0; the broker may refuse."""
        answer = self._answers["subscribe"] = self._loop.create_future()
        self._client.subscribe([(each, 0) for each in topics])
        await self._wait(answer)

    async def unsubscribe(self, topic_filter: str) -> None:
        """Stop new messages; those already queued for this client still come."""
        answer = self._answers["unsubscribe"] = self._loop.create_future()
        self._client.unsubscribe(topic_filter)
        await self._wait(answer)

    async def barrier(self) -> None:
        """Wait until the broker has handled all that was sent before, and what it sent on that has come."""
        await self.unsubscribe(_NO_TOPIC)

    async def disconnect(self) -> None:
        """Leave in order, once the broker has read the acks (see `ingest.connection`).

        The session with what is queued and unacknowledged stays at the broker.
        """
        self._leaving = True
        self._inbox.leave(self)
        if self._logged_in and not self.closed.done():
            self.resume()
            with contextlib.suppress(BrokerError, TimeoutError):
                async with asyncio.timeout(LEAVE_S):
                    await self.barrier()
        self._client.disconnect()
        if self._socket is not None and not self.closed.done():
            await asyncio.wait([self.closed], timeout=ANSWER_S)

    # --- paho's side, all on the loop's thread

    def _readable(self) -> None:
        for _ in range(_BURST):
            before = len(self._read)
            if self._client.loop_read() is not MQTTErrorCode.MQTT_ERR_SUCCESS or len(self._read) == before:
                break
        messages, self._read = self._read, []
        if messages and not self._leaving:
            self.received += len(messages)
            owed = sum(1 for message in messages if message.mid)
            self.unacked += owed
            if owed < len(messages) and self._aside is not None:
                messages = self._aside(messages, self)
            self._inbox.put(messages)

    def _flush(self) -> None:
        """Send what the socket would not take at once, now and whenever it takes more."""
        if self._client.want_write():
            self._client.loop_write()
        if self._socket is not None:
            if self._client.want_write():
                self._loop.add_writer(self._socket, self._flush)
            else:
                self._loop.remove_writer(self._socket)

    def _misc(self) -> None:
        """Keep-alive; paho ends a connection whose ping is not answered."""
        if not self.closed.done():
            self._client.loop_misc()
            self._flush()
            self._tick = self._loop.call_later(1, self._misc)

    def _on_socket_close(self, _client: Client, _data: object, sock: SocketLike) -> None:
        self._loop.remove_reader(sock.fileno())
        self._loop.remove_writer(sock.fileno())
        self._socket = None

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        mid = message.mid.to_bytes(2, "big") if message.qos else b""
        received_us = self._inbox.clock.now_us()
        topic = shortened(message.topic)
        self._read.append(Message(topic, bytes(message.payload), mid, message.retain, received_us, self))

    def _on_connect(
        self, _client: Client, _data: object, flags: ConnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if code.is_failure:
            self._fail(f"the broker refuses the connection: {code}")
        else:
            self._answer("connect", int(flags.session_present))

    def _on_answer(self, kind: str) -> Callable[[Client, object, int, list[ReasonCode], Properties | None], None]:
        def answered(
            _client: Client, _data: object, _mid: int, codes: list[ReasonCode], _properties: Properties | None
        ) -> None:
            self._answer(kind, int(any(code.is_failure for code in codes[-1:])))

        return answered

    def _on_disconnect(
        self,
        _client: Client,
        _data: object,
        _flags: DisconnectFlags,
        code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._fail(f"connection lost: {code}")

    # --- inside

    def _answer(self, kind: str, value: int) -> None:
        answer = self._answers.pop(kind, None)
        if answer is not None and not answer.done():
            answer.set_result(value)

    async def _wait(self, answer: asyncio.Future[int]) -> int:
        try:
            async with asyncio.timeout(ANSWER_S):
                return await asyncio.shield(answer)
        except TimeoutError:
            raise BrokerError("the broker does not answer") from None

    def _fail(self, problem: str) -> None:
        self._inbox.leave(self)
        if self._tick is not None:
            self._tick.cancel()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(BrokerError(problem))
                answer.exception()  # asked for here, so that an unawaited one is no warning
        if not self.closed.done():
            self.closed.set_result(problem)


async def connect(
    broker: Broker, client_id: str, inbox: Inbox, *, clean: bool = False, aside: Aside | None = None
) -> tuple[PahoConnection, bool]:
    """Open a connection; also whether the broker kept a session of this client id.

    Raises:
        BrokerError: the broker cannot be reached or refuses.
    """
    connection = PahoConnection(inbox, broker, client_id, clean=clean, aside=aside)
    try:
        return connection, await connection.log_in()
    except BrokerError:
        await connection.disconnect()
        raise
