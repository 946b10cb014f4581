"""Where the time of a booked reading goes, with many and with few readings of a register in a batch.

    .venv/bin/python -m benchmarks.booking [--batches 12] [--json FILE] [REGISTERSxREADINGS …]

Books batches of so many registers with so many readings each (by default 100x100, 1000x10, 10000x1) in this process,
on a PostgreSQL of its own, without a broker. Prints microseconds a reading: the CPU of this process and the database,
and the time waited for each statement; the rest of the time is folding, COPY and building what the statements take.
What a batch of a hundred readings a register pays once a register, one of one reading each pays for every reading.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.scale import crowd
from benchmarks.stand import Stand, cpu_s, stand
from services.ledger.booking import Books
from services.model import Arrival
from services.store.pool import connect
from services.store.queries import SQL
from tests.ingest_rig import START, STEP_US

if TYPE_CHECKING:
    from collections.abc import Iterable

WARM: Final = 2
"""Batches before the measured ones: registers are read, pages are in memory."""
NAMES: Final = {text.strip(): name for name, text in SQL.items()}


@dataclass
class Shares:
    """Microseconds a reading."""

    registers: int
    readings: int
    worker_us: float
    database_us: float
    waited_us: dict[str, float]
    """By statement, of the time on the clock."""
    rest_us: float


def batch(ids: Iterable[int], number: int, readings: int) -> list[Arrival]:
    """The next readings of each register, in order of time."""
    steps = range(number * readings, (number + 1) * readings)
    return [Arrival(each, START + n * STEP_US, n * 1000, None, START) for n in steps for each in ids]


async def measure(on: Stand, registers: int, readings: int, batches: int) -> Shares:
    """Book all batches, a transaction each."""
    con = await connect(on.postgres.dsn(), name="benchmark")
    await crowd(con, registers)
    ids = [row["register_id"] for row in await con.fetch("SELECT register_id FROM core.register")]
    waited: Counter[str] = Counter()
    con.add_query_logger(lambda said: waited.update({NAMES.get(said.query.strip(), said.query): said.elapsed}))
    books, seconds, worker, database = Books(), 0.0, 0.0, 0.0
    for number in range(WARM + batches):
        if number == WARM:
            seconds, worker, database = 0.0, 0.0, cpu_s(on.postgres.pid)
            waited.clear()
        arrivals = batch(ids, number, readings)
        started, used = time.perf_counter(), time.process_time()
        async with con.transaction():
            await books.book(con, arrivals)
        seconds, worker = seconds + time.perf_counter() - started, worker + time.process_time() - used
    database = cpu_s(on.postgres.pid) - database
    await con.close()
    us = 1e6 / (batches * registers * readings)
    shares = {name: each * us for name, each in waited.most_common()}
    return Shares(registers, readings, worker * us, database * us, shares, (seconds - waited.total()) * us)


def told(shares: Shares) -> str:
    """Some lines about it."""
    shape = f"{shares.registers:,} registers, {shares.readings} readings of each in a batch"
    cpu = f"CPU of the worker {shares.worker_us:.2f}, of the database {shares.database_us:.2f} µs a reading"
    parts = {**shares.waited_us, "folding, COPY and what the statements take": shares.rest_us}
    return "\n".join([f"{shape}: {cpu}", *(f"  {us:8.3f} µs {name}" for name, us in parts.items())])


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shapes", nargs="*", default=["100x100", "1000x10", "10000x1"], metavar="REGISTERSxREADINGS")
    parser.add_argument("--batches", type=int, default=12)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)  # as `tanfeng ingest` does
    found = []
    for shape in options.shapes:
        registers, readings = map(int, shape.split("x"))
        with stand() as on:
            found.append(asyncio.run(measure(on, registers, readings, options.batches)))
        print(told(found[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in found], indent=1))


if __name__ == "__main__":
    main()
