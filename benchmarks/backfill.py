"""Six months of backfill into chunks that are compressed already: that it books rightly, and how fast.

    python benchmarks/backfill.py --edition timescale [--registers 1000] [--days 182] [--every-s 3600] [--by register]
    python benchmarks/backfill.py --edition community --registers 10
    python benchmarks/backfill.py --postgres-bin DIR

First one reading a day comes in order; maintenance then compresses all whole weeks (community edition). After that the
readings between the midnights arrive late in batches of 5,000, register by register as gateways send what they kept, or
by time over all registers, which folds each register again in every batch. At the end the books are rebuilt from the
stored readings (as `tanfeng verify` does), and each register's energy of each day is compared with the difference of
its counter.
Editions: plain, timescale (Apache-2, no columnstore), community (PostgreSQL in WebAssembly over one connection: its
speed is not that of a server, and half a year of more than some dozens of registers does not fit into its memory).
DIR holds the programs of a PostgreSQL with TimescaleDB's community edition, where there is one.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from services.accounting.policy import Version  # noqa: E402 - the checkout's own code, whoever calls this
from services.days import day_of  # noqa: E402
from services.ledger.booking import Books  # noqa: E402
from services.ledger.verify import verify  # noqa: E402
from services.model import SECOND_US, Arrival, Kind  # noqa: E402
from services.store.pool import NEG_INFINITY, connect  # noqa: E402
from services.upkeep.maintenance import DAY_US, Limits, maintain  # noqa: E402
from tests import servers  # noqa: E402
from tests.community_server import community_server  # noqa: E402
from tests.registers import add_meter, add_register  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.store.pool import Connection

BATCH = 5000
ZONE = "Asia/Shanghai"
LIMITS = Limits(raw_days=0, horizon_days=0, columnstore_days=1, rejection_days=0, minute_days=0)
COMPRESSED = "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'reading' AND is_compressed"


@contextmanager
def edition(name: str, postgres_bin: Path | None) -> Iterator[str]:
    """The dsn of a migrated database of this edition, or of the programs named."""
    if postgres_bin is not None:
        with (
            servers.postgres_server(postgres_bin, servers.TIMESCALE) as server,
            server.database(server.make_template()) as dsn,
        ):
            yield dsn
        return
    if name == "community":
        with community_server() as running:
            yield running.dsn
        return
    settings = servers.TIMESCALE if name == "timescale" else {}
    programs = servers.timescale_programs() if name == "timescale" else None
    with servers.postgres_server(programs, settings) as server, server.database(server.make_template()) as dsn:
        yield dsn


def value(number: int, n: int) -> int:
    """What counter `number` shows after `n` intervals, in thousandths: it counts unevenly, and never falls."""
    return number * 1_000_000 + n * 1000 + n * n % 997


class Fleet:
    """The registers' readings: `first` is a midnight of the zone."""

    def __init__(self, ids: list[int], first: int, steps: int, every_us: int) -> None:
        self.ids = ids
        self.first = first
        self.steps = steps
        self.every_us = every_us
        self.per_day = DAY_US // every_us

    def reading(self, number: int, n: int, received: int) -> Arrival:
        """The n-th reading of one register."""
        return Arrival(self.ids[number], self.first + n * self.every_us, value(number, n), None, received)

    def early(self) -> Iterator[tuple[int, int]]:
        """(register, n) of the readings that came in time."""
        return ((number, n) for n in range(0, self.steps + 1, self.per_day) for number in range(len(self.ids)))

    def late(self, by: str) -> list[tuple[int, int]]:
        """The others, in the order in which they come."""
        steps = [n for n in range(self.steps) if n % self.per_day]
        if by == "register":
            return [(number, n) for number in range(len(self.ids)) for n in steps]
        return [(number, n) for n in steps for number in range(len(self.ids))]


async def make(con: Connection, registers: int, days: int, every_s: int) -> Fleet:
    """A district with one meter a register."""
    policy = Version(
        max_rate=Decimal(1000),
        resolution=Decimal("0.001"),
        modulus=None,
        interval_us=every_s * SECOND_US,
        gap_us=4 * every_s * SECOND_US,
        slack_us=60 * SECOND_US,
        noise=Decimal("0.001"),
        valid_from=NEG_INFINITY,
    )
    ids = []
    async with con.transaction():
        for number in range(registers):
            meter = await add_meter(con, meter=f"m{number}", zone=ZONE)
            ids.append(await add_register(con, meter, Kind.TOTAL_INCREASING, [policy]))
    today = datetime.now(UTC).replace(hour=16, minute=0, second=0, microsecond=0).timestamp()
    first = (int(today) - (days + 1) * 86400) * SECOND_US
    return Fleet(ids, first, days * 86400 // every_s, every_s * SECOND_US)


async def send(con: Connection, fleet: Fleet, wanted: Sequence[tuple[int, int]]) -> list[float]:
    """Book these readings in batches, a transaction each; gives the seconds of each batch."""
    books, seconds = Books(), []
    received = fleet.first + (fleet.steps + 1) * fleet.every_us
    for start in range(0, len(wanted), BATCH):
        arrivals = [fleet.reading(number, n, received) for number, n in wanted[start : start + BATCH]]
        began = time.perf_counter()
        async with con.transaction():
            booked = await books.book(con, arrivals)
        seconds.append(time.perf_counter() - began)
        if booked.accepted != len(arrivals):
            sys.exit(f"not all of a batch was booked: {booked}")
        if len(seconds) % 100 == 0:
            print(f"  {start + BATCH} of {len(wanted)}", file=sys.stderr, flush=True)
    return seconds


async def compare_days(con: Connection, fleet: Fleet) -> int:
    """Each register's energy of each day is the difference of its counter between the midnights; gives the days."""
    per_day = fleet.per_day
    rows = await con.fetch("SELECT register_id, day, amount, estimated_amount FROM core.energy_day")
    stored = {(row["register_id"], row["day"]): (row["amount"], row["estimated_amount"]) for row in rows}
    wanted = {}
    for number, register_id in enumerate(fleet.ids):
        for start in range(0, fleet.steps, per_day):
            end = min(start + per_day, fleet.steps)
            day = day_of(ZONE, fleet.first + start * fleet.every_us)
            wanted[register_id, day] = (value(number, end) - value(number, start), 0)
    if stored != wanted:
        sys.exit(f"{len(dict(stored.items() ^ wanted.items()))} days differ from the counters")
    return len(wanted)


def told(name: str, seconds: Sequence[float], readings: int) -> str:
    """One line about a stretch of batches."""
    ordered = sorted(seconds)
    middle, last = ordered[len(ordered) // 2], ordered[-1]
    rate = readings / sum(seconds)
    return (
        f"{name}: {readings} readings, {rate:,.0f}/s; a batch of {BATCH}: median {middle:.2f} s, slowest {last:.2f} s"
    )


async def run(dsn: str, options: argparse.Namespace) -> None:
    """Live part, maintenance, backfill, verification."""
    con = await connect(dsn, name="backfill")
    await con.execute("SET timescaledb.max_tuples_decompressed_per_dml_transaction = 0")
    fleet = await make(con, options.registers, options.days, options.every_s)
    early, late = list(fleet.early()), fleet.late(options.by)
    print(told("in order", await send(con, fleet, early), len(early)), flush=True)
    runs = await maintain(con, LIMITS)
    print("maintenance:", "; ".join(f"{run.task} {run.result} {run.detail}".strip() for run in runs or ()), flush=True)
    if await con.fetchval("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')"):
        print(f"compressed chunks: {await con.fetchval(COMPRESSED)}")
    print(told(f"late, by {options.by}", await send(con, fleet, late), len(late)), flush=True)
    await maintain(con, LIMITS)
    print(f"days equal to the counters' differences: {await compare_days(con, fleet)}", flush=True)
    findings = [finding async for finding in verify(con)]
    print(f"differences found by verify: {len(findings)}")
    await con.close()
    if findings:
        sys.exit(1)


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edition", choices=["plain", "timescale", "community"], default="timescale")
    parser.add_argument("--registers", type=int, default=1000)
    parser.add_argument("--days", type=int, default=182)
    parser.add_argument("--every-s", type=int, default=3600)
    parser.add_argument("--by", choices=["time", "register"], default="register")
    parser.add_argument("--postgres-bin", type=Path, help="folder of postgres and initdb with TimescaleDB")
    options = parser.parse_args()
    with edition(options.edition, options.postgres_bin) as dsn:
        asyncio.run(run(dsn, options))


if __name__ == "__main__":
    main()
