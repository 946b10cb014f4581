"""The part of MQTT 3.1.1 that a QoS 1 subscriber speaks: bytes ⇄ packets; pure.

Source: OASIS MQTT Version 3.1.1, chapters 2 and 3. Why not paho: docs/adr, "ingest reads MQTT itself".
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

CONNACK: Final = 0x20
PUBLISH: Final = 0x30
PUBACK: Final = b"\x40\x02"
SUBACK: Final = 0x90
UNSUBACK: Final = 0xB0
PINGREQ: Final = b"\xc0\x00"
PINGRESP: Final = 0xD0
DISCONNECT: Final = b"\xe0\x00"
REFUSED: Final = 0x80
TOPICS_KEPT: Final = 100_000
"""Topics whose text is remembered; more start afresh."""
TOPIC_BYTES: Final = 256
"""No topic of ours is longer: of one that is, which nobody owns, only the beginning and a hash are kept."""

CONNECT_REFUSALS: Final = {
    1: "protocol version not accepted",
    2: "client id not accepted",
    3: "broker not available",
    4: "user name or password wrong",
    5: "not authorised",
}


class MalformedPacketError(Exception):
    """The peer does not speak MQTT 3.1.1: the connection is of no more use."""


class Source(Protocol):
    """The connection a message came over, as its holder needs it."""

    def pause(self) -> None:
        """Stop reading from the socket."""

    def resume(self) -> None:
        """Read again."""

    def ack(self, mids: list[bytes]) -> None:
        """Acknowledge these messages; nothing happens if the connection is gone."""


class Message(NamedTuple):
    """A received message. `mid` is the two bytes of its packet id, empty for QoS 0; it belongs to its `source`."""

    topic: str
    payload: bytes
    mid: bytes
    retained: bool
    received_us: int
    source: Source


class Control(NamedTuple):
    """Any other packet: its type in the upper half byte, and its body."""

    kind: int
    body: bytes


class Parsed(NamedTuple):
    """What `parse` found: the complete packets, where it stopped, and the length at which to try again."""

    messages: list[Message]
    controls: list[Control]
    consumed: int
    needed: int


def parse(data: bytes, topics: dict[bytes, str], received_us: int, source: Source) -> Parsed:
    """Split the bytes that came at `received_us` into packets; `topics` remembers the text of topics seen before.

    Raises:
        MalformedPacketError: the bytes cannot be MQTT 3.1.1.
    """
    messages: list[Message] = []
    controls: list[Control] = []
    append, seen, new = messages.append, topics.get, tuple.__new__  # the class itself would be called through Python
    size, start, needed = len(data), 0, 0
    while start + 2 <= size:
        length, at = data[start + 1], start + 2
        if length > 127:  # noqa: PLR2004 - the continuation bit
            length, at = _length(data, start + 1)
            if at == 0:
                break
        end = at + length
        if end > size:
            needed = end - start
            break
        head = data[start]
        start = end
        if head & 0xF0 != PUBLISH:
            controls.append(Control(head & 0xF0, data[at:end]))
            continue
        body = at + 2 + int.from_bytes(data[at : at + 2])
        name = data[at + 2 : body]
        topic = seen(name)
        if topic is None:
            topic = _remember(topics, name)
        if head & 0x06:
            mid = data[body : body + 2]
            body += 2
        else:
            mid = b""
        if body > end:
            raise MalformedPacketError("a PUBLISH shorter than its topic")
        append(new(Message, (topic, data[body:end], mid, head & 1 == 1, received_us, source)))
    return Parsed(messages, controls, start, needed)


def _length(data: bytes, at: int) -> tuple[int, int]:
    """A remaining length of up to four bytes and the index after it; index 0 when it is not all there yet."""
    length = 0
    for place in range(4):
        if at + place >= len(data):
            return 0, 0
        byte = data[at + place]
        length |= (byte & 0x7F) << (7 * place)
        if byte < REFUSED:
            return length, at + place + 1
    raise MalformedPacketError("a remaining length of more than four bytes")


def _remember(topics: dict[bytes, str], name: bytes) -> str:
    """The topic's text; what is no UTF-8 becomes a topic that nobody owns."""
    topic = shortened(name.decode("utf-8", "replace"))
    if len(name) <= TOPIC_BYTES:
        if len(topics) >= TOPICS_KEPT:
            topics.clear()
        topics[bytes(name)] = topic
    return topic


def shortened(topic: str) -> str:
    """A topic in bounded memory; different ones stay different."""
    if len(topic) <= TOPIC_BYTES:
        return topic
    return f"{topic[:TOPIC_BYTES]}…{sha256(topic.encode()).hexdigest()[:16]}"


def connect(client_id: str, user: str | None, password: str | None, *, clean: bool, keepalive_s: int) -> bytes:
    """CONNECT (3.1); without a user there is no password."""
    flags = 0x02 if clean else 0
    fields = _text(client_id)
    if user is not None:
        flags |= 0x80
        fields += _text(user)
        if password is not None:
            flags |= 0x40
            fields += _text(password)
    return _packet(0x10, b"\x00\x04MQTT\x04" + bytes([flags]) + keepalive_s.to_bytes(2) + fields)


def subscribe(packet_id: int, topic_filter: str, also: Sequence[str] = ()) -> bytes:
    """SUBSCRIBE at QoS 1 (3.8), and before it to others at QoS 0, in one packet: no message falls between them."""
    return _subscribe(packet_id, [*((each, 0) for each in also), (topic_filter, 1)])


def subscribe_again(packet_id: int, topics: Sequence[str]) -> bytes:
    """SUBSCRIBE at QoS 0: what is retained under these topics is sent once more."""
    return _subscribe(packet_id, [(each, 0) for each in topics])


def _subscribe(packet_id: int, filters: Sequence[tuple[str, int]]) -> bytes:
    body = b"".join(_text(each) + bytes([quality]) for each, quality in filters)
    return _packet(0x82, packet_id.to_bytes(2) + body)


def unsubscribe(packet_id: int, topic_filter: str) -> bytes:
    """UNSUBSCRIBE (3.10)."""
    return _packet(0xA2, packet_id.to_bytes(2) + _text(topic_filter))


def pubacks(mids: list[bytes]) -> bytes:
    """The PUBACKs (3.4) of these packet ids, in their order."""
    return PUBACK + PUBACK.join(mids) if mids else b""


def publish(packet_id: int, topic: str, payload: bytes, *, retain: bool = False) -> bytes:
    """PUBLISH at QoS 1 (3.3), for tests and benchmarks."""
    return _packet(0x33 if retain else 0x32, _text(topic) + packet_id.to_bytes(2) + payload)


def _text(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(2) + data


def _packet(head: int, body: bytes) -> bytes:
    size, length = bytearray(), len(body)
    while True:
        size.append(length & 0x7F | (REFUSED if length > 127 else 0))  # noqa: PLR2004 - the continuation bit
        length >>= 7
        if not length:
            return bytes([head]) + bytes(size) + body
