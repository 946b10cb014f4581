"""MQTT 3.1.1 on the wire: however the bytes are cut, the same packets come out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import packets

RECEIVED_US = 1_000_000
POSTS = st.lists(
    st.tuples(st.integers(1, 65_535), st.text(max_size=20), st.binary(max_size=300), st.booleans()), max_size=8
)


class Nobody:
    """A source that is never spoken to."""

    def pause(self) -> None:
        """Nothing."""

    def resume(self) -> None:
        """Nothing."""

    def ack(self, mids: list[bytes]) -> None:
        """Nothing."""


def parse_in_pieces(data: bytes, size: int) -> tuple[list[packets.Message], list[packets.Control]]:
    """Parse as a connection does: what is left over waits for more."""
    messages: list[packets.Message] = []
    controls: list[packets.Control] = []
    buffer, topics = b"", dict[bytes, str]()
    for start in range(0, len(data), size):
        buffer += data[start : start + size]
        parsed = packets.parse(buffer, topics, RECEIVED_US, Nobody())
        messages += parsed.messages
        controls += parsed.controls
        buffer = buffer[parsed.consumed :]
    assert not buffer
    return messages, controls


@given(posts=POSTS, size=st.integers(1, 400))
def test_what_is_published_is_parsed_wherever_the_bytes_are_cut(
    posts: list[tuple[int, str, bytes, bool]], size: int
) -> None:
    """Topic, payload, packet id and retain flag survive, with other packets between."""
    data = b"".join(packets.publish(mid, topic, body, retain=kept) + b"\xd0\x00" for mid, topic, body, kept in posts)
    messages, controls = parse_in_pieces(data, size)
    assert [(int.from_bytes(m.mid), m.topic, m.payload, m.retained) for m in messages] == posts
    assert controls == [packets.Control(packets.PINGRESP, b"")] * len(posts)


@given(data=st.binary(max_size=200))
def test_no_bytes_do_more_than_end_the_connection(data: bytes) -> None:
    """Random bytes parse or are malformed; nothing else happens, and no more is consumed than is there."""
    try:
        parsed = packets.parse(data, {}, RECEIVED_US, Nobody())
    except packets.MalformedPacketError:
        return
    assert 0 <= parsed.consumed <= len(data)


def test_a_message_of_qos_0_has_no_packet_id() -> None:
    """It is booked, and there is nothing to acknowledge."""
    [message] = packets.parse(b"\x30\x05\x00\x01tab", {}, RECEIVED_US, Nobody()).messages
    assert (message.topic, message.payload, message.mid) == ("t", b"ab", b"")


def test_a_topic_that_is_no_utf8_is_delivered_under_a_name_nobody_owns() -> None:
    """The broker should have refused it; here it becomes a rejection, not an error."""
    [message] = packets.parse(b"\x30\x04\x00\x02\xff\xfe", {}, RECEIVED_US, Nobody()).messages
    assert message.topic == "\ufffd\ufffd"


def test_remembered_topics_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A publisher that invents topics cannot fill the memory."""
    monkeypatch.setattr(packets, "TOPICS_KEPT", 10)
    topics = dict[bytes, str]()
    for n in range(100):
        packets.parse(packets.publish(1, f"t{n}", b""), topics, RECEIVED_US, Nobody())
        assert len(topics) <= 10


def test_a_large_packet_says_how_long_it_is() -> None:
    """So that its reader need not look at it again with every piece."""
    data = packets.publish(1, "t", b"x" * 100_000)
    parsed = packets.parse(data[:1000], {}, RECEIVED_US, Nobody())
    assert (parsed.consumed, parsed.needed) == (0, len(data))


@pytest.mark.parametrize("data", [b"\x30\xff\xff\xff\xff\x01", b"\x32\x02\x00\x09"], ids=["length", "topic"])
def test_impossible_lengths_are_malformed(data: bytes) -> None:
    """A fifth byte of length, or a topic longer than its packet."""
    with pytest.raises(packets.MalformedPacketError):
        packets.parse(data, {}, RECEIVED_US, Nobody())


def test_a_password_is_sent_only_with_a_user() -> None:
    """As MQTT 3.1.1 demands [MQTT-3.1.2-22]."""
    assert packets.connect("id", None, "secret", clean=False, keepalive_s=30)[9] == 0
    assert packets.connect("id", "user", "secret", clean=True, keepalive_s=30)[9] == 0xC2


def test_acks_are_sent_together_in_order() -> None:
    """One write acknowledges a batch."""
    assert packets.pubacks([b"\x00\x01", b"\x00\x02"]) == b"\x40\x02\x00\x01\x40\x02\x00\x02"
    assert packets.pubacks([]) == b""
