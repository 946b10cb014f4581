"""One enterprise publishes garbage, as fast as its line or the broker takes it; another's readings hardly wait."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests import servers
from tests.ingest_rig import FORKS, connection, make_fleet, process, settings_for, until, worker
from tests.mqtt import Publisher, publisher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.sharedctypes import Synchronized

    from services.store.pool import Connection
    from tests.ingest_rig import Fleet

QUIET = pytest.mark.skipif(
    "TANFENG_GARBAGE" not in os.environ,
    reason="as fast as the broker takes it: set TANFENG_GARBAGE=1 on a machine with nothing else to do",
)
LINE_S = 0.05
"""Between two messages of 600 to 900 kB: what a line of 100 to 150 Mbit/s carries."""
PACES = [pytest.param(LINE_S, id="line"), pytest.param(0.0, id="full", marks=QUIET)]
READINGS = 50
EVERY_S = 0.05
RAISE_S = 1.0
"""What another's garbage may add to the 99th percentile."""
_GOOD = '{"meter":"m0","read_at":1780000000,"registers":{"import":1}}'
GARBAGE = {
    "empty objects": b"[" + b",".join([b"{}"] * 300_000) + b"]",
    "bad readings": ("[" + ",".join([_GOOD.replace("import", "other")] * 9999) + "]").encode(),
    "bad at the very end": ("[" + ",".join([_GOOD] * 9999) + ",{}]").encode(),
}


@pytest.fixture
def broker() -> Iterator[servers.MqttBroker]:
    """A broker of this test alone."""
    with servers.mosquitto_broker() as running:
        yield running


@pytest.mark.alone
@pytest.mark.parametrize("pace_s", PACES)
@pytest.mark.parametrize("kind", GARBAGE)
async def test_garbage_holds_up_nobody_else(
    database: str, broker: servers.MqttBroker, kind: str, pace_s: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """From publication to the commit, by a worker in its own process, without and then with the garbage beside it."""
    async with connection(database) as con:
        await make_fleet(con, 1, enterprise="mill")
        fleet = await make_fleet(con, 1)
        async with worker(settings_for(database, broker.url)):
            pass  # its session is there before anything is published
        with process(database, broker.url):
            async with publisher(broker.url, "good") as to:
                await to.publish([fleet.post(0, 0)])
                await until(lambda: holds(con, fleet, 1))
                alone = [await delay(con, to, fleet, n) for n in range(1, READINGS)]
                with flooded(broker.url, GARBAGE[kind], pace_s) as sent:
                    await until(lambda: sent.value)
                    beside = [await delay(con, to, fleet, n) for n in range(READINGS, 2 * READINGS)]
        figures = f"p99 {p99(alone):.3f} s alone, {p99(beside):.3f} s beside {sent.value} messages of {kind}"
        with capsys.disabled():
            sys.stdout.write(f" {figures}\n")
        assert p99(beside) < p99(alone) + RAISE_S, figures
        assert await con.fetchval("SELECT sum(rejected) FROM core.ingest_minute") > 0


async def delay(con: Connection, to: Publisher, fleet: Fleet, n: int) -> float:
    """Seconds from the publication of a reading until it is stored."""
    await asyncio.sleep(EVERY_S)  # the pace of the readings is part of what is measured
    started = time.monotonic()
    await to.publish([fleet.post(0, n)])
    await until(lambda: holds(con, fleet, n + 1))
    return time.monotonic() - started


@contextlib.contextmanager
def flooded(url: str, payload: bytes, pace_s: float) -> Iterator[Synchronized[int]]:
    """Publish different messages of this kind from a process of its own; gives how many were acknowledged."""
    sent = FORKS.Value("i", 0)
    running = FORKS.Process(target=_flood, args=(url, payload, pace_s, sent), daemon=True)
    running.start()
    try:
        yield sent
    finally:
        running.kill()
        running.join(30)


def _flood(url: str, payload: bytes, pace_s: float, sent: Synchronized[int]) -> None:
    def count(_: int) -> None:
        sent.value += 1

    async def flood() -> None:
        window = 1 if pace_s else 20
        async with publisher(url, "garbage") as to:
            while True:
                posts = [("keu/v1/mill/readings", payload + b" " * ((sent.value + n) % 1000)) for n in range(window)]
                await to.publish(posts, window=window, acked=count)
                await asyncio.sleep(pace_s)  # the pace is what is tested

    asyncio.run(flood())


def p99(delays: list[float]) -> float:
    """Ninety-nine of a hundred are no longer."""
    return sorted(delays)[len(delays) * 99 // 100]


async def holds(con: Connection, fleet: Fleet, count: int) -> bool:
    """Whether so many readings of this fleet are stored; one of the garbage may be booked too."""
    number: int = await con.fetchval(
        "SELECT count(*) FROM core.reading WHERE register_id = ANY($1::int[])", list(fleet.registers)
    )
    return number == count
