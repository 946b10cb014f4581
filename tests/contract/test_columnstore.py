"""Raw readings in the columnstore book as they did beside it; where there is none, the same figures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from benchmarks import backfill
from services.ledger.booking import Books
from services.ledger.verify import verify
from services.model import Arrival
from services.store.pool import connect
from services.upkeep.chunks import WEEK_US
from services.upkeep.maintenance import DAY_US, Limits, maintain
from tests.alert_rig import MINUTE_US, add_counter, alerts, look, steps, take

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

LIMITS = Limits(raw_days=0, horizon_days=0, columnstore_days=10, rejection_days=0, minute_days=0)
STEP = 3 * 60 * MINUTE_US
COMPRESSED = "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'reading' AND is_compressed"


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A migrated database, with ingest's setting."""
    opened = await connect(edition_database, name="test")
    await opened.execute("SET timescaledb.max_tuples_decompressed_per_dml_transaction = 0")
    yield opened
    await opened.close()


async def has_columnstore(con: Connection) -> bool:
    """Whether this is the community edition."""
    return bool(await con.fetchval("SELECT current_setting('timescaledb.license', true) = 'timescale'"))


async def maintained(con: Connection) -> str:
    """One turn of maintenance; the result of the columnstore's task."""
    runs = await maintain(con, LIMITS)
    assert runs is not None
    assert [run for run in runs if run.result == "failed"] == []
    return next(run.result for run in runs if run.task == "columnstore")


async def filled(con: Connection) -> tuple[int, int]:
    """A register with seven weeks of readings that end today, each second one missing; its id and the first instant."""
    register = await add_counter(con)
    now: int = await con.fetchval("SELECT clock_timestamp()")
    first = (now // WEEK_US - 7) * WEEK_US
    await take(con, register, [(first + n * STEP, n * 1000) for n in range(0, 7 * 56, 2)])
    return register, first


async def test_whole_weeks_past_the_horizon_go_to_the_columnstore(con: Connection) -> None:
    """Younger days stay rows; a second turn finds nothing to do, and the books verify."""
    await filled(con)
    before = await con.fetch("SELECT * FROM core.reading ORDER BY read_at")
    expected = "done" if await has_columnstore(con) else "nothing"
    assert await maintained(con) == expected
    assert await con.fetch("SELECT * FROM core.reading ORDER BY read_at") == before
    if await has_columnstore(con):
        assert await con.fetchval(COMPRESSED) in {5, 6}
    assert await maintained(con) == "nothing"
    assert [finding async for finding in verify(con)] == []


async def test_late_readings_into_compressed_weeks_book_rightly(con: Connection) -> None:
    """New ones are booked, repeated ones counted, another value refused, in one batch; then they are compressed too."""
    register, first = await filled(con)
    await maintained(con)
    whole = await con.fetchval("SELECT sum(amount)::bigint FROM core.energy_15m")
    late = [Arrival(register, first + n * STEP, n * 1000 - 100, None, first) for n in range(1, 60, 2)]
    known = [Arrival(register, first + n * STEP, n * 1000, None, first) for n in range(0, 60, 2)]
    other = [Arrival(register, first + 80 * STEP, 7, None, first)]
    async with con.transaction():
        booked = await Books().book(con, [*late, *known, *other])
    assert (booked.accepted, booked.duplicates, booked.conflicts) == (30, 30, [(other[0], 80_000)])
    assert await con.fetchval("SELECT sum(amount)::bigint FROM core.energy_15m") == whole
    assert [finding async for finding in verify(con)] == []
    assert await maintained(con) == ("done" if await has_columnstore(con) else "nothing")
    assert await con.fetchval("SELECT count(*) FROM core.reading") == 7 * 28 + 30
    assert [finding async for finding in verify(con)] == []


async def test_weeks_of_backfill_come_in_batches_of_5000(con: Connection) -> None:
    """Midnights came in time; all that is between them comes afterwards, register by register, into compressed days."""
    fleet = await backfill.make(con, registers=10, days=28, every_s=3600)
    await backfill.send(con, fleet, list(fleet.early()))
    assert await maintain(con, backfill.LIMITS)
    if await has_columnstore(con):
        assert await con.fetchval(COMPRESSED) > 0
    late = fleet.late("register")
    assert len(await backfill.send(con, fleet, late)) == 2
    assert await con.fetchval("SELECT count(*) FROM core.reading") == 10 * (28 * 24 + 1)
    assert await backfill.compare_days(con, fleet) == 10 * 28
    assert [finding async for finding in verify(con)] == []
    assert await maintained(con) == ("done" if await has_columnstore(con) else "nothing")
    assert [finding async for finding in verify(con)] == []


async def test_retention_drops_compressed_weeks_and_keeps_what_is_needed(con: Connection) -> None:
    """The ledger stays; a register that fell silent keeps two readings."""
    await filled(con)
    silent = await add_counter(con, meter="silent")
    now: int = await con.fetchval("SELECT clock_timestamp()")
    first = (now // WEEK_US - 6) * WEEK_US
    await take(con, silent, [(first + n * STEP, n * 1000) for n in range(8)])
    await maintained(con)
    whole = await con.fetch("SELECT * FROM core.energy_15m ORDER BY register_id, starts_at")
    await maintain(con, replace(LIMITS, raw_days=15, horizon_days=12))
    assert await con.fetchval("SELECT count(*) FROM core.reading WHERE register_id = $1", silent) == 2
    oldest = await con.fetchval("SELECT min(read_at) FROM core.reading WHERE register_id <> $1", silent)
    assert oldest > now - 23 * DAY_US
    assert await con.fetch("SELECT * FROM core.energy_15m ORDER BY register_id, starts_at") == whole
    assert [finding async for finding in verify(con)] == []


async def test_maintenance_that_fails_warns_and_one_that_works_does_not(con: Connection) -> None:
    """One alert a task, from its first failure on; the next success ends it."""
    await maintain(con, LIMITS)
    await look(con, "MaintenanceFailed")
    assert await alerts(con, "MaintenanceFailed") == []
    await con.execute("ALTER TABLE core.rejection_flood RENAME TO gone")
    await maintain(con, replace(LIMITS, rejection_days=5))
    await look(con, "MaintenanceFailed")
    (alert,) = await alerts(con, "MaintenanceFailed")
    assert (alert["subject"], alert["state"]) == ("records", "firing")
    assert "rejection_flood" in alert["latest"]["problem"]
    await con.execute("ALTER TABLE core.gone RENAME TO rejection_flood")
    await maintain(con, replace(LIMITS, rejection_days=5))
    await look(con, "MaintenanceFailed")
    assert await steps(con, "MaintenanceFailed") == ["firing", "resolved"]


@pytest.mark.fires("MaintenanceFailed")
async def test_maintenance_that_is_not_run_any_more_warns(con: Connection) -> None:
    """Two days after the last run of any task; a database that was never maintained is no alert."""
    now: int = await con.fetchval("SELECT clock_timestamp()")
    await look(con, "MaintenanceFailed", now + 3 * DAY_US)
    assert await alerts(con, "MaintenanceFailed") == []
    await maintain(con, LIMITS)
    await look(con, "MaintenanceFailed", now + DAY_US)
    assert await alerts(con, "MaintenanceFailed") == []
    await look(con, "MaintenanceFailed", now + 3 * DAY_US)
    (alert,) = await alerts(con, "MaintenanceFailed")
    assert alert["subject"] == "maintenance"


@pytest.mark.stays_quiet("MaintenanceFailed")
async def test_maintenance_that_succeeds_every_day_does_not_warn(con: Connection) -> None:
    """Two days after the last run are allowed."""
    await maintain(con, LIMITS)
    newest: int = await con.fetchval("SELECT max(ended_at) FROM core.maintenance_run")
    for later in (0, DAY_US, 2 * DAY_US):
        await look(con, "MaintenanceFailed", newest + later)
    assert await alerts(con, "MaintenanceFailed") == []


JOBS = {"works": "BEGIN PERFORM 1; END", "fails": "BEGIN RAISE EXCEPTION 'no room'; END"}


async def add_job(con: Connection, name: str, body: str) -> str:
    """A job of TimescaleDB's scheduler that is a day late; gives its task."""
    await con.execute(f"CREATE PROCEDURE public.{name}(job int, config jsonb) LANGUAGE plpgsql AS $body${body}$body$")
    job = await con.fetchval(f"SELECT add_job('public.{name}', '1 h', initial_start => now() - interval '1 day')")
    return f"job {job}"


async def test_jobs_that_the_scheduler_does_not_run_are_run_in_its_place(con: Connection) -> None:
    """Once an interval; one that fails is a failed task of its own, and the others go on."""
    runs = await maintain(con, LIMITS)
    assert [run.task for run in runs or ()] == ["columnstore", "retention", "records", "jobs"]
    if not await has_columnstore(con):
        return
    works, fails = [await add_job(con, name, body) for name, body in JOBS.items()]
    try:
        done = {run.task: run for run in await maintain(con, LIMITS) or ()}
        assert (done[works].result, done[fails].result) == ("done", "failed")
        assert "no room" in done[fails].detail
        again = {run.task for run in await maintain(con, LIMITS) or ()}
        assert works not in again
        assert fails in again
    finally:
        for task, name in zip((works, fails), JOBS, strict=True):
            await con.execute("SELECT delete_job($1)", int(task.removeprefix("job ")))
            await con.execute(f"DROP PROCEDURE public.{name}")


JOB_ERROR = """
INSERT INTO _timescaledb_internal.bgw_job_stat_history (job_id, pid, execution_start, execution_finish, succeeded, data)
SELECT 4711, 1, now() - interval '2 minutes', now() - interval '1 minute', false, jsonb_build_object(
    'job', jsonb_build_object('owner', current_user, 'proc_schema', 'public', 'proc_name', 'policy_of_somebody'),
    'error_data', jsonb_build_object('sqlerrcode', '24000', 'message', 'cannot drop portal'))
"""
"""As the scheduler writes it."""


async def test_an_error_of_the_scheduler_opens_an_alert(con: Connection) -> None:
    """What stands in timescaledb_information.job_errors since yesterday is a failed task, named in the alert."""
    if not await con.fetchval("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')"):
        pytest.skip("plain PostgreSQL has no scheduler")
    await con.execute(JOB_ERROR)
    runs = {run.task: run for run in await maintain(con, LIMITS) or ()}
    assert runs["jobs"].result == "failed"
    await look(con, "MaintenanceFailed")
    (alert,) = await alerts(con, "MaintenanceFailed")
    assert (alert["subject"], alert["state"]) == ("jobs", "firing")
    assert "24000 cannot drop portal" in alert["latest"]["problem"]
    await con.execute("DELETE FROM _timescaledb_internal.bgw_job_stat_history WHERE job_id = 4711")
    await maintain(con, LIMITS)
    await look(con, "MaintenanceFailed")
    assert await steps(con, "MaintenanceFailed") == ["firing", "resolved"]
