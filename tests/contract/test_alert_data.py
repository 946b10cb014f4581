"""Rules about doubtful data: conflicts, changes of closed days, and days with too few readings."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from services.alerts.evaluations import clock
from services.ledger.rejections import Rejection, write_rejections
from services.store.pool import connect
from tests.alert_rig import DAY_US, HOUR_US, MINUTE_US, ack, add_counter, alerts, look, take
from tests.figure_world import instant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

T0 = instant("2026-03-02T00:00+08:00")
QUARTER = 15 * MINUTE_US


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A migrated database with nothing in it."""
    opened = await connect(edition_database, name="test")
    yield opened
    await opened.close()


def conflict(at: int, code: str = "conflict") -> Rejection:
    """A reading with another value than the stored one."""
    return Rejection(code, "5 received, 4 stands", "keu/v1/works/m1/readings", b"{}", "0/registers/import", "works", at)


@pytest.mark.fires("DataConflict")
async def test_two_values_for_one_instant_are_told_once_a_topic_until_acknowledged(con: Connection) -> None:
    """The same again after that is news again."""
    await add_counter(con)
    now = await clock(con)
    await write_rejections(con, [conflict(now, "bad_value")])
    await look(con, "DataConflict", now)
    assert await alerts(con, "DataConflict") == []
    await write_rejections(con, [conflict(now)])
    await look(con, "DataConflict", now)
    (alert,) = await alerts(con, "DataConflict")
    assert (alert["subject"], alert["evidence"]["place_zh"]) == ("keu/v1/works/m1/readings", "示例厂 · m1")
    await ack(con, "DataConflict")
    await look(con, "DataConflict", now)
    assert [row["state"] for row in await alerts(con, "DataConflict")] == ["resolved"]
    await write_rejections(con, [conflict(await clock(con) + MINUTE_US)])
    await look(con, "DataConflict", now + HOUR_US)
    assert [row["state"] for row in await alerts(con, "DataConflict")] == ["firing"]


NIGHT, NOON = range(92, 100), range(136, 152)
"""Quarter-hours of the first days whose readings come late."""


async def closed_days(con: Connection, gap: range, *, stood: bool) -> int:
    """A register with three booked days of 96 kWh but for the readings of a gap; gives it."""
    register = await add_counter(con)
    await take(con, register, [(T0 + n * QUARTER, n * 1000) for n in range(3 * 96 + 1) if n not in gap])
    if stood:
        await con.execute("UPDATE core.energy_day SET recorded_at = recorded_at - interval '9 days'")
    return register


@pytest.mark.fires("BackdatedChange")
async def test_late_energy_in_a_closed_day_is_told_with_old_and_new_figures(con: Connection) -> None:
    """A late reading in the night's leg moves energy over midnight: both days changed."""
    register = await closed_days(con, NIGHT, stood=True)
    await look(con, "BackdatedChange")
    assert await alerts(con, "BackdatedChange") == []
    await take(con, register, [(T0 + 96 * QUARTER, 98_000)])
    await look(con, "BackdatedChange")
    (alert,) = await alerts(con, "BackdatedChange")
    assert alert["historical"] is False
    assert [(day["day"], day["old"], day["new"], day["cause"]) for day in alert["evidence"]["days"]] == [
        ("2026-03-02", "96.000", "98.000", "late"),
        ("2026-03-03", "96.000", "94.000", "late"),
    ]
    assert (await look(con, "BackdatedChange")).steps == 0
    await ack(con, "BackdatedChange")
    await look(con, "BackdatedChange")
    assert [row["state"] for row in await alerts(con, "BackdatedChange")] == ["resolved"]


async def test_a_closed_day_that_was_loaded_a_moment_ago_is_listed_but_not_paged(con: Connection) -> None:
    """Nobody can have relied on a figure that stood for less than a day."""
    register = await closed_days(con, NIGHT, stood=False)
    await take(con, register, [(T0 + 96 * QUARTER, 98_000)])
    await look(con, "BackdatedChange")
    assert [row["historical"] for row in await alerts(con, "BackdatedChange")] == [True]


@pytest.mark.stays_quiet("BackdatedChange")
async def test_late_readings_that_move_nothing_over_a_days_edge_change_no_day(con: Connection) -> None:
    """Filling the gap at noon leaves the day's sum as it was."""
    register = await closed_days(con, NOON, stood=True)
    await take(con, register, [(T0 + n * QUARTER, n * 1000) for n in NOON])
    await look(con, "BackdatedChange")
    assert await alerts(con, "BackdatedChange") == []


@pytest.mark.stays_quiet("BackdatedChange")
async def test_a_change_of_a_day_not_yet_old_is_no_backdated_change(con: Connection) -> None:
    """Late data of yesterday is normal traffic."""
    now = await clock(con)
    start = now - now % DAY_US - 2 * DAY_US
    register = await add_counter(con)
    await take(con, register, [(start + n * QUARTER, n * 1000) for n in range(2 * 96) if n not in range(90, 100)])
    await con.execute("UPDATE core.energy_day SET recorded_at = recorded_at - interval '9 days'")
    await take(con, register, [(start + n * QUARTER, n * 1000 + 100) for n in range(90, 100)])
    await look(con, "BackdatedChange")
    assert await alerts(con, "BackdatedChange") == []


async def yesterday(con: Connection, missing: range) -> None:
    """A register with all its readings of the last two days but those."""
    now = await clock(con)
    start = await con.fetchval(
        "SELECT (($1::timestamptz AT TIME ZONE 'Asia/Shanghai')::date - 1)::timestamp AT TIME ZONE 'Asia/Shanghai'", now
    )
    register = await add_counter(con)
    count = (now - start) // QUARTER
    await take(con, register, [(start + n * QUARTER, n * 1000) for n in range(-96, count) if n not in missing])


@pytest.mark.fires("CompletenessLow")
async def test_a_day_with_too_few_readings_is_told_with_its_registers_and_ends_when_they_are_resent(
    con: Connection,
) -> None:
    """80 of 96 are 83.3 %, below 90 %; resending is harmless and lifts it."""
    await yesterday(con, range(16))
    await look(con, "CompletenessLow")
    (alert,) = await alerts(con, "CompletenessLow")
    assert (alert["subject"], alert["value"], alert["historical"]) == ("works/works-m1", Decimal("0.833333"), False)
    assert alert["evidence"]["registers"] == [{"register": "m1/import", "received": 80, "expected": 96}]
    assert "83.3333 %" in alert["summary_zh"]
    start = alert["occurred_at"] - DAY_US
    register = await con.fetchval("SELECT register_id FROM core.register")
    await take(con, register, [(start + n * QUARTER, n * 1000) for n in range(16)])
    await look(con, "CompletenessLow")
    assert [row["state"] for row in await alerts(con, "CompletenessLow")] == ["resolved"]


@pytest.mark.parametrize("missing", [0, 9])
@pytest.mark.stays_quiet("CompletenessLow")
async def test_a_day_at_the_national_gate_is_complete_enough(con: Connection, missing: int) -> None:
    """87 of 96 are 90.6 %."""
    await yesterday(con, range(missing))
    await look(con, "CompletenessLow")
    assert await alerts(con, "CompletenessLow") == []
