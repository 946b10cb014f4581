"""A rig for tests of ingest: registers, readings in and out, a worker in this process or in its own."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from ingest.worker import Worker, run
from services.accounting.policy import Version
from services.model import HOUR_US, SECOND_US, iso
from services.settings import Settings
from services.store.pool import NEG_INFINITY, connect
from tests import servers
from tests.registers import add_meter, add_register

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    import asyncpg

    from services.clocks import Clock
    from services.store.pool import Connection
    from tests.mqtt import Post

ENTERPRISE = "works"
START = (time.time_ns() // 1000 // HOUR_US - 2000) * HOUR_US
"""The instant of reading 0: within every limit, and on the hour."""
STEP_US = 60 * SECOND_US
DEADLINE_S = 60.0


@dataclass(frozen=True)
class Fleet:
    """Meters m0 … with one register `import`, whose reading n is n kWh at START + n minutes."""

    registers: tuple[int, ...]

    def post(self, meter: int, n: int) -> Post:
        """Reading n of one meter as its own message."""
        body = f'{{"read_at":"{iso(START + n * STEP_US)}","registers":{{"import":{n}}}}}'
        return f"keu/v1/{ENTERPRISE}/m{meter}/readings", body.encode()

    def posts(self, count: int, first: int = 0) -> list[Post]:
        """Readings `first` … of every meter, in order of time, `count` messages in all."""
        size = len(self.registers)
        return [self.post(n % size, first + n // size) for n in range(count)]


async def make_fleet(con: Connection, meters: int, first: int = 0, enterprise: str = ENTERPRISE) -> Fleet:
    """Register some meters."""
    policy = Version(
        max_rate=Decimal(1000),
        resolution=Decimal("0.001"),
        modulus=None,
        interval_us=STEP_US,
        gap_us=4 * STEP_US,
        slack_us=STEP_US,
        noise=Decimal("0.001"),
        valid_from=NEG_INFINITY,
    )
    ids = []
    for index in range(first, first + meters):
        meter = await add_meter(con, enterprise, f"m{index}")
        ids.append(await add_register(con, meter, "total_increasing", [policy]))
    await con.execute("UPDATE core.registry_version SET version = version + 1")
    return Fleet(tuple(ids))


def settings_for(dsn: str, url: str, **changes: Any) -> Settings:
    """Settings of a worker on these servers."""
    return Settings(database_dsn=SecretStr(dsn), broker_url=SecretStr(url), ingest_port=0, **changes)


@contextlib.asynccontextmanager
async def worker(
    settings: Settings, *, slot: int | None = None, workers: int = 1, clock: Clock | None = None
) -> AsyncIterator[Worker]:
    """A worker in this process, stopped gracefully when left."""
    stop = asyncio.Event()
    running = Worker(settings, slot=slot, workers=workers, stop=stop, clock=clock)
    task = asyncio.create_task(running.run())
    try:
        await until(lambda: running.metrics.broker.is_here or task.done())
        yield running
    finally:
        stop.set()
        await task


async def until(condition: Callable[[], Any | Awaitable[Any]], deadline_s: float = DEADLINE_S) -> Any:
    """Wait until the condition holds; its value."""
    deadline = time.monotonic() + deadline_s
    while True:
        value = condition()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        assert time.monotonic() < deadline, "the condition did not come to hold"
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def connection(dsn: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A connection for looking."""
    con = await connect(dsn, name="tests")
    try:
        yield con
    finally:
        con.terminate()


async def stored(con: Connection) -> int:
    """How many readings are stored."""
    count: int = await con.fetchval("SELECT count(*) FROM core.reading")
    return count


async def energy(con: Connection) -> int:
    """The ledger's sum, in thousandths."""
    total: int = await con.fetchval("SELECT coalesce(sum(amount), 0)::bigint FROM core.energy_15m")
    return total


async def rejected(con: Connection) -> dict[str, int]:
    """How often each code was given, floods included."""
    rows = await con.fetch(
        "SELECT code, sum(seen_count)::bigint AS n FROM"
        " (SELECT code, seen_count FROM core.rejection UNION ALL SELECT code, seen_count FROM core.rejection_flood) a"
        " GROUP BY code"
    )
    return {row["code"]: row["n"] for row in rows}


async def counted(con: Connection, what: str) -> int:
    """What ingest has counted: messages, accepted, duplicates, rejected, held or batches."""
    total: int = await con.fetchval(f"SELECT coalesce(sum({what}), 0)::bigint FROM core.ingest_minute")
    return total


def environment(dsn: str, url: str, **changes: str) -> dict[str, str]:
    """The environment of a command on these servers."""
    named = {"TANFENG_DATABASE_DSN": dsn, "TANFENG_BROKER_URL": url, "TANFENG_INGEST_PORT": "0"}
    return {**os.environ, **named, **changes}


@contextlib.contextmanager
def command(*arguments: str, env: dict[str, str], log: Any = subprocess.DEVNULL) -> Iterator[subprocess.Popen[bytes]]:
    """`tanfeng …` as a process, terminated when left if it still runs."""
    process = subprocess.Popen(
        (sys.executable, "-m", "tanfeng", *arguments), env=env, cwd=servers.ROOT, stdout=log, stderr=log
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(30)


def _work(dsn: str, url: str) -> None:
    asyncio.run(run(settings_for(dsn, url)))


FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["ingest.worker"])


@contextlib.contextmanager
def process(dsn: str, url: str) -> Iterator[multiprocessing.process.BaseProcess]:
    """A worker in a process of its own, forked from one that has loaded the code, killed when left."""
    running = FORKS.Process(target=_work, args=(dsn, url), daemon=True)
    running.start()
    try:
        yield running
    finally:
        running.kill()
        running.join(30)
        running.close()


async def holds(con: Connection, count: int) -> bool:
    """Whether so many readings are stored."""
    return await stored(con) == count


async def holds_counted(con: Connection, what: str, count: int) -> bool:
    """Whether ingest has counted so many."""
    return await counted(con, what) >= count


async def waits_for_lock(con: Connection) -> Any:
    """Whether ingest waits for a lock."""
    return await con.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tanfeng-ingest' AND wait_event_type = 'Lock'"
        " AND datname = current_database()"
    )
