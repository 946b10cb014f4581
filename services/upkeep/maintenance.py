"""Our own maintenance: columnstore, retention and TimescaleDB's jobs, each run recorded, one holder at a time.

TimescaleDB's scheduler is not relied on: with some minor releases of PostgreSQL its policies fail, while the same work
called from a connection succeeds. Needs the owner's login.
"""

from __future__ import annotations

from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING, Final

import asyncpg

from services.errors import TanfengError
from services.model import HOUR_US
from services.store import leases
from services.store.queries import SQL
from services.upkeep import chunks, retention

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from services.store.pool import Connection, Row

    Task = Callable[[Connection, "Limits", int], Awaitable[str]]

LEASE: Final = "maintain"
LEASE_S: Final = 12 * 3600.0
"""More than a task takes; renewed before each. It ends with the connection anyway."""
DAY_US: Final = 24 * HOUR_US
ROWS: Final = 10_000
"""Deleted at a time."""
GRACE_S: Final = 900.0
"""A job this late is not being run by the scheduler."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long what is kept, in days; 0: for ever."""

    raw_days: int
    horizon_days: int
    columnstore_days: int
    rejection_days: int
    minute_days: int


@dataclass(frozen=True, slots=True)
class Run:
    """What one task did: `result` is done, nothing or failed."""

    task: str
    result: str
    detail: str


class JobsFailedError(Exception):
    """Background jobs of TimescaleDB failed and have not succeeded since."""


class TurnLostError(TanfengError):
    """Our turn to maintain went to another process."""


async def maintain(con: Connection, limits: Limits) -> list[Run] | None:
    """Do what is due, every task on its own; None: another process has the turn.

    Raises:
        OSError, asyncpg.InterfaceError: The database went away.
        TurnLostError: A task took half a day, and another process has the turn.
    """
    holder = token_hex(16)
    if not await leases.claim(con, LEASE, holder, LEASE_S):
        return None
    try:
        # ingest must not queue up behind us for long: what cannot be locked soon is tried again next time
        await con.execute("SET lock_timeout = '5s'")
        runs = [await _held(con, holder, name, TASKS[name], limits) for name in TASKS]
        runs += [await _held(con, holder, f"job {job}", _job(job), limits) for job in await _due_jobs(con)]
        await con.execute(SQL["maintenance_forget"])
        await con.execute(SQL["watchdog_forget"])
    finally:
        if not con.is_closed():
            await con.execute("RESET lock_timeout")
            await leases.release(con, LEASE, holder)
    return runs


async def last_runs(con: Connection) -> list[Row]:
    """The newest run of each task."""
    return await con.fetch(SQL["maintenance_last"])


async def _held(con: Connection, holder: str, name: str, task: Task, limits: Limits) -> Run:
    """Do a task in our turn; a turn that was lost meanwhile has ended for us.

    Raises:
        TurnLostError: Another process maintains now.
    """
    if not await leases.renew(con, LEASE, holder, LEASE_S):
        raise TurnLostError("another process maintains this database now")
    return await _recorded(con, name, task, limits)


async def _recorded(con: Connection, name: str, task: Task, limits: Limits) -> Run:
    started: int = await con.fetchval(SQL["maintenance_now"])
    try:
        detail = await task(con, limits, started)
        run = Run(name, "done" if detail else "nothing", detail)
    except (asyncpg.PostgresError, JobsFailedError) as problem:
        if con.is_closed():
            raise
        run = Run(name, "failed", f"{type(problem).__name__}: {problem}")
    await con.execute(SQL["maintenance_record"], run.task, started, run.result, run.detail)
    return run


async def _columnstore(con: Connection, limits: Limits, now_us: int) -> str:
    return await chunks.compress_due(con, now_us - limits.columnstore_days * DAY_US) if limits.columnstore_days else ""


async def _retention(con: Connection, limits: Limits, now_us: int) -> str:
    found = await retention.limit(con, now_us, limits.raw_days, limits.horizon_days)
    return await retention.drop_old(con, found) if found else ""


async def _records(con: Connection, limits: Limits, now_us: int) -> str:
    """Bytes of rejections, then, with the raw readings, the rejections; counts by the minute."""
    wanted = (
        ("forget_bodies", limits.rejection_days, "bodies of rejections"),
        ("forget_rejections", limits.raw_days, "rejections"),
        ("forget_floods", limits.rejection_days, "counts of floods"),
        ("forget_minutes", limits.minute_days, "minutes of ingest"),
        ("forget_broker", limits.minute_days, "minutes of the broker"),
    )
    done = [(await _forget(con, query, now_us - days * DAY_US), what) for query, days, what in wanted if days]
    return ", ".join(f"{number} {what}" for number, what in done if number)


async def _forget(con: Connection, query: str, before_us: int) -> int:
    gone = 0
    while some := int((await con.execute(SQL[query], before_us, ROWS)).split()[-1]):
        gone += some
    return gone


async def _jobs(con: Connection, _limits: Limits, now_us: int) -> str:
    """Tell of background jobs that fail."""
    if not await con.fetchval(SQL["hypertable_offered"]):
        return ""
    errors = await con.fetch(SQL["job_errors"], now_us - DAY_US)
    if errors:
        raise JobsFailedError("; ".join(f"job {e['job_id']} {e['proc']}: {e['code']} {e['problem']}" for e in errors))
    return ""


async def _due_jobs(con: Connection) -> list[int]:
    if not await con.fetchval(SQL["columnstore_offered"]):
        return []
    return [row["job_id"] for row in await con.fetch(SQL["jobs_due"], GRACE_S)]


def _job(number: int) -> Task:
    async def run(con: Connection, _limits: Limits, _now_us: int) -> str:
        await con.execute(SQL["job_run"].format(job=number))
        return "run in place of the scheduler"

    return run


TASKS: Final[Mapping[str, Task]] = {
    "columnstore": _columnstore,
    "retention": _retention,
    "records": _records,
    "jobs": _jobs,
}
"""In this order: what is dropped need not be compressed, but a week is compressed long before."""
