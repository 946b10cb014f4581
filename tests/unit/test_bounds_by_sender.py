"""What one sender can make a worker spend: memory by topics, and time by messages full of faults."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from fractions import Fraction

import pytest

from ingest import packets
from ingest.batch import Batch, decode_again, fill
from ingest.deferred import SENDER_BYTES, SENDER_MESSAGES
from ingest.inbox import Inbox
from ingest.packets import Message
from services.ledger.intake import Intake
from services.ledger.lot import Lot
from services.ledger.rejections import FloodGate
from services.ledger.shares import BURST_S, SHARE, SMALL_BYTES, Shares
from services.model import SECOND_US, MeterRef, RegisterRef
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


LARGE = SMALL_BYTES // len(GOOD) + 1
LARGE_GOOD = listed(*[GOOD] * LARGE)
LARGE_FAULTY = listed(*[GOOD] * LARGE, "0")


def intake_of(clock: Clock) -> Intake:
    """An intake with this registry, not connected."""
    intake = Intake("", 100, 0)
    intake.directory, intake.shares = DIRECTORY, Shares(clock)
    return intake


async def filled(inbox: Inbox, intake: Intake) -> Batch:
    """The next batch, of what is there."""
    return await fill(inbox, intake, LIMITS, messages=10_000, readings=100_000)


async def filled_again(inbox: Inbox, intake: Intake) -> Batch:
    """The next batch that holds anything."""
    async with asyncio.timeout(20):
        while not (batch := await filled(inbox, intake)).messages:
            await inbox.gather(1, 0.01)
    return batch


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


async def test_a_sender_of_faults_is_charged_for_them() -> None:
    """Beyond its share even a small faulty message is put off; flawless ones are taken, and others' judged at once."""
    inbox, intake = Inbox(100, 1 << 26), intake_of(Clock())
    intake.shares.spend(TOPIC, 2 * BURST_S)
    inbox.put([message(b"[0]"), message(GOOD.encode()), message(b"[0]", "f")])
    batch = await filled(inbox, intake)
    assert (codes(batch.lot), len(batch.lot.arrivals)) == (["not_a_reading"], 1)
    assert inbox.held_messages - len(batch.messages) == 1


async def test_a_large_faulty_message_lets_others_go_first() -> None:
    """It is judged beside, in its turn, and loses nothing good."""
    inbox, intake = Inbox(100, 1 << 26), intake_of(Clock())
    inbox.put([message(LARGE_FAULTY), message(GOOD.encode(), "f")])
    first = await filled(inbox, intake)
    assert (first.lot.rejections, len(first.lot.arrivals)) == ([], 1)
    later = await filled_again(inbox, intake)
    assert (codes(later.lot), len(later.lot.arrivals)) == (["not_a_reading"], LARGE)
    inbox.done([*first.messages, *later.messages])
    assert (inbox.held_messages, bool(inbox.deferred)) == (0, False)


async def test_large_good_messages_of_a_sender_of_faults_wait_and_are_taken() -> None:
    """They keep their order behind what is put off, until the share has come back; nothing of them is refused."""
    clock = Clock()
    inbox, intake = Inbox(100, 1 << 26), intake_of(clock)
    inbox.put([message(LARGE_FAULTY), message(LARGE_GOOD)])
    intake.shares.spend(TOPIC, 2 * BURST_S)
    assert (await filled(inbox, intake)).messages == []
    clock.now = 2 * BURST_S / SHARE
    faulty = await filled_again(inbox, intake)
    clock.now *= 100
    good = await filled_again(inbox, intake)
    assert (codes(faulty.lot), len(faulty.lot.arrivals)) == (["not_a_reading"], LARGE)
    assert (codes(good.lot), len(good.lot.arrivals)) == ([], LARGE)


async def test_what_comes_faster_than_its_share_is_refused_unread_and_acknowledged() -> None:
    """So that the broker goes on: it is only counted, whatever the registry says meanwhile."""
    inbox, intake = Inbox(2 * SENDER_MESSAGES, 1 << 26), intake_of(Clock())
    intake.shares.spend(TOPIC, 2 * BURST_S)
    inbox.put([message(b"[0]")] * (SENDER_MESSAGES + 2))
    batch = await filled(inbox, intake)
    assert codes(batch.lot) == ["over_share"] * 2 == ["over_share"] * len(batch.messages)
    decode_again(batch, intake, LIMITS)
    assert codes(batch.lot) == ["over_share"] * 2
    admitted = FloodGate(100).admit(batch.lot.rejections, {"e"}, NOW_US)
    assert (admitted.stored, admitted.flooded) == ({}, {("e", "over_share"): 2})


async def test_bytes_put_off_are_bounded() -> None:
    """Of each sender, and of all of them."""
    inbox = Inbox(100, 4 * (SENDER_BYTES + 2000))
    big = b" " * (SENDER_BYTES // 2)
    assert [inbox.deferred.put(message(big)) for _ in range(3)] == [True, True, False]
    assert [inbox.deferred.put(message(b" " * 2000, "f")) for _ in range(2)] == [True, False]


async def test_what_was_judged_by_an_older_registry_is_judged_again() -> None:
    """A meter that was registered meanwhile is known."""
    inbox, intake = Inbox(100, 1 << 26), intake_of(Clock())
    intake.directory = {}
    inbox.put([message(LARGE_GOOD)])
    await filled(inbox, intake)
    intake.version, intake.directory = intake.version + 1, DIRECTORY
    batch = await filled_again(inbox, intake)
    assert (codes(batch.lot), len(batch.lot.arrivals)) == ([], LARGE)


def test_a_share_comes_back_with_time() -> None:
    """As much a second as it is; never more than its burst."""
    clock = Clock()
    shares = Shares(clock)
    shares.spend(TOPIC, BURST_S + 1)
    clock.now = 0.9 / SHARE
    assert shares.is_over("e")
    clock.now = 1.1 / SHARE
    assert not shares.is_over("e")
    clock.now = 1e6
    shares.spend(TOPIC, BURST_S + 0.1)
    assert shares.is_over("e")


def test_flawless_messages_cost_no_share() -> None:
    """Nor do numbers written as text, which the slow decoder reads."""
    shares = Shares(Clock())
    for value in ("1", '"1"'):
        Lot(1).judge(message(GOOD.replace(":1}", f":{value}}}").encode()), DIRECTORY, LIMITS, shares)
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
