"""What one sender can make a worker spend: memory by topics, and time by messages full of faults."""

from __future__ import annotations

import time
import tracemalloc
from fractions import Fraction

import pytest

from ingest import packets
from ingest.packets import Message
from services.model import SECOND_US, MeterRef, RegisterRef
from services.store.lot import Lot
from services.store.shares import BURST_S, SHARE, SMALL_BYTES, Shares
from services.wire import Limits, decode
from tests.unit.test_inbox import Line
from tests.unit.test_mqtt_packets import Nobody

NOW_US = 1_790_000_000 * SECOND_US
LIMITS = Limits(payload_bytes=1 << 20, readings=10_000, ahead_us=0, horizon_us=0)
DIRECTORY = {
    (name, "m"): MeterRef(name, "m", {"import": RegisterRef(1, Fraction(1), Fraction(1))}, None) for name in ("e", "f")
}
TOPIC = "keu/v1/e/m/readings"
GOOD = '{"read_at":1780000000,"registers":{"import":1}}'
BAD = '{"read_at":1780000000,"registers":{"imp":1}}'


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """What it shows."""
        return self.now


def listed(*items: str) -> bytes:
    """A message of these readings."""
    return f"[{','.join(items)}]".encode()


def message(payload: bytes, enterprise: str = "e") -> Message:
    """As it came from the broker."""
    return Message(f"keu/v1/{enterprise}/m/readings", payload, b"", False, NOW_US, Line())  # noqa: FBT003 - a field


def codes(lot: Lot) -> list[str]:
    """What was rejected."""
    return [each.code for each in lot.rejections]


@pytest.mark.parametrize("unit", ["{}", "0", "[]", '{"a":0}', '""', "null"])
def test_a_megabyte_of_next_to_nothing_is_refused_unread(unit: str) -> None:
    """Reading it took up to a second of CPU."""
    payload = listed(*[unit] * ((1 << 20) // (len(unit) + 1) - 2))
    started = time.process_time()
    decoded = decode(TOPIC, payload, DIRECTORY, NOW_US, LIMITS)
    assert time.process_time() - started < 0.1
    assert [each.code for each in decoded.rejected] == ["too_many_readings"]


def test_as_many_readings_as_are_allowed_are_read() -> None:
    """Each names its meter, which takes the most commas."""
    named = '{"meter":"m","read_at":1780000000,"registers":{"import":"1"}}'
    assert len(decode("keu/v1/e/readings", listed(*[named] * 10_000), DIRECTORY, NOW_US, LIMITS).arrivals) == 10_000


def test_a_message_of_bad_readings_is_read_to_the_hundredth() -> None:
    """One more rejection says how much was not read."""
    decoded = decode(TOPIC, listed(*[BAD] * 5000), DIRECTORY, NOW_US, LIMITS)
    assert [each.code for each in decoded.rejected] == ["unknown_register"] * 100 + ["too_many_faults"]
    assert decoded.rejected[-1].detail.startswith("4900 of 5000 readings")


def test_a_message_that_is_mostly_good_loses_nothing_good() -> None:
    """However many are bad: a gateway may send a register too many of each meter."""
    decoded = decode(TOPIC, listed(*[GOOD, GOOD, BAD] * 200), DIRECTORY, NOW_US, LIMITS)
    assert (len(decoded.arrivals), len(decoded.rejected)) == (400, 200)


def test_a_sender_of_faults_uses_up_its_own_share_only() -> None:
    """Its faulty and its large messages are refused unread, its small flawless ones taken; others are judged."""
    clock = Clock()
    shares = Shares(clock)
    lot = Lot(1)
    lot.add(message(b"[0]"), DIRECTORY, LIMITS, shares)
    assert codes(lot) == ["not_a_reading"]
    shares.spend(TOPIC, 2 * BURST_S)
    lot = Lot(1)
    for payload in (b"[0]", listed(*[GOOD] * (SMALL_BYTES // len(GOOD) + 1)), GOOD.encode()):
        lot.add(message(payload), DIRECTORY, LIMITS, shares)
    lot.add(message(b"[0]", "f"), DIRECTORY, LIMITS, shares)
    assert codes(lot) == ["over_share", "over_share", "not_a_reading"]
    assert len(lot.arrivals) == 1


def test_a_share_comes_back_with_time() -> None:
    """As much a second as it is; never more than its burst."""
    clock = Clock()
    shares = Shares(clock)
    shares.spend(TOPIC, BURST_S + 1)
    clock.now = 0.9 / SHARE
    assert shares.is_over(TOPIC)
    clock.now = 1.1 / SHARE
    assert not shares.is_over(TOPIC)
    clock.now = 1e6
    shares.spend(TOPIC, BURST_S + 0.1)
    assert shares.is_over(TOPIC)


def test_flawless_messages_cost_no_share() -> None:
    """Nor do numbers written as text, which the slow decoder reads."""
    shares = Shares(Clock())
    for value in ("1", '"1"'):
        Lot(1).add(message(GOOD.replace(":1}", f":{value}}}").encode()), DIRECTORY, LIMITS, shares)
    assert shares._left == {}


def test_long_topics_take_no_memory() -> None:
    """Three thousand of 60 kB, which nobody owns, were remembered whole; they stay different from each other."""
    topics = dict[bytes, str]()
    seen = set()
    tracemalloc.start()
    for n in range(300):
        data = packets.publish(1, f"keu/v1/{'x' * 60_000}/{n}", b"")
        seen |= {each.topic for each in packets.parse(data, topics, NOW_US, Nobody()).messages}
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1_000_000
    assert len(seen) == 300
