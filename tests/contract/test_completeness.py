"""Completeness per register, day and month, and silent meters: from counts that booking keeps."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.model import HOUR_US, QUARTER_US, to_us
from services.store.pool import connect
from tests.figure_world import instant, local_day
from tests.pue_world import book, declare, register, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

START = instant("2026-01-05T00:00+08:00")
DAY_US = 24 * HOUR_US
ZONE = "Asia/Shanghai"


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A migrated database with a declared data centre."""
    opened = await connect(edition_database, name="test")
    await declare(opened)
    yield opened
    await opened.close()


async def days(con: Connection, path: str, until: str = "2026-01-10") -> dict[date, tuple[Any, ...]]:
    """Day → expected, received, ratio and state of a register."""
    meter, code = path.split("/")
    rows = await con.fetch(
        "SELECT day, expected_readings, received_readings, completeness_ratio, state FROM report.completeness"
        " WHERE meter = $1 AND register = $2 AND day < $3 ORDER BY day",
        meter,
        code,
        date.fromisoformat(until),
    )
    return {row["day"]: tuple(row)[1:] for row in rows}


async def test_each_day_counts_what_came_against_what_its_interval_expects(con: Connection) -> None:
    """96 a day; 87 of 96 pass the gate of 90 %, 86 do not; a day without any is there with zero."""
    quarters = running(START, QUARTER_US, [1] * 383)
    missing = {96 * 1 + n for n in range(9)} | {96 * 2 + n for n in range(10)} | set(range(96 * 3, 96 * 4))
    await book(con, "intake/import", [each for number, each in enumerate(quarters) if number not in missing])
    found = await days(con, "intake/import")
    assert list(found.values())[:5] == [
        (96, 96, 1, "ok"),
        (96, 87, Decimal("0.90625"), "ok"),
        (96, 86, Decimal("0.895833"), "low"),
        (96, 0, 0, "low"),
        (96, 0, 0, "low"),
    ]
    assert next(iter(found)) == date(2026, 1, 5)


async def test_a_month_is_the_sum_of_its_days_and_surplus_makes_up_for_nothing(con: Connection) -> None:
    """31 days of which one brought twice as many and one none: 30 of 31."""
    first = instant("2026-03-01T00:00+08:00")
    quarters = running(first, QUARTER_US, [1] * (96 * 31 - 1))
    doubled = [(at + 60_000_000, level) for at, level in quarters[96:192]]
    await book(con, "intake/import", quarters[:96] + sorted(quarters[96:192] + doubled) + quarters[288:])
    row = await con.fetchrow(
        "SELECT expected_readings, received_readings, low_days, completeness_ratio, state FROM report.completeness_1mo"
        " WHERE meter = 'intake' AND register = 'import' AND month = '2026-03-01'"
    )
    assert row is not None
    assert tuple(row) == (96 * 31, 96 * 31, 1, Decimal("0.967742"), "ok")


async def test_measurements_and_held_readings_count_and_repeated_ones_do_not(con: Connection) -> None:
    """What was stored once: completeness is about the line, not about what the values say."""
    await book(con, "dcim/pue", [(START + n * 300_000_000, "1.3") for n in range(288)])
    await book(con, "dcim/pue", [(START + n * 300_000_000, "1.3") for n in range(288)])
    assert (await days(con, "dcim/pue"))[date(2026, 1, 5)] == (288, 288, 1, "ok")
    await book(con, "ups/it", [(START, 5), (START + QUARTER_US, 10**9), (START + 2 * QUARTER_US, 6)])
    assert (await days(con, "ups/it"))[date(2026, 1, 5)][1] == 3


async def test_another_interval_is_expected_from_the_next_day_on(con: Connection) -> None:
    """A policy that changes during a day counts from the next."""
    await book(con, "ups/it", running(START, QUARTER_US, [1] * 300))
    for path, valid_from in (("ups/it", "2026-01-06T09:00+08:00"), ("ups/it", "2026-01-08T00:00+08:00")):
        await con.execute(
            "INSERT INTO core.register_policy SELECT register_id, $2, max_rate, resolution, modulus, $3, gap_s,"
            " slack_s, noise, on_fall FROM core.register_policy WHERE register_id = $1 AND valid_from = '-infinity'",
            await register(con, path),
            instant(valid_from),
            1800 if valid_from.startswith("2026-01-06") else 3600,
        )
    assert [found[0] for found in (await days(con, "ups/it")).values()] == [96, 96, 48, 24, 24]


async def test_an_enterprise_and_day_is_the_sum_over_its_registers(con: Connection) -> None:
    """The district's glance agrees with the rows it sums."""
    await book(con, "intake/import", running(START, QUARTER_US, [1] * 150))
    await book(con, "ups/it", running(START, QUARTER_US, [1] * 95))
    summed = await con.fetch(
        "SELECT day, sum(expected_readings)::bigint, sum(received_readings)::bigint, count(*),"
        " count(*) FILTER (WHERE state = 'low') FROM report.completeness"
        " WHERE state <> 'not_due' AND day < '2026-02-01' GROUP BY day ORDER BY day"
    )
    glance = await con.fetch(
        "SELECT day, expected_readings, received_readings, registers, low_registers FROM report.completeness_enterprise"
        " WHERE day < '2026-02-01' ORDER BY day"
    )
    assert [tuple(row) for row in glance] == [tuple(row) for row in summed]
    assert tuple(glance[0]) == (date(2026, 1, 5), 192, 192, 2, 0)


STEPS = st.lists(st.integers(1, 9), min_size=1, max_size=40)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, order=st.randoms(use_true_random=False))
async def test_counts_are_those_of_the_set_of_readings_however_they_come(
    con: Connection, steps: list[int], order: Any
) -> None:
    """Any order and repetition gives a naive count by local day."""
    async with con.transaction():
        at, readings = START + 13 * HOUR_US, []
        for level, step in enumerate(steps):
            at += step * HOUR_US
            readings.append((at, level))
        sent = readings + readings[::3]
        order.shuffle(sent)
        batches = [sent[:7], sent[7:20], sent[20:]]
        for batch in batches:
            if batch:
                await book(con, "intake/import", dict(batch).items())
        rows = await con.fetch("SELECT day, received FROM core.reading_day")
        assert {row["day"]: row["received"] for row in rows} == Counter(local_day(at, ZONE) for at, _ in readings)
        await con.execute(
            "TRUNCATE core.reading, core.reading_day, core.energy_15m, core.energy_day, core.doubt,"
            " core.event, core.energy_scope_day, core.energy_revision"
        )
        await con.execute(
            "UPDATE core.register_state SET baseline_at = NULL, baseline_value = NULL, previous_at = NULL,"
            " previous_value = NULL, runs = NULL, newest_at = NULL, newest_value = NULL"
        )


async def silent(con: Connection) -> dict[str, Any]:
    """The silent meters by code."""
    return {row["meter"]: row for row in await con.fetch("SELECT * FROM report.silent_meters")}


async def test_a_meter_is_silent_after_its_gap_and_due_by_the_third_working_day(con: Connection) -> None:
    """Silent since Friday 2026-01-09: Monday, Tuesday, Wednesday are the working days; Thursday it is overdue."""
    await con.execute("UPDATE core.register SET recorded_at = $1", START)
    now = to_us(datetime.now(UTC))
    await book(con, "intake/import", [(instant("2026-01-09T08:00+08:00"), 1)])
    for code in ("gas", "cold"):
        await book(con, f"intake/{code}", [(now - HOUR_US // 2, 1)])
    await book(con, "ups/it", [(now - HOUR_US // 2, 1)])
    found = await silent(con)
    assert set(found) == {"intake", "dcim"}
    intake = found["intake"]
    assert (intake["registers"], intake["silent_registers"], intake["is_whole"]) == ("import", 1, False)
    assert intake["silent_since"] == instant("2026-01-09T08:00+08:00")
    assert (intake["repair_by_day"], intake["repair_due_at"]) == (date(2026, 1, 14), instant("2026-01-15T00:00+08:00"))
    assert intake["is_overdue"]
    assert found["dcim"]["newest_at"] is None
    assert found["dcim"]["is_whole"]


async def test_a_holiday_puts_the_repair_off_and_a_shifted_working_day_brings_it_forward(con: Connection) -> None:
    """Saturday the 10th worked: due on Tuesday; Saturday free and Tuesday off: Monday, Wednesday, Thursday."""
    await con.execute("UPDATE core.register SET recorded_at = $1", START)
    for path in ("intake/import", "intake/gas", "intake/cold"):
        await book(con, path, [(instant("2026-01-09T08:00+08:00"), 1)])
    await con.execute("UPDATE core.calendar SET is_working = true WHERE day = '2026-01-10'")
    assert (await silent(con))["intake"]["repair_by_day"] == date(2026, 1, 13)
    await con.execute("UPDATE core.calendar SET is_working = false WHERE day IN ('2026-01-10', '2026-01-13')")
    assert (await silent(con))["intake"]["repair_by_day"] == date(2026, 1, 15)
    assert (await silent(con))["intake"]["is_whole"]


async def test_today_is_expected_until_now_and_tomorrow_is_not_due(con: Connection) -> None:
    """The running day's expectation grows; no day of the future is listed."""
    now = to_us(datetime.now(UTC))
    await book(con, "intake/import", [(now - DAY_US, 0), (now, 1)])
    found = await days(con, "intake/import", until="2069-01-01")
    today = local_day(now, ZONE)
    assert today in found
    assert today + timedelta(days=1) not in found
    assert 0 <= found[today][0] <= 96
