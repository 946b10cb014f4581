"""Amounts stamped with the start of their interval: what is due, silent or late counts from its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.model import Arrival
from services.store.booking import Books
from services.store.pool import connect
from services.store.verify import verify
from tests.alert_rig import HOUR_US, MINUTE_US, add_counter, alerts, look, take
from tests.figure_world import instant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

MIDNIGHT = instant("2026-03-02T00:00+08:00")
TEN = instant("2026-03-02T10:00+08:00")


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A migrated database with the district and its zone, and nothing else."""
    opened = await connect(edition_database, name="test")
    yield opened
    await opened.close()


async def hourly(con: Connection, meter: str, stamp: str) -> int:
    """A register of hourly amounts that is stamped so."""
    register = await add_counter(con, meter=meter, interval_us=HOUR_US, gap_us=4 * HOUR_US)
    await con.execute("UPDATE core.register SET kind = 'interval' WHERE register_id = $1", register)
    await con.execute("UPDATE core.register_policy SET stamp = $2 WHERE register_id = $1", register, stamp)
    return register


@pytest.mark.fires("MeterSilent")
async def test_silence_begins_at_the_end_of_the_interval(con: Connection) -> None:
    """Both last said ten o'clock: one told of the hour before, the other of the hour after; four hours are allowed."""
    for meter in ("start", "end"):
        await take(con, await hourly(con, meter, meter), [(TEN - HOUR_US, 5000), (TEN, 5000)])
    await look(con, "MeterSilent", TEN + 4 * HOUR_US + MINUTE_US)
    assert [alert["subject"] for alert in await alerts(con, "MeterSilent")] == ["works/works-end"]
    await look(con, "MeterSilent", TEN + 5 * HOUR_US + MINUTE_US)
    assert {alert["subject"] for alert in await alerts(con, "MeterSilent")} == {"works/works-end", "works/works-start"}


async def test_the_list_of_silent_meters_counts_from_there_too(con: Connection) -> None:
    """After a gap of four hours since the end of what a meter told last."""
    now: int = await con.fetchval("SELECT now()")
    newest = now - 4 * HOUR_US - 10 * MINUTE_US
    for meter in ("start", "end"):
        await take(con, await hourly(con, meter, meter), [(newest, 5000)])
    rows = await con.fetch("SELECT meter, silent_since FROM report.silent_meters")
    assert [tuple(row) for row in rows] == [("end", newest)]


async def test_a_day_of_start_stamps_is_that_day_and_whole(con: Connection) -> None:
    """24 amounts from 00:00 to 23:00 fill the day they are of: its energy, its coverage and its completeness."""
    register = await hourly(con, "m1", "start")
    arrivals = [Arrival(register, MIDNIGHT + n * HOUR_US, 1000, None, MIDNIGHT) for n in range(24)]
    async with con.transaction():
        await Books().book(con, arrivals)
    rows = await con.fetch("SELECT day::text, amount, coverage_ratio FROM report.energy_1d")
    assert [(row["day"], int(row["amount"]), int(row["coverage_ratio"])) for row in rows] == [("2026-03-02", 24, 1)]
    complete = await con.fetch(
        "SELECT day::text, completeness_ratio FROM report.completeness WHERE received_readings > 0"
    )
    assert [(row["day"], int(row["completeness_ratio"])) for row in complete] == [("2026-03-02", 1)]
    assert [finding async for finding in verify(con)] == []
