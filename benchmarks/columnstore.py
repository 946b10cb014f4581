"""Bytes per raw reading in the columnstore, by segment, order and width of what is compressed together.

    scripts/community --collect-only >/dev/null; python benchmarks/columnstore.py [--dsn DSN] [--registers 1000]
                                             [--shipped] [--json FILE]

--shipped measures only what the product does: by register, in order of time, weeks together. Without --dsn it runs on
the community edition of the tests (PostgreSQL in WebAssembly): sizes are those of the real format, times are not those
of a real server and serve only to compare the variants with each other. Readings are counters with a daily curve and
20 % noise, at a resolution of 0.01 kWh, 1 to 4 s late.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

from services.store.pool import connect
from tests.community_server import community_server

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from services.store.pool import Connection

TABLE = "public.columnstore_trial"
WEEK = 7
READINGS = """
INSERT INTO {table}
SELECT register_id, read_at,
       register_id * 777777 + (sum(used) OVER (PARTITION BY register_id ORDER BY read_at))::bigint,
       (1 + random() * 3)::int, NULL
FROM (SELECT g AS register_id, t AS read_at,
             (round((5 + 5 * sin(extract(epoch FROM t) / 13750)) * (1 + g % 17) * {step_s} / 9 * (0.8 + 0.4 * random()))
              * 10)::bigint AS used
      FROM generate_series(1, {registers}) AS g,
           generate_series(timestamptz '2026-01-01', timestamptz '2026-01-01' + {days} * interval '1 day'
                           - interval '1 second', {step_s} * interval '1 second') AS t) AS series
ORDER BY read_at, register_id
"""
ASKED = """unnest(array(SELECT generate_series(1, 200)), array_fill(timestamptz '2026-01-02T03:00Z', ARRAY[200]))
AS w (register_id, at)"""
PROBES = {
    "known": f"SELECT count(*) FROM {ASKED} JOIN {TABLE} r ON r.register_id = w.register_id AND r.read_at = w.at",
    "before": f"SELECT count(*) FROM {ASKED} JOIN LATERAL (SELECT read_at FROM {TABLE} r WHERE r.register_id ="
    " w.register_id AND r.read_at < w.at ORDER BY read_at DESC LIMIT 1) AS x ON true",
    "late": f"INSERT INTO {TABLE} SELECT g, timestamptz '2026-01-02T03:07:07Z', 5, 5 FROM generate_series(1, 200) AS g",
}
"""What booking does to 200 registers: look up known keys, find the reading before, store a late one."""


@dataclass(frozen=True)
class Variant:
    """`together_days`: 1 = a day chunk each; 7 = day chunks merged to weeks."""

    segment: str
    order: str
    together_days: int
    step_s: int = 900


VARIANTS = [
    Variant("register_id", "read_at", 1),
    Variant("register_id", "read_at DESC", 1),
    Variant("", "register_id, read_at", 1),
    Variant("", "read_at, register_id", 1),
    Variant("register_id", "read_at", 7),
    Variant("", "register_id, read_at", 7),
    Variant("register_id", "read_at", 1, step_s=60),
    Variant("register_id", "read_at", 7, step_s=60),
]


@dataclass(frozen=True)
class Sizes:
    """What a variant came to."""

    variant: Variant
    rows: int
    before_bytes: float
    """A row, as is `after_bytes`."""
    after_bytes: float
    convert_s: float
    probes_ms: list[float]

    def line(self) -> str:
        """A line of the table."""
        v = self.variant
        name = f"{v.segment or '—'} | {v.order} | {v.together_days} d | {v.step_s // 60} min"
        times = " | ".join(f"{each:.0f}" for each in self.probes_ms)
        return (
            f"| {name} | {self.rows} | {self.before_bytes:.1f} | {self.after_bytes:.2f} | {self.convert_s:.1f}"
            f" | {times} |"
        )


async def measure(con: Connection, variant: Variant, registers: int) -> Sizes:
    """Fill, compress, ask."""
    registers = registers if variant.step_s == 900 else max(1, registers // 15)  # noqa: PLR2004 - the usual interval
    await fill(con, variant, registers)
    rows = await con.fetchval(f"SELECT count(*) FROM {TABLE}")
    plain = await con.fetchval(f"SELECT sum(total_bytes) FROM chunks_detailed_size('{TABLE}')")
    started = time.perf_counter()
    await convert(con, variant.together_days)
    seconds = time.perf_counter() - started
    packed = await con.fetchval(f"SELECT sum(after_compression_total_bytes) FROM chunk_columnstore_stats('{TABLE}')")
    times = [await timed(con, query) for query in PROBES.values()]
    return Sizes(variant, rows, float(plain / rows), float(packed / rows), seconds, times)


async def fill(con: Connection, variant: Variant, registers: int) -> None:
    """A table like core.reading in day chunks with two weeks of readings."""
    await con.execute(f"DROP TABLE IF EXISTS {TABLE}")
    await con.execute(f"CREATE TABLE {TABLE} (LIKE core.reading INCLUDING INDEXES)")
    await con.execute(
        f"SELECT create_hypertable('{TABLE}', by_range('read_at', interval '1 day'), create_default_indexes => false)"
    )
    await con.execute(READINGS.format(table=TABLE, step_s=variant.step_s, registers=registers, days=14))
    await con.execute(
        f"ALTER TABLE {TABLE} SET (timescaledb.enable_columnstore, timescaledb.segmentby = '{variant.segment}',"
        f" timescaledb.orderby = '{variant.order}')"
    )


async def convert(con: Connection, together: int) -> None:
    """Compress all chunks, merged first where several go together."""
    query = (
        "SELECT format('%I.%I', chunk_schema, chunk_name) FROM timescaledb_information.chunks"
        " WHERE format('%I.%I', hypertable_schema, hypertable_name) = $1 ORDER BY range_start"
    )
    chunks = [row[0] for row in await con.fetch(query, TABLE)]
    for start in range(0, len(chunks), together):
        group = chunks[start : start + together]
        if len(group) > 1:
            names = ", ".join(f"'{name}'" for name in group)
            await con.execute(f"CALL merge_chunks(ARRAY[{names}]::regclass[])")
        await con.execute(f"CALL convert_to_columnstore('{group[0]}')")


async def timed(con: Connection, query: str) -> float:
    """Milliseconds."""
    started = time.perf_counter()
    await con.execute(query)
    return (time.perf_counter() - started) * 1000


async def run(dsn: str, registers: int, variants: Sequence[Variant]) -> list[Sizes]:
    """Print the table."""
    found = []
    con = await connect(dsn, name="columnstore")
    print(await con.fetchval("SELECT 'TimescaleDB ' || extversion FROM pg_extension WHERE extname = 'timescaledb'"))
    print("| segment | order | together | interval | rows | B/row before | B/row after | s to convert |", end="")
    print(" ms: 200 known | 200 before | 200 late |")
    print("|---|---|---|---|--:|--:|--:|--:|--:|--:|--:|")
    try:
        for variant in variants:
            found.append(await measure(con, variant, registers))
            print(found[-1].line(), flush=True)
    finally:
        await con.execute(f"DROP TABLE IF EXISTS {TABLE}")
        await con.close()
    return found


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dsn", default="", help="a migrated database of the community edition")
    parser.add_argument("--registers", type=int, default=1000)
    parser.add_argument("--shipped", action="store_true", help="only what the product does")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    variants = [each for each in VARIANTS if (each.segment and each.together_days == WEEK) or not options.shipped]
    server: AbstractContextManager[object] = nullcontext() if options.dsn else community_server()
    with server as running:
        found = asyncio.run(run(options.dsn or getattr(running, "dsn", ""), options.registers, variants))
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in found], indent=1))


if __name__ == "__main__":
    main()
