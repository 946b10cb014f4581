"""An outage's backlog drains at full speed while live readings keep arriving: how fast, and are its warnings right?

    .venv/bin/python benchmarks/backlog.py [--registers 1000] [--hours 8] [--ago 22] [--workers 2] [--json FILE]

Every register is read once a minute. For some hours, which ended `--ago` hours before now, nothing came through; then
the gateways send all that they kept, 200 readings a message, in order of time, beside the live readings of the same
registers. In the place of twenty meters another hung for an hour of the outage, without a word: each must have exactly
one warning, on the two breaks at their own moments. The evaluator runs all along, so that it also sees half of a
backlog: every warning must begin at its true moment in the end, and be historical if its last break is more than a day
old, which with `--ago 22` most are. Afterwards the books are rebuilt and compared.
Exit code 1 if anything is not right.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from services.model import HOUR_US  # noqa: E402 - the checkout's own code, whoever calls this
from tests import servers  # noqa: E402
from tests.backlog import Drained, Outage, drain, prepare, warnings  # noqa: E402
from tests.ingest_rig import command, environment  # noqa: E402
from tests.programs import Site, ingesting  # noqa: E402

LOANS = 20


def figures(found: Drained, standing: list[dict[str, Any]], outage: Outage, now_us: int) -> dict[str, object]:
    """All that is told of a run."""
    ordered = sorted(found.live_seconds)
    historical = {row["subject"] for row in standing if row["historical"]}
    late, late_now = outage.older_than_a_day(now_us), outage.older_than_a_day(time.time_ns() // 1000)
    return {
        "cores": os.cpu_count(),
        "registers": outage.registers,
        "backlog_readings": found.readings,
        "published_s": round(found.published_s, 1),
        "drained_s": round(found.drained_s, 1),
        "backlog_readings_per_s": round(found.readings / found.drained_s),
        "live_readings": found.live_readings,
        "live_watched": len(ordered),
        **{f"live_p{p}_s": round(ordered[min(len(ordered) - 1, len(ordered) * p // 100)], 3) for p in (50, 95, 99)},
        "live_max_s": round(ordered[-1], 3),
        "warnings_expected": len(outage.lent),
        "warnings_standing": len(standing),
        "warnings_right": {row["subject"]: row["events"] for row in standing}
        == {name: [at, at + HOUR_US] for name, at in outage.lent.items()},
        "warnings_at_their_moment": sum(row["occurred_at"] == outage.lent[row["subject"]] for row in standing),
        "warnings_historical": len(historical),
        "warnings_more_than_a_day_old": len(late),
        "warnings_dated_right": late <= historical <= late_now
        and all(row["occurred_at"] == outage.lent[row["subject"]] for row in standing),
        "registers_with_wrong_energy": found.wrong_energy,
        "differences_after_rebuilding": found.differences,
    }


def main(options: argparse.Namespace) -> int:
    """Run it; 1 if something is wrong."""
    now_us = time.time_ns() // 1000
    until_us = (now_us - round(options.ago * HOUR_US)) // HOUR_US * HOUR_US
    outage = Outage(options.registers, until_us - round(options.hours * HOUR_US), until_us, LOANS)
    with ExitStack() as stack:
        server = stack.enter_context(servers.postgres_server(servers.timescale_programs(), servers.TIMESCALE))
        dsn = stack.enter_context(server.database(server.make_template()))
        broker = stack.enter_context(servers.mosquitto_broker())
        others = asyncio.run(prepare(dsn, outage, now_us))
        stack.enter_context(ingesting(Site(dsn, broker.url), options.workers))
        stack.enter_context(command("evaluate", env=environment(dsn, broker.url)))
        found = asyncio.run(drain(dsn, broker.url, outage, options.registers / 60, others))
        told = figures(found, asyncio.run(warnings(dsn, outage)), outage, now_us)
    for name, value in told.items():
        print(f"{name:36} {value}")
    if options.json:
        options.json.write_text(json.dumps(told, indent=2) + "\n")
    wrong = told["registers_with_wrong_energy"], told["differences_after_rebuilding"]
    return 0 if told["warnings_right"] and told["warnings_dated_right"] and not any(wrong) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--registers", type=int, default=1000)
    parser.add_argument("--hours", type=float, default=8)
    parser.add_argument("--ago", type=float, default=22, help="hours since the outage ended")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path)
    sys.exit(main(parser.parse_args()))
