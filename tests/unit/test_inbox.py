"""The inbox holds a bounded number of messages until they are committed, and acknowledges over the right connection."""

from __future__ import annotations

import asyncio

from ingest.inbox import Inbox
from ingest.packets import Message


class Line:
    """A connection that writes down what it is told."""

    def __init__(self) -> None:
        self.said: list[object] = []

    def pause(self) -> None:
        """Stop reading."""
        self.said.append("pause")

    def resume(self) -> None:
        """Read again."""
        self.said.append("resume")

    def ack(self, mids: list[bytes]) -> None:
        """Acknowledge."""
        self.said.append(mids)


def message(line: Line, number: int, payload: bytes = b"x") -> Message:
    """A message with this packet id; 0 is QoS 0."""
    return Message("t", payload, number.to_bytes(2) if number else b"", False, 1, line)  # noqa: FBT003 - a field


def drained(inbox: Inbox) -> list[Message]:
    """All that waits."""
    return [each for each in iter(inbox.take, None) if each is not None]


async def test_reading_stops_at_the_bound_and_resumes_when_half_is_committed() -> None:
    """Messages taken for a batch still count until they are done."""
    line, inbox = Line(), Inbox(4, 1000)
    inbox.join(line)
    inbox.put([message(line, n) for n in range(1, 5)])
    taken = drained(inbox)
    assert (line.said, inbox.held_messages) == (["pause"], 4)
    inbox.done(taken[:1])
    assert line.said == ["pause", [b"\x00\x01"]]
    inbox.done(taken[1:3])
    assert line.said[-1] == "resume"


async def test_bytes_are_bounded_like_messages() -> None:
    """Few large messages fill the memory as many small ones do."""
    line, inbox = Line(), Inbox(1000, 10)
    inbox.join(line)
    inbox.put([message(line, 1, b"0123456789")])
    assert line.said == ["pause"]


async def test_each_message_is_acknowledged_over_its_own_connection() -> None:
    """A packet id means another message on the next connection; QoS 0 has none."""
    old, new, inbox = Line(), Line(), Inbox(10, 1000)
    inbox.put([message(old, 1), message(new, 1), message(new, 0), message(new, 2)])
    inbox.done(drained(inbox))
    assert old.said == [[b"\x00\x01"]]
    assert new.said == [[b"\x00\x01", b"\x00\x02"]]


async def test_a_connection_that_joins_a_full_inbox_starts_paused() -> None:
    """A reconnect must not pass the bound."""
    line, inbox = Line(), Inbox(1, 1000)
    inbox.put([message(line, 1)])
    late = Line()
    inbox.join(late)
    assert late.said == ["pause"]


async def test_gathering_ends_when_nothing_more_comes() -> None:
    """A broker with a small window in flight waits for our acks: waiting out the linger would stall it."""
    line, inbox = Line(), Inbox(100, 1000)
    inbox.put([message(line, 1)])
    await asyncio.wait_for(inbox.gather(50, 60.0), 30.0)
    assert len(inbox) == 1


async def test_a_closed_inbox_reads_no_more_and_gives_out_what_it_holds() -> None:
    """A stop commits what is in memory, and does not start reading again after it."""
    line, inbox = Line(), Inbox(100, 1000)
    inbox.join(line)
    inbox.put([message(line, 1)])
    inbox.close()
    await inbox.gather(50, 60.0)
    inbox.done(drained(inbox))
    assert line.said == ["pause", [b"\x00\x01"]]
    await inbox.gather(50, 60.0)
