"""Our own maintenance on every edition: what may go goes, what a late reading needs stays, and each run is recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from services.ledger.booking import Booked, Books
from services.ledger.verify import verify
from services.model import Arrival
from services.store import leases
from services.store.pool import connect
from services.upkeep.maintenance import DAY_US, LEASE, Limits, Run, maintain
from tests.alert_rig import MINUTE_US, add_counter, take

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

KEEP = Limits(raw_days=0, horizon_days=0, columnstore_days=0, rejection_days=0, minute_days=0)
QUARTER = 15 * MINUTE_US
STEP = 6 * 60 * MINUTE_US


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A migrated database with nothing in it."""
    opened = await connect(edition_database, name="test")
    yield opened
    await opened.close()


async def today(con: Connection) -> int:
    """The database's midnight (UTC), in µs."""
    now: int = await con.fetchval("SELECT clock_timestamp()")
    return now // DAY_US * DAY_US


async def run(con: Connection, limits: Limits) -> dict[str, Run]:
    """One turn of maintenance, by task; nothing failed."""
    runs = await maintain(con, limits)
    assert runs is not None
    assert [each for each in runs if each.result == "failed"] == []
    return {each.task: each for each in runs}


async def count(con: Connection, register_id: int) -> int:
    """How many raw readings of the register are stored."""
    number: int = await con.fetchval("SELECT count(*) FROM core.reading WHERE register_id = $1", register_id)
    return number


async def energy(con: Connection, register_id: int) -> int:
    """What is booked for the register, in thousandths."""
    booked: int = await con.fetchval(
        "SELECT sum(amount)::bigint FROM core.energy_15m WHERE register_id = $1", register_id
    )
    return booked


async def send(con: Connection, register_id: int, at: int, value: int) -> Booked:
    """One reading through booking."""
    async with con.transaction():
        return await Books().book(con, [Arrival(register_id, at, value, None, at)])


async def assert_verified(con: Connection) -> None:
    """The stored readings, folded anew, give the stored books."""
    assert [finding async for finding in verify(con)] == []


async def test_old_raw_readings_go_and_the_ledger_stays(con: Connection) -> None:
    """Three years in small: thirty days, of which ten stay; the books still verify, and nothing is left to do."""
    register, end = await add_counter(con), await today(con)
    await take(con, register, [(end - n * STEP, 10_000_000 - n * 1000) for n in range(120, 0, -1)])
    whole = await energy(con, register)
    limits = replace(KEEP, raw_days=10, horizon_days=10)
    done = await run(con, limits)
    assert done["retention"].result == "done"
    assert 40 <= await count(con, register) <= 44
    assert await energy(con, register) == whole
    await assert_verified(con)
    assert (await run(con, limits))["retention"].result == "nothing"


async def test_readings_older_than_those_kept_are_refused_and_later_ones_booked(con: Connection) -> None:
    """A late reading is folded from the two sound ones that stayed; energy is not counted twice."""
    register, end = await add_counter(con), await today(con)
    first = end - 30 * DAY_US
    await take(con, register, [(first + n * STEP, n * 1000) for n in range(120)])
    await run(con, replace(KEEP, raw_days=10, horizon_days=10))
    kept_from = await con.fetchval("SELECT kept_from FROM core.register_state")
    assert end - 11 * DAY_US < kept_from <= end - 9 * DAY_US
    whole = await energy(con, register)
    refused = await send(con, register, kept_from - 3 * STEP + QUARTER, 0)
    assert (refused.accepted, len(refused.too_old)) == (0, 1)
    n = (kept_from - first) // STEP
    assert (await send(con, register, kept_from + QUARTER, n * 1000 + 40)).accepted == 1
    assert await energy(con, register) == whole
    await assert_verified(con)


async def test_a_register_silent_for_long_keeps_its_last_two_readings(con: Connection) -> None:
    """It may speak again: the leg over its silence is then booked once, and late readings inside it are right."""
    silent, lively, end = await add_counter(con), await add_counter(con, meter="m2"), await today(con)
    first = end - 30 * DAY_US
    await take(con, silent, [(first + n * STEP, n * 1000) for n in range(20)])
    await take(con, lively, [(first + n * STEP, n * 1000) for n in range(118)])
    limits = replace(KEEP, raw_days=10, horizon_days=10)
    await run(con, limits)
    assert await count(con, silent) == 2
    assert (await run(con, limits))["retention"].result == "nothing"
    assert (await send(con, silent, end, 100_000)).accepted == 1
    assert (await send(con, silent, end - 5 * DAY_US, 60_000)).accepted == 1
    assert await energy(con, silent) == 100_000
    await assert_verified(con)


async def test_an_open_held_run_holds_retention_back(con: Connection) -> None:
    """What may still become the truth is not thrown away, and the run says so."""
    register, end = await add_counter(con), await today(con)
    first = end - 30 * DAY_US
    await take(con, register, [(first + n * STEP, n * 1000) for n in range(40)])
    await take(con, register, [(first + 40 * STEP, 9_000_000_000)])
    done = await run(con, replace(KEEP, raw_days=2, horizon_days=2))
    assert "held back by a reading held since" in done["retention"].detail
    assert await con.fetchval("SELECT count(*) FROM core.reading WHERE value = 9000000000") == 1
    await assert_verified(con)


@pytest.mark.parametrize("limits", [replace(KEEP, raw_days=5), replace(KEEP, raw_days=5, horizon_days=400)])
async def test_raw_readings_outlive_the_backfill_horizon(con: Connection, limits: Limits) -> None:
    """Without a horizon, or within it, nothing goes, whatever the setting says."""
    register, end = await add_counter(con), await today(con)
    await take(con, register, [(end - n * STEP, 10_000_000 - n * 1000) for n in range(120, 0, -1)])
    assert (await run(con, limits))["retention"].result == "nothing"
    assert await count(con, register) == 120


async def test_bytes_of_rejections_go_before_the_rejections(con: Connection) -> None:
    """Reason, topic, time and hash stay as long as raw readings do."""
    for days in (1, 20, 40):
        await con.execute(
            "INSERT INTO core.rejection (code, detail, topic, payload, payload_bytes, payload_sha256,"
            " first_at, last_at)"
            " SELECT 'json', 'x', $1, 'abc', 3, sha256('abc'), t, t FROM (SELECT now() - $2 * interval '1 day' AS t) x",
            f"t/{days}",
            float(days),
        )
        await con.execute(
            "INSERT INTO core.ingest_minute SELECT now() - $1 * interval '1 day', 0, 1, 1, 0, 0, 0, 1", float(days)
        )
    done = await run(con, replace(KEEP, rejection_days=10, minute_days=30, raw_days=30, horizon_days=5))
    assert done["records"].detail == "2 bodies of rejections, 1 rejections, 1 minutes of ingest"
    rows = await con.fetch("SELECT topic, payload, payload_bytes FROM core.rejection ORDER BY rejection_id")
    assert [tuple(row) for row in rows] == [("t/1", b"abc", 3), ("t/20", b"", 3)]


@pytest.mark.two_connections
async def test_one_process_maintains_at_a_time(con: Connection, edition_database: str) -> None:
    """Another finds the turn taken, does nothing and records nothing."""
    other = await connect(edition_database, name="other")
    try:
        assert await leases.claim(other, LEASE, "other", 60.0)
        assert await maintain(con, KEEP) is None
        await leases.release(other, LEASE, "other")
        assert await maintain(con, KEEP) is not None
    finally:
        await other.close()


async def test_each_task_is_recorded_for_the_district(con: Connection) -> None:
    """report.maintenance_runs shows the runs; a task that fails does not keep the others from running."""
    await con.execute("ALTER TABLE core.ingest_minute RENAME TO gone")
    runs = await maintain(con, replace(KEEP, minute_days=30))
    await con.execute("ALTER TABLE core.gone RENAME TO ingest_minute")
    assert runs is not None
    results = {row["task"]: row["result"] for row in await con.fetch("SELECT * FROM report.maintenance_runs")}
    assert results == {"columnstore": "nothing", "retention": "nothing", "records": "failed", "jobs": "nothing"}
