"""Amounts stamped with the start of their interval: what is due, silent or late counts from its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.ledger.booking import Books
from services.ledger.meter_clocks import clocks_behind
from services.ledger.verify import verify
from services.model import Arrival
from services.store.pool import connect
from services.store.queries import SQL
from tanfeng.doctor.clocks import AHEAD_S
from tests.alert_rig import HOUR_US, MINUTE_US, add_counter, alerts, look, take
from tests.figure_world import instant
from tests.pue_world import book, declare
from tests.pue_world import register as path_of

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


async def test_a_clock_is_behind_by_what_is_missing_since_the_end_of_the_interval(con: Connection) -> None:
    """Three hours after the hours they are of: three hours behind, whichever end of the hour is stamped."""
    for meter, stamped in (("start", 0), ("end", HOUR_US)):
        register = await hourly(con, meter, meter)
        for starts in range(TEN - 6 * HOUR_US, TEN - 3 * HOUR_US, HOUR_US):
            await take(con, register, [(starts + stamped, 5000)], received=starts + 4 * HOUR_US)
    found = await clocks_behind(con, TEN + MINUTE_US)
    assert [(each.meter, each.behind_s) for each in found] == [("end", 3 * 3600), ("start", 3 * 3600)]


@pytest.mark.stays_quiet("ClockBehind")
async def test_an_amount_that_comes_at_the_end_of_its_interval_is_not_late(con: Connection) -> None:
    """Nine minutes after it, where ten are allowed; the stamps themselves are more than an hour old."""
    register = await hourly(con, "start", "start")
    for starts in range(TEN - 4 * HOUR_US, TEN, HOUR_US):
        await take(con, register, [(starts, 5000)], received=starts + HOUR_US + 9 * MINUTE_US)
    await look(con, "ClockBehind", TEN + 9 * MINUTE_US)
    assert await alerts(con, "ClockBehind") == []


async def test_an_amount_that_comes_before_its_interval_is_over_is_from_the_future(con: Connection) -> None:
    """The doctor tells by how much: half an hour of the hour that is stamped was still to come."""
    now: int = await con.fetchval("SELECT date_trunc('second', now())")
    for meter, lag_us in (("early", HOUR_US // 2), ("late", HOUR_US + MINUTE_US)):
        await take(con, await hourly(con, meter, "start"), [(now - lag_us, 5000)], received=now)
    (row,) = await con.fetch(SQL["doctor_ahead"], AHEAD_S)
    assert tuple(row) == (2, 1, 1800, ["works/early/import"])


@pytest.mark.parametrize("stamp", ["start", "end"])
async def test_pue_is_settled_an_interval_after_what_the_newest_amounts_reach(con: Connection, stamp: str) -> None:
    """Quarter-hours of a data centre up to ten o'clock: windows are settled up to a quarter before that."""
    await declare(con)
    await con.execute("UPDATE core.register SET kind = 'interval' WHERE register_id = $1", await path_of(con, "ups/it"))
    await con.execute("UPDATE core.register_policy SET stamp = $1, interval_s = 900", stamp)
    now: int = await con.fetchval("SELECT date_bin('15 min', now() + interval '15 min', 'epoch')")
    newest = now - 15 * MINUTE_US if stamp == "start" else now
    await book(con, "ups/it", [(newest - n * 15 * MINUTE_US, 5) for n in (1, 0)])
    assert await con.fetchval("SELECT settled_at FROM core.caller_pue_site") == now - 15 * MINUTE_US
    (extents,) = await con.fetch(SQL["watch_pue_extents"], ["hall"])
    assert extents["newest_at"] == now


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
