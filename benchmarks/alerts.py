"""From the commit that completes a rule's duration to the alert row, under a steady load of readings.

    .venv/bin/python -m benchmarks.alerts [--seconds 60] [--rate 1000] [--registers 1000] [--json FILE]

A writer books batches at the rate, an evaluator runs as its own process, and a prober makes alerts due one after the
other: by a break of a register, by a demand above its limit, and by a data centre's
PUE that rises and falls. Each is timed from the return of the
commit until the row is visible to another connection, on one monotonic clock. Prints the distribution per rule; the
target is 5 s at most.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING

from services.accounting.policy import Version
from services.alerts.file import read_rules, shipped
from services.alerts.rule_versions import set_rules
from services.ledger.booking import Books
from services.model import Arrival
from services.store.pool import NEG_INFINITY, connect
from tests import pue_world, servers
from tests.registers import add_meter, add_register

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.store.pool import Connection

MINUTE_US = 60_000_000
QUARTER_US = 15 * MINUTE_US
BATCH = 50
TARGET_S = 5.0
SITES = 20
PATIENCE_S = 30.0


def main(options: argparse.Namespace) -> int:
    """Run it; 1 if an alert came later than the target."""
    with servers.postgres_server() as postgres, postgres.database(postgres.make_template()) as dsn:
        return report(asyncio.run(run(dsn, options)), options)


async def run(dsn: str, options: argparse.Namespace) -> dict[str, list[float]]:
    """Set up, and measure beside an evaluator."""
    con = await connect(dsn, name="benchmark")
    load = await registers(con, options.registers, "load")
    probes = await registers(con, 400, "probe")
    await pue_world.declare(con)
    await limits(con)
    with evaluator(dsn):
        await until_evaluated(con)
        found = await measure(dsn, con, load, probes, options)
        for row in await con.fetch("SELECT rule, seconds, problem FROM core.evaluation ORDER BY seconds DESC"):
            sys.stdout.write(f"  last look for {row['rule']}: {row['seconds']:.3f} s {row['problem'] or ''}\n")
    await con.close()
    return found


async def measure(
    dsn: str, con: Connection, load: list[int], probes: list[int], options: argparse.Namespace
) -> dict[str, list[float]]:
    """Seconds from commit to row, by rule, while the load runs."""
    stop, booked = asyncio.Event(), [0]
    writer = asyncio.create_task(write(dsn, load, options.rate, stop, booked))
    started = time.monotonic()
    found: dict[str, list[float]] = {"RegisterBreak": [], "DemandHigh": [], "PueHigh": []}
    hall = Hall(con)
    for probe in probes:
        if time.monotonic() - started > options.seconds:
            break
        found["RegisterBreak"].append(await break_register(con, probe))
        found["DemandHigh"].append(await exceed_demand(con, probe))
        found["PueHigh"].append(await hall.next_hour())
        await asyncio.sleep(0.3)
    elapsed = time.monotonic() - started
    stop.set()
    await writer
    sys.stdout.write(
        f"load: {booked[0] / elapsed:,.0f} readings/s booked for {elapsed:.0f} s by {len(load)} registers\n"
    )
    return found


async def write(dsn: str, load: list[int], rate: int, stop: asyncio.Event, booked: list[int]) -> None:
    """Book batches at the rate: live readings of one register after the other."""
    con, books = await connect(dsn, name="benchmark-load"), Books()
    started, position, due = time.monotonic(), 0, time.monotonic()
    while not stop.is_set():
        level = int((time.monotonic() - started) * 100)
        batch = []
        for _ in range(BATCH):
            at = _now_us()
            batch.append(Arrival(load[position], at, level, None, at))
            position = (position + 1) % len(load)
        async with con.transaction():
            await books.book(con, batch)
        booked[0] += BATCH
        due += BATCH / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    await con.close()


class Hall:
    """A data centre whose hours are high and low in turn: each opens or ends an alert."""

    def __init__(self, con: Connection) -> None:
        self._con = con
        self._at = _now_us() // QUARTER_US * QUARTER_US - 14 * 96 * QUARTER_US
        self._total, self._it, self._is_high = Decimal(0), Decimal(0), False

    async def next_hour(self) -> float:
        """Book the next hour, the IT side last, and wait for what follows from it."""
        self._is_high = not self._is_high
        for path, kwh in (("intake/import", 425 if self._is_high else 300), ("ups/it", 250)):
            level = self._total if path == "intake/import" else self._it
            await pue_world.book(self._con, path, [(self._at + n * QUARTER_US, level + n * kwh) for n in range(5)])
        self._total, self._it = self._total + 4 * (425 if self._is_high else 300), self._it + 1000
        self._at += 4 * QUARTER_US
        query = "SELECT EXISTS (SELECT FROM core.alert WHERE rule = 'PueHigh' AND state = 'firing')"
        since = time.monotonic()
        while await self._con.fetchval(query) != self._is_high:
            if time.monotonic() - since > PATIENCE_S:
                raise SystemExit(f"PueHigh did not follow within {PATIENCE_S} s")
            await asyncio.sleep(0.005)
        return time.monotonic() - since


async def break_register(con: Connection, register: int) -> float:
    """A confirmed jump: the third reading of the new level makes the alert due."""
    start = _now_us() // QUARTER_US * QUARTER_US - 100 * QUARTER_US
    await book(con, register, [(start, 0), (start + QUARTER_US, 1000), (start + 2 * QUARTER_US, 9_000_000_000)])
    await book(con, register, [(start + 3 * QUARTER_US, 9_000_001_000)])
    await book(con, register, [(start + 4 * QUARTER_US, 9_000_002_000)])
    name = await con.fetchval("SELECT name FROM core.watched_register WHERE register_id = $1", register)
    return await timed(con, "RegisterBreak", name)


async def exceed_demand(con: Connection, register: int) -> float:
    """A quarter-hour above the limit of the register's own site, known with the reading that ends it."""
    start = _now_us() // QUARTER_US * QUARTER_US - 90 * QUARTER_US
    await book(con, register, [(start, 9_001_000_000), (start + QUARTER_US, 9_001_200_000)])
    site = await con.fetchval("SELECT site FROM core.watched_register WHERE register_id = $1", register)
    return await timed(con, "DemandHigh", site)


async def book(con: Connection, register: int, readings: list[tuple[int, int]]) -> None:
    """Book readings in one transaction."""
    async with con.transaction():
        await Books().book(con, [Arrival(register, at, value, None, at) for at, value in readings])


async def timed(con: Connection, rule: str, subject: str) -> float:
    """Seconds from now, the commit just returned, until the alert is there."""
    since = time.monotonic()
    query = "SELECT EXISTS (SELECT FROM core.alert WHERE rule = $1 AND subject = $2 AND raised_at IS NOT NULL)"
    while not await con.fetchval(query, rule, subject):
        if time.monotonic() - since > PATIENCE_S:
            raise SystemExit(f"{rule} of {subject} did not come within {PATIENCE_S} s")
        await asyncio.sleep(0.005)
    return time.monotonic() - since


async def registers(con: Connection, number: int, name: str) -> list[int]:
    """Registers of meters of their own; those of the load share a few enterprises."""
    policy = Version(
        max_rate=Decimal(1000), resolution=Decimal("0.001"), modulus=None, interval_us=MINUTE_US,
        gap_us=120 * MINUTE_US, slack_us=MINUTE_US, noise=Decimal("0.001"), valid_from=NEG_INFINITY,
    )  # fmt: skip
    found = []
    async with con.transaction():
        for n in range(number):
            meter = await add_meter(con, f"{name}-{n % SITES}", f"m{n}")
            found.append(await add_register(con, meter, "total_increasing", [policy]))
    return found


async def limits(con: Connection) -> None:
    """The shipped rules, a demand limit of 500 kW for every probe's site, and hours of PUE that count at once."""
    sites = [row["code"] for row in await con.fetch("SELECT code FROM core.site WHERE code LIKE 'probe-%'")]
    wanted = {name: version.settings for name, version in read_rules(shipped())[0].items()}
    wanted["PueHigh"] = wanted["PueHigh"] | {"window": "1h", "for": "0s"}
    wanted["DemandHigh"] = wanted["DemandHigh"] | {"limits": dict.fromkeys(sites, "500")}
    await set_rules(con, wanted, "benchmark")


@contextlib.contextmanager
def evaluator(dsn: str) -> Iterator[None]:
    """`tanfeng evaluate` as its own process."""
    environment = {**os.environ, "TANFENG_DATABASE_DSN": dsn, "TANFENG_BROKER_URL": "mqtt://127.0.0.1:1"}
    command = (sys.executable, "-m", "tanfeng", "evaluate")
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


async def until_evaluated(con: Connection) -> None:
    """Wait for the first round."""
    deadline = time.monotonic() + PATIENCE_S
    while not await con.fetchval("SELECT count(*) FROM core.evaluation"):
        if time.monotonic() > deadline:
            raise SystemExit("the evaluator did not begin")
        await asyncio.sleep(0.05)


def report(found: dict[str, list[float]], options: argparse.Namespace) -> int:
    """Print the distributions; the exit code."""
    worst = 0.0
    for rule, seconds in found.items():
        cuts = quantiles(seconds, n=100)
        worst = max(worst, *seconds)
        sys.stdout.write(
            f"{rule}: n {len(seconds)}, p50 {cuts[49]:.2f} s, p95 {cuts[94]:.2f} s, p99 {cuts[98]:.2f} s,"
            f" max {max(seconds):.2f} s\n"
        )
    if options.json:
        options.json.write_text(json.dumps({"max_s": worst, "seconds": found}, indent=1))
    sys.stdout.write(f"commit → alert row at {options.rate} readings/s: max {worst:.2f} s, target {TARGET_S} s\n")
    return 0 if worst <= TARGET_S else 1


def _now_us() -> int:
    return time.time_ns() // 1000


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--registers", type=int, default=1000)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    sys.exit(main(parser.parse_args()))
