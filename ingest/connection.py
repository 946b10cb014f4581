"""One connection to the broker, from CONNECT to its end. A message id is valid on the connection it came over only."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ingest import packets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest.inbox import Aside, Inbox

ANSWER_S: Final = 20.0
"""How long the broker may take to answer a packet."""
LEAVE_S: Final = 5.0
"""How long leaving waits for the broker to have read the acks; those it has not read by then it will send again."""


class BrokerError(Exception):
    """The broker refused, went silent or went away."""


@dataclass(frozen=True)
class Broker:
    """Where the broker is and who we are to it."""

    host: str
    port: int
    user: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None
    keepalive_s: int = 30
    client: str = "native"


class Connection(asyncio.Protocol):
    """Delivers to the inbox and acknowledges what was committed. Open one with `connect`."""

    def __init__(self, inbox: Inbox, aside: Aside | None = None) -> None:
        loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[str] = loop.create_future()
        """Done when the connection has ended, with the reason."""
        self.received = 0
        self.unacked = 0
        self._inbox = inbox
        self._aside = aside
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._answers: dict[int, asyncio.Future[bytes]] = {}
        self._topics: dict[bytes, str] = {}
        self._pieces: list[bytes] = []
        """A packet that is not all there yet: joined once it is."""
        self._size = self._needed = 0
        self._alive = True
        self._paused = False
        self._logged_in = False
        self._leaving = False
        self._tick: asyncio.TimerHandle | None = None

    @property
    def certificate_ends_s(self) -> float:
        """When the broker's certificate ends, in seconds since 1970; 0 without TLS."""
        shown = None if self._transport is None else self._transport.get_extra_info("peercert")
        return float(ssl.cert_time_to_seconds(shown["notAfter"])) if shown else 0.0

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio: the socket is open."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            self._inbox.join(self)

    def data_received(self, data: bytes) -> None:
        """Asyncio: bytes came. They are parsed at once; nothing of them waits anywhere but in the inbox."""
        self._alive = True
        if self._pieces:
            self._pieces.append(data)
            self._size += len(data)
            if self._size < self._needed:
                return
            data = b"".join(self._pieces)
        try:
            parsed = packets.parse(data, self._topics, self._inbox.clock.now_us(), self)
        except packets.MalformedPacketError as problem:
            self._end(BrokerError(str(problem)))
            return
        rest = data[parsed.consumed :]
        self._pieces, self._size, self._needed = [rest] if rest else [], len(rest), parsed.needed
        self._deliver(parsed.messages)
        for control in parsed.controls:
            answer = self._answers.pop(control.kind, None)
            if answer is not None and not answer.done():
                answer.set_result(control.body)

    def connection_lost(self, problem: Exception | None) -> None:
        """Asyncio: the socket is closed."""
        self._end(BrokerError(f"connection lost: {problem or 'closed by the broker'}"))

    # --- the inbox's side

    def pause(self) -> None:
        """Stop reading: the broker keeps what comes."""
        self._paused = True
        if self._transport is not None and not self.closed.done():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        self._paused, self._alive = False, True
        if self._transport is not None and not self.closed.done():
            self._transport.resume_reading()

    def ack(self, mids: list[bytes]) -> None:
        """Acknowledge; a closed connection's ids mean nothing any more, its messages will come again."""
        self.unacked -= len(mids)
        self._write(packets.pubacks(mids))

    # --- the subscriber's side

    async def subscribe(self, topic_filter: str, also: Sequence[str] = ()) -> None:
        """Subscribe at QoS 1; and to others at QoS 0, which the broker may refuse.

        Raises:
            BrokerError: refused (the ACL does not allow it), or no answer.
        """
        answer = await self._ask(packets.SUBACK, packets.subscribe(1, topic_filter, also))
        if answer[-1] >= packets.REFUSED:
            raise BrokerError(f"the broker refuses the subscription to {topic_filter}")

    async def subscribe_again(self, topics: Sequence[str]) -> None:
        """Ask for what is retained under topics that the session has at QoS 0; the broker may refuse."""
        await self._ask(packets.SUBACK, packets.subscribe_again(3, topics))

    async def unsubscribe(self, topic_filter: str) -> None:
        """Stop new messages; those already queued for this client still come."""
        await self._ask(packets.UNSUBACK, packets.unsubscribe(2, topic_filter))

    async def barrier(self) -> None:
        """Wait until the broker has handled all that was sent before, and what it sent on that has come."""
        for _ in range(2):  # the first answer may be that of a keep-alive ping on its way
            await self._ask(packets.PINGRESP, packets.PINGREQ)

    async def disconnect(self) -> None:
        """Leave in order; the session with what is queued and unacknowledged stays at the broker.

        First wait until the broker has read the acks: one that has more to send finds a closed socket when it sends,
        and drops the connection with the acks that it has not read yet. What comes meanwhile is neither taken nor
        acknowledged and will come again.
        """
        self._leaving = True
        self._inbox.leave(self)
        if self._logged_in:
            self.resume()
            with contextlib.suppress(BrokerError, TimeoutError):
                async with asyncio.timeout(LEAVE_S):
                    await self.barrier()
        self._write(packets.DISCONNECT)
        if self._transport is not None:
            self._transport.close()
        await asyncio.wait([self.closed], timeout=ANSWER_S)

    async def log_in(self, broker: Broker, client_id: str, *, clean: bool) -> bool:
        """CONNECT; true if the broker kept a session of this client id."""
        hello = packets.connect(client_id, broker.user, broker.password, clean=clean, keepalive_s=broker.keepalive_s)
        present, code = await self._ask(packets.CONNACK, hello)
        if code:
            raise BrokerError(f"the broker refuses the connection: {packets.CONNECT_REFUSALS.get(code, code)}")
        self._logged_in = True
        self._keep_alive(broker.keepalive_s / 2)
        return bool(present & 1)

    # --- inside

    def _deliver(self, messages: list[packets.Message]) -> None:
        if messages and not self._leaving:
            self.received += len(messages)
            owed = sum(1 for message in messages if message.mid)
            self.unacked += owed
            if owed < len(messages) and self._aside is not None:  # at QoS 0 comes what the broker tells of itself
                messages = self._aside(messages, self)
            self._inbox.put(messages)

    async def _ask(self, kind: int, packet: bytes) -> bytes:
        if self.closed.done():
            raise BrokerError("the connection is closed")
        answer = self._answers.setdefault(kind, self._loop.create_future())
        self._write(packet)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await asyncio.shield(answer)
        except TimeoutError:
            raise BrokerError("the broker does not answer") from None

    def _write(self, data: bytes) -> None:
        if data and self._transport is not None and not self.closed.done():
            self._transport.write(data)

    def _keep_alive(self, period_s: float) -> None:
        """Ping, and end a connection on which nothing came since the ping before; a paused one cannot hear."""
        if self.closed.done():
            return
        if not self._alive and not self._paused:
            self._end(BrokerError("the broker is silent"))
            return
        self._alive = False
        self._write(packets.PINGREQ)
        self._tick = self._loop.call_later(period_s, self._keep_alive, period_s)

    def _end(self, problem: BrokerError) -> None:
        self._inbox.leave(self)
        if self._tick is not None:
            self._tick.cancel()
        if self._transport is not None:
            self._transport.abort()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(problem)
                answer.exception()  # asked for here, so that an unawaited one is no warning
        if not self.closed.done():
            self.closed.set_result(str(problem))


async def connect(
    broker: Broker, client_id: str, inbox: Inbox, *, clean: bool = False, aside: Aside | None = None
) -> tuple[Connection, bool]:
    """Open a connection; also whether the broker kept a session of this client id.

    Raises:
        BrokerError: the broker cannot be reached or refuses.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(ANSWER_S):
            _, connection = await loop.create_connection(
                lambda: Connection(inbox, aside), broker.host, broker.port, ssl=broker.tls
            )
    except (OSError, TimeoutError) as problem:
        raise BrokerError(f"cannot reach {broker.host}:{broker.port}: {problem}") from problem
    try:
        return connection, await connection.log_in(broker, client_id, clean=clean)
    except BrokerError:
        await connection.disconnect()
        raise
