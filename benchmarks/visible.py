"""From the publication of a reading until its energy and CO₂ are visible, at a steady rate of single messages.

    .venv/bin/python -m benchmarks.visible [--rate 2000] [--registers 1000] [--seconds 30] [--json FILE]

Starts its own PostgreSQL (durable) and broker, `tanfeng ingest` and `tanfeng simulate load`, which publishes open-loop
and looks every ten milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
from pathlib import Path

from benchmarks.stand import Stand, ingest_process, stand
from services.store.migrate import migrate
from services.store.pool import connect
from tests.ingest_rig import environment, until


async def prepared(on: Stand) -> None:
    """The schema is there."""
    con = await connect(on.postgres.dsn(), name="benchmark")
    await migrate(con)
    await con.close()


def measure(on: Stand, options: argparse.Namespace) -> int:
    """Load beside a worker; the exit code of the load."""
    asyncio.run(prepared(on))
    wanted = {"registers": options.registers, "rate": options.rate, "duration": f"{options.seconds:g}s"}
    command = [sys.executable, "-m", "tanfeng", "simulate", "load"]
    for name, value in wanted.items():
        command += [f"--{name}", str(value)]
    if options.json:
        command += ["--json", str(options.json)]
    worker = ingest_process(on)
    try:
        asyncio.run(until(lambda: "subscribed" in on.log.read_text()))
        return subprocess.run(command, env=environment(on.postgres.dsn(), on.broker.url), check=False).returncode
    finally:
        worker.terminate()
        worker.wait(60)


def main() -> int:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--registers", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    with stand() as on:
        return measure(on, options)


if __name__ == "__main__":
    sys.exit(main())
