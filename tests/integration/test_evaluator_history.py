"""Years of history hold up no rule and no stop: the evaluator reads figures over windows in slices."""

from __future__ import annotations

import asyncio
import time
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from services.alerts.evaluations import clock
from services.alerts.loop import Evaluator
from services.alerts.windows import slices
from services.store.pool import connect
from tests.alert_rig import HOUR_US, add_counter, alerts, take
from tests.ingest_rig import until
from tests.pue_world import add_history, declare

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    Opened = asyncpg.Connection[asyncpg.Record]

YEARS = 13


@pytest.fixture
async def con(database: str) -> AsyncIterator[Opened]:
    """A connection for booking and looking."""
    opened = await connect(database, name="test")
    yield opened
    await opened.close()


@pytest.mark.alone
async def test_thirteen_years_of_pue_hold_up_neither_a_silence_nor_a_stop(con: Opened, database: str) -> None:
    """Looks end within 5 s, the first too; a silence is told within 60 s; told to stop it ends within 5 s."""
    await declare(con)
    await add_history(con, date.today() - timedelta(days=365 * YEARS), 365 * YEARS)  # noqa: DTZ011 - years, not hours
    silent = await add_counter(con)
    await take(con, silent, [(await clock(con) - 2 * HOUR_US, 0)])
    stop = asyncio.Event()
    evaluator = Evaluator(database, stop)
    started = time.monotonic()
    running = asyncio.create_task(evaluator.run())
    await until(lambda: _silent(con), 60)
    assert time.monotonic() - started < 60
    await until(lambda: con.fetchval("SELECT count(*) >= 3 FROM core.window_backlog"), 60)
    before = await _left(con)
    await until(lambda: _is_less(con, before), 60)
    assert await con.fetchval("SELECT max(seconds) FROM core.evaluation") < 5
    told = time.monotonic()
    stop.set()
    await running
    assert time.monotonic() - told < 5
    assert evaluator.failures == {}


async def _silent(con: Opened) -> bool:
    return any(row["subject"].startswith("works/") for row in await alerts(con, "MeterSilent"))


async def _left(con: Opened) -> dict[str, int]:
    return {row["rule"]: row["since_at"] for row in await con.fetch("SELECT rule, since_at FROM core.window_backlog")}


async def _is_less(con: Opened, before: dict[str, int]) -> bool:
    """Whether every rule has got further, and lost no place on the way."""
    now = await _left(con)
    assert all(now[rule] >= at for rule, at in before.items() if rule in now)
    return all(rule not in now or now[rule] > at for rule, at in before.items())


async def test_a_stop_ends_a_look_in_the_middle_of_its_query(con: Opened, database: str) -> None:
    """A query that waits for a lock would wait for ever."""
    stop = asyncio.Event()
    evaluator = Evaluator(database, stop)
    running = asyncio.create_task(evaluator.run())
    await until(lambda: evaluator.rounds)
    async with con.transaction():
        await con.execute("LOCK core.register_state IN ACCESS EXCLUSIVE MODE")
        waiting = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND database IS NOT NULL"
        await until(lambda: con.fetchval(waiting), 30)
        told = time.monotonic()
        stop.set()
        await running
        assert time.monotonic() - told < 5


def test_what_changed_now_is_read_before_a_backlog_and_together() -> None:
    """Sites near each other in time share a query; one that goes far back is cut, and waits for its turn."""
    extents = dict.fromkeys(("a", "b", "c"), (0, 1000))
    assert slices({"a": 990, "b": 100, "c": 995}, extents, 100) == [
        {"c": (995, 1000), "a": (990, 1000)}, {"b": (100, 200)},
    ]  # fmt: skip
    assert slices({"a": 1000}, extents, 100) == []
