"""Halving a lot keeps every reading with its message, and every rejection once."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.packets import Message
from services.ledger.lot import Lot
from services.model import SECOND_US, MeterRef, RegisterRef, iso
from services.wire import Limits
from tests.unit.test_inbox import Line

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW_US = 1_780_000_000 * SECOND_US
LIMITS = Limits(payload_bytes=100_000, readings=1000, ahead_us=0, horizon_us=0)
DIRECTORY = {("e", "m"): MeterRef("e", "m", {"import": RegisterRef(1, Fraction(1), Fraction(1))}, None)}


def message(number: int, good: int, bad: int) -> Message:
    """A message that names itself in its payload, of so many good and bad readings."""
    times = [f'{{"read_at":"{iso(NOW_US - n * SECOND_US)}","registers":{{"import":{number}}}}}' for n in range(good)]
    payload = f"[{','.join([*times, *['0'] * bad])}]".encode()
    return Message("keu/v1/e/m/readings", payload, b"", False, NOW_US, Line())  # noqa: FBT003 - a field


def leaves(lot: Lot) -> Iterator[Lot]:
    """The lot halved until no part holds more than one thing."""
    if len(lot.arrivals) + len(lot.rejections) <= 1:
        yield lot
    else:
        for half in lot.halves():
            yield from leaves(half)


@given(sizes=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=6))
def test_every_part_knows_its_messages(sizes: list[tuple[int, int]]) -> None:
    """Down to single readings: the message of each is the one that carried it, in order, none twice."""
    lot = Lot(1)
    for number, (good, bad) in enumerate(sizes):
        lot.add(message(number, good, bad), DIRECTORY, LIMITS)
    parts = list(leaves(lot))
    carried = [part.alone("x").rejections[-1].payload for part in parts if part.arrivals]
    assert carried == [message(n, *size).payload for n, size in enumerate(sizes) for _ in range(size[0])]
    assert [each for part in parts for each in part.rejections] == lot.rejections
    assert all(part.version == 1 for part in parts)


def test_a_rejection_that_cannot_be_stored_alone_keeps_its_bytes() -> None:
    """The last resort: without the text that was refused."""
    lot = Lot(1)
    lot.add(message(0, 0, 1), DIRECTORY, LIMITS)
    [kept] = lot.alone("refused").rejections
    assert (kept.code, kept.topic, kept.payload) == ("store_error", "", b"[0]")


@pytest.mark.parametrize(
    ("topic", "payload", "meters"),
    [
        ("keu/v1/e/m/readings", b"{", ["m"]),
        ("keu/v1/e/m/readings", b'{"read_at":"2026-01-01","registers":{}}', ["m"]),
        ("keu/v1/e/m/status", b"7", ["m"]),
        ("keu/v1/e/readings", b"{", [""]),
        ("keu/v1/e/readings", b'{"meter":"m9","read_at":1,"registers":{"a":1}}', ["m9"]),
        ("keu/v1/e/readings", b'[{"meter":"m1","read_at":1,"registers":{}},{"meter":"m2"}]', ["m1", "m2"]),
        ("keu/v1/e/readings", b'[{"meter":"M 1"},{"meter":["m1"]},7]', ["", "", ""]),
        ("somewhere/else", b"{}", [""]),
    ],
)
def test_a_rejection_is_of_the_meter_that_topic_or_reading_names(topic: str, payload: bytes, meters: list[str]) -> None:
    """Registered or not; what a gateway sends that cannot be read is nobody's in particular."""
    lot = Lot(1)
    lot.add(Message(topic, payload, b"", False, NOW_US, Line()), {}, LIMITS)  # noqa: FBT003 - a field
    assert [each.meter for each in lot.rejections] == meters
