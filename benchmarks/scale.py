"""What a reading costs with few and with many registers.

    .venv/bin/python -m benchmarks.scale [--messages 200000] [--json FILE] [REGISTERS …]

For each number of registers, by default 100, 1,000, 10,000 and 100,000, on servers of its own: every register has had a
reading (so what is read once of a register is read), the worker is stopped while single readings are published, all
registers in turn, and goes on. Prints CPU microseconds a reading of worker, broker and database, which depend less on
what else the machine does than the rate, and ratios. A batch holds 10,000 messages: a hundred readings each of 100
registers, which share a state, a day and ledger rows, and one each of 10,000 registers and more, which do not; so also
10,000 and 100,000 registers are compared.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import time
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.stand import Stand, cpu_s, ingest_process, stand
from services.store.migrate import migrate
from services.store.pool import connect
from tests.ingest_rig import ENTERPRISE, Fleet, make_fleet, until
from tests.mqtt import publish

if TYPE_CHECKING:
    from services.store.pool import Connection

COMMITTED: Final = "SELECT coalesce(sum(messages), 0)::bigint FROM core.ingest_minute"
CLONES: Final = f"""
WITH meter AS (
    INSERT INTO core.meter (enterprise_id, code, name_zh, name_en)
    SELECT m.enterprise_id, 'm' || n, m.name_zh, m.name_en
    FROM core.meter m JOIN core.enterprise e USING (enterprise_id), generate_series(1, $1::int - 1) AS n
    WHERE e.code = '{ENTERPRISE}' AND m.code = 'm0'
    RETURNING meter_id
), place AS (
    INSERT INTO core.meter_membership (meter_id, site_id, level)
    SELECT n.meter_id, p.site_id, p.level FROM meter n, core.meter_membership p
), register AS (
    INSERT INTO core.register (meter_id, code, quantity, direction, carrier, unit, kind)
    SELECT n.meter_id, r.code, r.quantity, r.direction, r.carrier, r.unit, r.kind FROM meter n, core.register r
    RETURNING register_id
), policy AS (
    INSERT INTO core.register_policy (register_id, max_rate, resolution, interval_s, gap_s, slack_s, noise, on_fall)
    SELECT n.register_id, p.max_rate, p.resolution, p.interval_s, p.gap_s, p.slack_s, p.noise, p.on_fall
    FROM register n, core.register_policy p
)
INSERT INTO core.register_state (register_id) SELECT register_id FROM register
"""


@dataclass
class Cost:
    """CPU microseconds a reading."""

    registers: int
    readings_s: float
    worker_us: float
    broker_us: float
    database_us: float

    @property
    def whole_us(self) -> float:
        """Of all three."""
        return self.worker_us + self.broker_us + self.database_us


async def crowd(con: Connection, registers: int) -> Fleet:
    """So many like registers, all at one site."""
    await migrate(con)
    await make_fleet(con, 1)
    await con.execute(CLONES, registers)
    await con.execute("UPDATE core.registry_version SET version = version + 1")
    await con.execute("ANALYZE")
    return Fleet(tuple(range(registers)))


async def measure(on: Stand, registers: int, messages: int) -> Cost:
    """Warm up, then drain."""
    con = await connect(on.postgres.dsn(), name="benchmark")
    fleet = await crowd(con, registers)

    async def is_committed(number: int) -> bool:
        return bool(await con.fetchval(COMMITTED) >= number)

    worker = ingest_process(on)
    try:
        await until(lambda: "subscribed" in on.log.read_text())
        await publish(on.broker.url, fleet.posts(registers))
        await until(lambda: is_committed(registers), 600)
        worker.send_signal(signal.SIGSTOP)
        await publish(on.broker.url, fleet.posts(messages, 1))
        pids = (worker.pid, on.broker.pid, on.postgres.pid)
        before, started = [cpu_s(pid) for pid in pids], time.perf_counter()
        worker.send_signal(signal.SIGCONT)
        await until(lambda: is_committed(registers + messages), 600)
        seconds = time.perf_counter() - started
        used = [(cpu_s(pid) - earlier) / messages * 1e6 for pid, earlier in zip(pids, before, strict=True)]
    finally:
        worker.send_signal(signal.SIGCONT)
        worker.terminate()
        worker.wait(60)
    await con.close()
    return Cost(registers, messages / seconds, *used)


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("registers", type=int, nargs="*", default=[100, 1_000, 10_000, 100_000])
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    costs = []
    for registers in options.registers:
        with stand() as on:
            cost = asyncio.run(measure(on, registers, options.messages))
        costs.append(cost)
        print(
            f"{registers:>7,} registers: {cost.whole_us:6.1f} µs a reading (worker {cost.worker_us:.1f}, broker"
            f" {cost.broker_us:.1f}, database {cost.database_us:.1f}), {cost.readings_s:,.0f} readings/s",
            flush=True,
        )
    ratios = {
        f"{each.registers:,} against {fewer.registers:,}": each.whole_us / fewer.whole_us
        for fewer, each in (*pairwise(costs), (costs[0], costs[-1]))
    }
    for names, ratio in ratios.items():
        print(f"{names} registers: {ratio:.2f} times (aim 1.2)")
    if options.json:
        options.json.write_text(json.dumps({"costs": [asdict(each) for each in costs], "ratios": ratios}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
