"""How much memory a worker takes while far more is published than can be committed.

    .venv/bin/python -m benchmarks.overload [--minutes 10] [--times 10] [--rate 2000] [--json FILE]

Publishes at the rate, half of it gateway messages of 50 readings, and lets the worker commit a tenth (--times) of that
by holding its registers' rows locked in between. Prints what was published and committed and the worker's resident
memory, sampled each second; the aim is 300 MB at most. Ends with 1 where it was more.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

from benchmarks.stand import Stand, ingest_process, stand
from services.store.migrate import migrate
from services.store.pool import connect
from tests.ingest_rig import make_fleet, until
from tests.mqtt import publisher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.store.pool import Connection
    from tests.ingest_rig import Fleet
    from tests.mqtt import Post

LIMIT_MB: Final = 300.0
REGISTERS: Final = 1000
GATEWAY: Final = 50
STEP_S: Final = 0.1
COMMITTED: Final = "SELECT coalesce(sum(messages), 0)::bigint FROM core.ingest_minute"


def post(fleet: Fleet, n: int) -> Post:
    """Message n: one reading, or as every second one a gateway's of 50 meters."""
    turn, meter = divmod(n * GATEWAY, REGISTERS)
    topic, body = fleet.post(meter, turn)
    if n % 2:
        return topic, body
    bodies = [fleet.post(meter + k, turn)[1][1:] for k in range(GATEWAY)]
    texts = [f'{{"meter":"m{meter + k}",{each.decode()}' for k, each in enumerate(bodies)]
    return f"{topic.rsplit('/', 2)[0]}/readings", f"[{','.join(texts)}]".encode()


@dataclass
class Offer:
    """Publishes at the rate until the moment, waiting where the broker does not acknowledge; it did `sent`."""

    url: str
    fleet: Fleet
    rate: int
    until_s: float
    sent: int = 0

    @property
    def is_over(self) -> bool:
        """Whether the moment has come."""
        return time.monotonic() >= self.until_s

    async def run(self) -> None:
        """Until the moment."""
        began = time.monotonic()
        async with publisher(self.url) as to:
            while not self.is_over:
                due = min(int((time.monotonic() - began) * self.rate), self.sent + self.rate)
                await to.publish([post(self.fleet, n) for n in range(self.sent, due)])
                self.sent = due
                await asyncio.sleep(STEP_S)


async def throttle(con: Connection, offer: Offer, times: float) -> None:
    """Let a batch through when so many times what is committed has been published."""
    while (left_s := offer.until_s - time.monotonic()) > 0:
        async with con.transaction():
            await con.execute("LOCK TABLE core.register_state IN EXCLUSIVE MODE")
            committed = await con.fetchval(COMMITTED)
            await until(lambda: offer.is_over or offer.sent >= committed * times, left_s + STEP_S)  # noqa: B023 - awaited here
        await asyncio.sleep(STEP_S / 10)


async def sample(pid: int, until_s: float) -> list[float]:
    """Resident MB, each second."""
    worker, found = psutil.Process(pid), []
    while time.monotonic() < until_s:
        found.append(worker.memory_info().rss / 1e6)
        await asyncio.sleep(1.0)
    return found


async def measure(on: Stand, options: argparse.Namespace) -> dict[str, float]:
    """Run the load beside the worker."""
    con = await connect(on.postgres.dsn(), name="benchmark")
    await migrate(con)
    fleet = await make_fleet(con, REGISTERS)
    worker = ingest_process(on)
    try:
        await until(lambda: "subscribed" in on.log.read_text())
        end = time.monotonic() + options.minutes * 60
        offer = Offer(on.broker.url, fleet, options.rate, end)
        _, _, found = await asyncio.gather(offer.run(), throttle(con, offer, options.times), sample(worker.pid, end))
        committed = await con.fetchval(COMMITTED)
    finally:
        worker.terminate()
        worker.wait(60)
    await con.close()
    return _figures(offer.sent, committed, found)


def _figures(published: int, committed: int, found: Sequence[float]) -> dict[str, float]:
    ordered = sorted(found)
    return {
        "published": published,
        "committed": committed,
        "times": round(published / max(1, committed), 1),
        "rss_first_mb": round(found[0], 1),
        "rss_median_mb": round(ordered[len(ordered) // 2], 1),
        "rss_most_mb": round(ordered[-1], 1),
    }


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--times", type=float, default=10, help="published to committed")
    parser.add_argument("--rate", type=int, default=2000, help="messages a second")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    with stand() as on:
        figures = asyncio.run(measure(on, options))
    print(
        "published {published:,.0f}, committed {committed:,.0f} ({times:.1f} times overload); resident memory of the"
        " worker: {rss_first_mb:.0f} MB at first, {rss_median_mb:.0f} MB median, {rss_most_mb:.0f} MB at most".format(
            **figures
        )
    )
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))
    return 0 if figures["rss_most_mb"] <= LIMIT_MB else 1


if __name__ == "__main__":
    sys.exit(main())
