"""A client of the broker that asks one thing after the other: for `tanfeng doctor`."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from ingest import packets
from ingest.connection import BrokerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from ingest.connection import Broker
    from ingest.packets import Message

ANSWER_S: Final = 15.0
WINDOW: Final = 500
"""Published and not yet acknowledged at most."""
_CHUNK: Final = 65_536
_PUBACK_KIND: Final = packets.PUBACK[0]


class Visitor:
    """One connection; whatever the broker sends is kept, and acknowledged only when `done` says so."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.resumed = False
        """Whether the broker had a session of this client id."""
        self._reader, self._writer = reader, writer
        self._rest = b""
        self._came: list[Message] = []
        self._answers: list[packets.Control] = []

    def pause(self) -> None:
        """Nothing: it reads only when it asks."""

    def resume(self) -> None:
        """Nothing: it reads only when it asks."""

    def ack(self, mids: list[bytes]) -> None:
        """Acknowledge these packet ids."""
        self._writer.write(packets.pubacks(mids))

    def done(self, messages: Sequence[Message]) -> None:
        """Acknowledge these messages."""
        self.ack([message.mid for message in messages if message.mid])

    async def log_in(self, hello: bytes) -> None:
        """CONNECT."""
        body = await self._ask(hello, packets.CONNACK)
        if body[1]:
            raise BrokerError(f"the broker refuses the connection: {packets.CONNECT_REFUSALS.get(body[1], body[1])}")
        self.resumed = bool(body[0] & 1)

    async def subscribe(self, topic_filter: str) -> bool:
        """Subscribe at QoS 1; whether the broker grants it."""
        return (await self._ask(packets.subscribe(1, topic_filter), packets.SUBACK))[-1] < packets.REFUSED

    async def publish(self, topic: str, payloads: Sequence[bytes]) -> None:
        """Publish all at QoS 1 and wait for their acknowledgements."""
        for start in range(0, len(payloads), WINDOW):
            part = payloads[start : start + WINDOW]
            self._writer.write(b"".join(packets.publish(n + 1, topic, payload) for n, payload in enumerate(part)))
            for _ in part:
                await self._answer(_PUBACK_KIND)

    async def come(self) -> list[Message]:
        """What the broker sends before it answers a ping, and again until nothing more comes."""
        came: list[Message] = []
        while True:
            await self._ask(packets.PINGREQ, packets.PINGRESP)
            if not self._came:
                return came
            came += self._came
            self._came = []

    async def leave(self) -> None:
        """DISCONNECT, and wait for the end."""
        self._writer.write(packets.DISCONNECT)
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _ask(self, packet: bytes, kind: int) -> bytes:
        self._writer.write(packet)
        return await self._answer(kind)

    async def _answer(self, kind: int) -> bytes:
        """The body of the first answer of this kind; other answers are dropped."""
        while True:
            while self._answers:
                control = self._answers.pop(0)
                if control.kind == kind:
                    return control.body
            await self._read()

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(ANSWER_S):
                data = await self._reader.read(_CHUNK)
        except TimeoutError:
            raise BrokerError("the broker does not answer") from None
        if not data:
            raise BrokerError("the broker closed the connection")
        self._rest += data
        parsed = packets.parse(self._rest, {}, 0, self)
        self._rest = self._rest[parsed.consumed :]
        self._came += parsed.messages
        self._answers += parsed.controls


@asynccontextmanager
async def visitor(broker: Broker, client_id: str, *, clean: bool = True) -> AsyncIterator[Visitor]:
    """Connected until left.

    Raises:
        BrokerError: The broker cannot be reached, refuses, or goes away.
    """
    try:
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await asyncio.open_connection(broker.host, broker.port, ssl=broker.tls)
    except (OSError, TimeoutError) as problem:
        raise BrokerError(f"cannot reach {broker.host}:{broker.port}: {problem}") from problem
    visit = Visitor(reader, writer)
    hello = packets.connect(client_id, broker.user, broker.password, clean=clean, keepalive_s=broker.keepalive_s)
    try:
        await visit.log_in(hello)
        yield visit
    except (OSError, packets.MalformedPacketError) as problem:
        raise BrokerError(f"connection lost: {problem}") from problem
    finally:
        await visit.leave()
