"""The evaluator and a clock that was set: it waits, says so, and raises nothing that is not true."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from services.alerts.evaluations import clock
from services.alerts.loop import Evaluator
from services.store.pool import connect
from tests.alert_rig import HOUR_US, MINUTE_US, add_counter, alerts, take
from tests.clocks import SetClock
from tests.ingest_rig import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    Opened = asyncpg.Connection[asyncpg.Record]


@pytest.fixture
async def con(database: str) -> AsyncIterator[Opened]:
    """A connection for booking and looking."""
    opened = await connect(database, name="test")
    yield opened
    await opened.close()


@contextlib.asynccontextmanager
async def evaluating(dsn: str, set_clock: SetClock) -> AsyncIterator[Evaluator]:
    """An evaluator on a machine whose clock can be set, after its first round."""
    stop = asyncio.Event()
    running = Evaluator(dsn, stop, timer_s=0.2, clock=set_clock.clock)
    task = asyncio.create_task(running.run())
    try:
        await until(lambda: running.rounds)
        yield running
    finally:
        stop.set()
        await task


async def rounds(evaluator: Evaluator, more: int = 3) -> None:
    """Some more rounds of it."""
    wanted = evaluator.rounds + more
    await until(lambda: evaluator.rounds >= wanted)


async def test_while_its_clock_and_the_databases_differ_no_other_rule_is_looked_for(con: Opened, database: str) -> None:
    """Which of the two is wrong it cannot know; back again, it goes on, and what is silent is told."""
    set_clock = SetClock()
    async with evaluating(database, set_clock) as evaluator:
        set_clock.wall_s = 3600
        (alert,) = await until(lambda: alerts(con, "ClockDiffers"))
        assert (alert["subject"], alert["severity"], alert["state"]) == ("evaluate", "critical", "firing")
        assert "与数据库的时钟不一致，相差 3600 秒；预警暂停判断" in alert["summary_zh"]
        await take(con, await add_counter(con), [(await clock(con) - 2 * HOUR_US, 0)])
        well_at = evaluator.well_at
        await rounds(evaluator)
        assert await alerts(con, "MeterSilent") == []
        assert evaluator.well_at == well_at
        set_clock.wall_s = 0
        await until(lambda: alerts(con, "MeterSilent"))
        assert await con.fetchval("SELECT count(*) FROM core.clock_doubt WHERE ended_at IS NULL") == 0


async def test_a_database_clock_that_was_set_is_believed_once_readings_bear_it_out(con: Opened, database: str) -> None:
    """An hour on, a meter that reported a minute ago looks silent for an hour: nothing is said of it."""
    register = await add_counter(con)
    await take(con, register, [(await clock(con) - 3 * HOUR_US, 0)])
    set_clock = SetClock()
    async with evaluating(database, set_clock) as evaluator:
        (silent,) = await until(lambda: alerts(con, "MeterSilent"))
        other = await add_counter(con, meter="m2")
        set_clock.steady_s = -3600  # seen from here, the database's clock and ours were both put an hour on
        await until(lambda: alerts(con, "ClockDiffers"))
        await take(con, other, [(await clock(con) - 2 * HOUR_US, 0)])
        await rounds(evaluator)
        assert [row["members"].keys() for row in await alerts(con, "MeterSilent")] == [silent["members"].keys()]
        await take(con, other, [(await clock(con) - MINUTE_US, 1000)])
        await until(lambda: con.fetchval("SELECT bool_and(ended_at IS NOT NULL) FROM core.clock_doubt"))
        await rounds(evaluator)
        (alert,) = await alerts(con, "ClockDiffers")
        assert "时钟被拨动，相差 3600 秒" in alert["summary_zh"]


async def test_clocks_that_agree_to_the_minute_are_believed(con: Opened, database: str) -> None:
    """Half a minute apart is what idle machines do."""
    set_clock = SetClock()
    async with evaluating(database, set_clock) as evaluator:
        set_clock.wall_s = 30
        await rounds(evaluator)
        assert await con.fetchval("SELECT count(*) FROM core.clock_doubt") == 0
        assert await alerts(con, "ClockDiffers") == []
