"""How long each query of each dashboard takes over a year of a large district, as the login of Grafana.

    .venv/bin/python -m benchmarks.panels [--registers 1000] [--days 366] [--edition timescale|plain] [--runs 20]
                                          [--folder DIR] [--dsn DSN] [--json FILE] [--only TEXT]

Fills a database of its own (`benchmarks/panel_world.py` says with what) and removes it; with --folder it stays there
and serves again. With --dsn nothing is filled: it is the login of Grafana in a database that is. Every panel, variable
and annotation is expanded as Grafana would and asked for the board's own range, 24 hours, 31 days and 366 days, with
everything chosen that its variables allow; a query that does not depend on the range is asked once. Each run plans
anew, as Grafana's do, and fetches all rows. Slowest first; the target is a p95 of 100 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from benchmarks.panel_world import PASSWORD, ROLE, Size, check, fill
from services.store.pool import connect
from tanfeng.embedded.ports import free_port
from tanfeng.embedded.postgres import PostgresServer
from tests import grafana_sql, servers
from tests.access_world import as_login
from tests.grafana_boards import queries, variables
from tests.grafana_sql import Range

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TARGET_MS: Final = 100.0
SPANS: Final = ("board", "24h", "31d", "366d")
GENERATED: Final = Path(__file__).parents[1] / "dashboards" / "generated"
UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
LOADING: Final = {"fsync": "off", "full_page_writes": "off", "wal_level": "minimal", "max_wal_senders": "0"}
"""Rows that are made up need not survive; reading is as with any settings."""


@dataclass
class Measured:
    """One query, in milliseconds. `span` is "any" where the range does not change it; `rows` is -1 after a time-out."""

    board: str
    title: str
    span: str
    rows: int
    runs: list[float] = field(repr=False)
    sql: str = field(repr=False, default="")

    @property
    def name(self) -> str:
        """Where it is shown."""
        return f"{self.board} / {self.title} / {self.span}"

    @property
    def p50(self) -> float:
        """Half of the runs were faster."""
        return median(self.runs)

    @property
    def p95(self) -> float:
        """One in twenty was slower."""
        return quantiles(self.runs, n=20, method="inclusive")[18] if len(self.runs) > 1 else self.runs[0]


async def measure(dsn: str, options: argparse.Namespace) -> list[Measured]:
    """Every query, run after run so that a busy moment does not hit one query alone."""
    con = await asyncpg.connect(dsn, statement_cache_size=0)
    allowed = await con.fetchval("SHOW statement_timeout")
    await con.execute("SET statement_timeout = 0")
    timescaledb = await con.fetchval("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')")
    found = [each for each in await statements(con, timescaledb=timescaledb) if options.only in each.name]
    await con.execute(f"SET statement_timeout = '{allowed}'")
    for _ in range(options.runs + 1):
        for each in found:
            if each.rows >= 0:
                await _run(con, each)
    for each in found:
        del each.runs[: -options.runs]  # what nobody has read yet comes from the disk
    await con.close()
    return sorted(found, key=lambda each: each.p95, reverse=True)


async def _run(con: asyncpg.Connection[Any], query: Measured) -> None:
    """Once more; never again after a time-out, whose length it then has."""
    started = time.perf_counter()
    try:
        query.rows = len(await con.fetch(query.sql))
    except asyncpg.QueryCanceledError:
        query.rows, query.runs = -1, []
    query.runs.append((time.perf_counter() - started) * 1000)


async def statements(con: asyncpg.Connection[Any], *, timescaledb: bool) -> list[Measured]:
    """All queries of all boards for all ranges, each text once."""
    now, found = datetime.now(UTC), []
    for path in sorted(GENERATED.glob("*/*.json")):
        board = json.loads(path.read_text("utf-8"))
        texts: dict[tuple[int, str], dict[str, str]] = defaultdict(dict)
        for name in SPANS:
            span = Range(now - _length(board["time"]["from"] if name == "board" else name), now)
            asked = [each for each in board["templating"]["list"] if each["type"] == "query"]
            many = all(each["includeAll"] for each in asked)
            chosen = await variables(con, board, "all" if many else "one", span)
            listed = [(f"${each['name']}", each["query"]) for each in asked]
            for place, (title, raw) in enumerate([*listed, *((title, raw) for title, raw, _ in queries(board))]):
                sql = grafana_sql.expand(grafana_sql.interpolate(raw, chosen, span), span, timescaledb=timescaledb)
                texts[place, title].setdefault(sql, name)
        for (_, title), spans in texts.items():
            for sql, name in spans.items():
                found.append(Measured(path.stem, title, name if len(spans) > 1 else "any", 0, [], sql))
    return found


def _length(text: str) -> timedelta:
    number, unit = re.fullmatch(r"(?:now-)?(\d+)([mhd])", text).groups()  # type: ignore[union-attr]  # a board's own
    return timedelta(**{UNITS[unit]: int(number)})


def report(found: list[Measured], rows: Mapping[str, int], options: argparse.Namespace) -> int:
    """Print them; 1 where a query is slower than the target."""
    for table, count in rows.items():
        sys.stdout.write(f"{table}: {count:,} rows\n")
    for each in found:
        sys.stdout.write(
            f"{each.p95:9.1f} ms p95 {each.p50:9.1f} p50 {max(each.runs):9.1f} max {each.rows:6} rows  {each.name}\n"
        )
    fast = sum(each.p95 <= TARGET_MS for each in found)
    everything = [run for each in found for run in each.runs]
    sys.stdout.write(
        f"{fast} of {len(found)} queries ({fast / len(found):.1%}) have a p95 of at most {TARGET_MS:.0f} ms;"
        f" p95 of all runs {quantiles(everything, n=20)[18]:.1f} ms, {options.runs} runs each\n"
    )
    if options.json:
        listed = [
            {"query": each.name, "rows": each.rows, "p50_ms": each.p50, "p95_ms": each.p95, "runs_ms": each.runs}
            for each in found
        ]
        options.json.write_text(json.dumps({"rows": dict(rows), "queries": listed}, ensure_ascii=False, indent=1))
    return 0 if fast == len(found) else 1


async def run(dsn: str, options: argparse.Namespace, *, filled: bool) -> int:
    """Fill a database if need be, and measure as the login."""
    if not filled:
        await fill(dsn, Size(options.registers, options.days))
    owner = await connect(dsn, name="benchmark")
    rows = await check(owner)
    await owner.close()
    return report(await measure(as_login(dsn, ROLE, PASSWORD), options), rows, options)


@contextmanager
def server(folder: Path, edition: str) -> Iterator[servers.Postgres]:
    """A PostgreSQL whose data stays in the folder."""
    settings = {**LOADING, **(servers.TIMESCALE if edition == "timescale" else {})}
    bin_dir = servers.timescale_programs() if edition == "timescale" else None
    made = PostgresServer(folder, free_port(), bin_dir=bin_dir, settings=settings)
    made.prepare()
    running = servers.Postgres(made, folder / "log")
    running.start()
    try:
        yield running
    finally:
        running.stop()


def main(options: argparse.Namespace) -> int:
    """Measure in the database given, in the folder kept, or in one of its own."""
    if options.dsn:
        return report(asyncio.run(measure(options.dsn, options)), {}, options)
    if options.folder:
        return _in(options.folder, options)
    with servers.scratch("panels") as folder:
        return _in(folder, options)


def _in(folder: Path, options: argparse.Namespace) -> int:
    """The folder's name is no proof that its database is whole: a mark left after filling is."""
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / f"filled-{options.registers}-{options.days}"
    with server(folder, options.edition) as running:
        code = asyncio.run(run(running.dsn(), options, filled=mark.exists()))
    mark.touch()
    return code


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--registers", type=int, default=1000)
    parser.add_argument("--days", type=int, default=366)
    parser.add_argument("--edition", choices=("timescale", "plain"), default="timescale")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--dsn", default="")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", default="", help="Only queries whose name contains this")
    sys.exit(main(parser.parse_args()))
