"""What a reading takes on disk and of the processor: the numbers of docs/operations/sizing.md.

    .venv/bin/python benchmarks/sizes.py [--registers 500] [--days 7] [--every 900]

Starts its own TimescaleDB (scripts/servers) and Mosquitto, publishes gateway messages of 50 readings for
every register and quarter-hour (`--every` seconds), waits until all is booked, vacuums, and divides.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from services.model import SECOND_US, iso  # noqa: E402 - the checkout's own code, whoever calls this
from tests import servers  # noqa: E402
from tests.ingest_rig import ENTERPRISE, START, connection, environment, make_fleet, stored, until  # noqa: E402
from tests.mqtt import publish  # noqa: E402

GATEWAY = 50
SIZES = """
SELECT name, rows, (SELECT sum(pg_table_size(c.oid) + pg_indexes_size(c.oid)) FROM pg_class c
                           WHERE c.relkind = 'r' AND (c.oid = name::regclass OR c.oid IN (
                               SELECT inhrelid FROM pg_inherits WHERE inhparent = name::regclass))) AS bytes
FROM (VALUES ('core.reading', (SELECT count(*) FROM core.reading)),
             ('core.energy_15m', (SELECT count(*) FROM core.energy_15m)),
             ('core.energy_day', (SELECT count(*) FROM core.energy_day)),
             ('core.energy_month', (SELECT count(*) FROM core.energy_month)),
             ('core.reading_day', (SELECT count(*) FROM core.reading_day))) AS t (name, rows)
"""


def messages(registers: int, count: int, every_s: int) -> list[tuple[str, bytes]]:
    """Reading n of every register, in order of time, as gateways batch them."""
    posts = []
    for n in range(count):
        at = iso(START + n * every_s * SECOND_US)
        for first in range(0, registers, GATEWAY):
            meters = range(first, min(first + GATEWAY, registers))
            parts = (f'{{"meter":"m{m}","read_at":"{at}","registers":{{"import":{n}}}}}' for m in meters)
            posts.append((f"keu/v1/{ENTERPRISE}/readings", f"[{','.join(parts)}]".encode()))
    return posts


def seconds(process: psutil.Process) -> float:
    """Processor time of a process and all below it."""
    family = [process, *process.children(recursive=True)]
    return sum(sum(each.cpu_times()[:2]) for each in family)


async def measure(dsn: str, url: str, server: int, registers: int, count: int, every_s: int) -> None:
    """Publish, wait, print."""
    async with connection(dsn) as con:
        await make_fleet(con, registers)
        posts = messages(registers, count, every_s)
        command = (sys.executable, "-m", "tanfeng", "ingest")
        env = environment(dsn, url)
        with subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.DEVNULL) as process:  # noqa: ASYNC220 - a moment
            await until(lambda: con.fetchval("SELECT subscription IS NOT NULL FROM core.ingest_slot"))
            ingest, postgres = psutil.Process(process.pid), psutil.Process(server)
            before, started = (seconds(ingest), seconds(postgres)), time.monotonic()
            await publish(url, posts)
            await until(lambda: _is_done(con, registers * count), 600)
            took = time.monotonic() - started
            used = (seconds(ingest) - before[0], seconds(postgres) - before[1])
            process.terminate()
        readings = registers * count
        print(f"{readings:,} readings of {registers} registers every {every_s} s, booked in {took:.1f} s")
        print(
            f"processor: ingest {used[0] / readings * 1e6:.1f}, PostgreSQL {used[1] / readings * 1e6:.1f} µs a reading"
        )
        await con.execute("VACUUM ANALYZE")
        for row in await con.fetch(SIZES):
            print(f"{row['name']}: {row['rows']:,} rows, {float(row['bytes']) / row['rows']:.1f} bytes each")
        total = sum(float(row["bytes"]) for row in await con.fetch(SIZES))
        print(f"all of these: {total / readings:.1f} bytes a reading")


async def _is_done(con: object, count: int) -> bool:
    return await stored(con) == count  # type: ignore[arg-type]


def main() -> None:
    """Measure once."""
    arguments = argparse.ArgumentParser(description=__doc__)
    for name, default in (("registers", 500), ("days", 7), ("every", 900)):
        arguments.add_argument(f"--{name}", type=int, default=default)
    given = arguments.parse_args()
    count = given.days * 86_400 // given.every
    settings = {**servers.TIMESCALE, "fsync": "on", "full_page_writes": "on", "max_wal_size": "4GB"}
    with (
        servers.postgres_server(servers.timescale_programs(), settings) as server,
        servers.mosquitto_broker() as broker,
    ):
        dsn = server.dsn(server.make_template())
        asyncio.run(measure(dsn, broker.url, server.pid, given.registers, count, given.every))


if __name__ == "__main__":
    main()
