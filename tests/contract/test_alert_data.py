"""Rules about doubtful data and figures: each fired by a series of readings, and by none that is sound."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from services.accounting.policy import Act
from services.model import ActKind
from services.store.access import act_as
from services.store.acts import declare, withdraw
from services.store.alert_acts import acknowledge
from services.store.factors import FactorKey, add_factor
from services.store.pool import connect
from services.store.rejections import Rejection, write_rejections
from tests.alert_rig import DAY_US, HOUR_US, MINUTE_US, add_counter, alerts, look, steps, take
from tests.figure_world import add_district, add_enterprise, add_register, book, instant, quarters

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


async def ack(con: Connection, rule: str) -> None:
    """Acknowledge the rule's newest alert."""
    row = (await alerts(con, rule))[-1]
    async with con.transaction():
        await acknowledge(con, row["alert_id"], author="li", comment="已核对")


async def clock(con: Connection) -> int:
    """The database's time."""
    now: int = await con.fetchval("SELECT clock_timestamp()")
    return now


@pytest.mark.fires("RegisterBreak")
async def test_a_confirmed_jump_is_a_break_until_acknowledged(con: Connection) -> None:
    """Three counting readings at another level: the meter was swapped; acknowledging settles event and alert."""
    register = await add_counter(con)
    await take(con, register, [(T0, 1_000_000), (T0 + QUARTER, 1_010_000)])
    await look(con, "RegisterBreak", T0 + HOUR_US)
    assert await alerts(con, "RegisterBreak") == []
    await take(con, register, [(T0 + n * QUARTER, 7_000_000_000 + n * 10_000) for n in range(2, 6)])
    await look(con, "RegisterBreak", T0 + 2 * HOUR_US)
    (alert,) = await alerts(con, "RegisterBreak")
    assert (alert["state"], alert["evidence"]["count"]) == ("firing", 1)
    assert "1 处表码断裂" in alert["summary_zh"]
    await ack(con, "RegisterBreak")
    assert await con.fetchval("SELECT acknowledged_by FROM core.event WHERE kind = 'break'") == "li"
    await look(con, "RegisterBreak", T0 + 3 * HOUR_US)
    assert await steps(con, "RegisterBreak") == ["firing", "acknowledged", "resolved"]


async def test_a_break_that_a_late_reading_explains_is_withdrawn(con: Connection) -> None:
    """The event goes with the fold that implied it, and so does the alert."""
    register = await add_counter(con)
    await take(con, register, [(T0, 1_000_000), (T0 + QUARTER, 1_010_000)])
    await take(con, register, [(T0 + n * QUARTER, 7_000_000_000 + n * 10_000) for n in range(2, 6)])
    await look(con, "RegisterBreak", T0 + 2 * HOUR_US)
    async with con.transaction():
        swap = Act(ActKind.REPLACEMENT, T0 + QUARTER + 1, final=Decimal(1010), start=Decimal(7_000_010))
        await declare(con, register, swap, author="li", reason="换表")
    await look(con, "RegisterBreak", T0 + 2 * HOUR_US)
    (alert,) = await alerts(con, "RegisterBreak")
    assert (alert["state"], alert["outcome"]) == ("resolved", "withdrawn")


@pytest.mark.fires("ReadingOverruled")
async def test_a_baseline_that_was_false_is_overruled(con: Connection) -> None:
    """An accepted reading too high, and those after it below: its energy was taken back."""
    register = await add_counter(con, max_rate=Decimal(100))
    await take(con, register, [(T0, 1_000_000), (T0 + QUARTER, 1_001_000)])
    await look(con, "ReadingOverruled", T0 + HOUR_US)
    assert await alerts(con, "ReadingOverruled") == []
    await take(con, register, [(T0 + 2 * QUARTER, 1_025_000)])
    await take(con, register, [(T0 + n * QUARTER, 1_000_000 + n * 1000) for n in range(3, 7)])
    await look(con, "ReadingOverruled", T0 + 2 * HOUR_US)
    (alert,) = await alerts(con, "ReadingOverruled")
    assert alert["evidence"]["events"][0]["read_at"] == "2026-03-01T16:30:00Z"


@pytest.mark.fires("ActInconsistent")
async def test_a_final_value_that_no_reading_allows_is_inconsistent(con: Connection) -> None:
    """Below the last reading; withdrawing the act ends it."""
    register = await add_counter(con)
    await take(con, register, [(T0 + n * QUARTER, 1_000_000 + n * 1000) for n in range(3)])
    async with con.transaction():
        swap = Act(ActKind.REPLACEMENT, T0 + 3 * QUARTER, final=Decimal(5), start=Decimal(0))
        number = await declare(con, register, swap, author="li", reason="换表")
    await take(con, register, [(T0 + 4 * QUARTER, 1000)])
    await look(con, "ActInconsistent", T0 + 2 * HOUR_US)
    assert [row["state"] for row in await alerts(con, "ActInconsistent")] == ["firing"]
    async with con.transaction():
        await withdraw(con, number, author="li")
    await look(con, "ActInconsistent", T0 + 2 * HOUR_US)
    assert [row["outcome"] for row in await alerts(con, "ActInconsistent")] == ["withdrawn"]


@pytest.mark.stays_quiet("ActInconsistent", "RegisterBreak", "ReadingOverruled")
async def test_a_consistent_act_raises_nothing(con: Connection) -> None:
    """A final value that the last reading allows."""
    register = await add_counter(con)
    await take(con, register, [(T0 + n * QUARTER, 1_000_000 + n * 1000) for n in range(3)])
    async with con.transaction():
        swap = Act(ActKind.REPLACEMENT, T0 + 3 * QUARTER, final=Decimal(1003), start=Decimal(0))
        await declare(con, register, swap, author="li", reason="换表")
    await take(con, register, [(T0 + 4 * QUARTER, 1000)])
    for rule in ("ActInconsistent", "RegisterBreak", "ReadingOverruled"):
        await look(con, rule, T0 + 2 * HOUR_US)
        assert await alerts(con, rule) == []


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


async def small_district(con: Connection, **register: Any) -> int:
    """The works with one register."""
    await add_district(con)
    await add_enterprise(con, "works", "works-1")
    return await add_register(con, "works-1", "m1", **register)


@pytest.mark.fires("FactorMissing")
async def test_energy_without_a_factor_is_told_by_carrier_and_year(con: Connection) -> None:
    """A region without factors: CO₂ is unknown, not zero; entering the factor ends it."""
    register = await small_district(con)
    await book(con, register, quarters(T0, 96, 1000))
    await look(con, "FactorMissing", T0 + DAY_US)
    assert await alerts(con, "FactorMissing") == []
    await con.execute("UPDATE core.district SET factor_region = 'CN-XX'")
    await look(con, "FactorMissing", T0 + DAY_US)
    (alert,) = await alerts(con, "FactorMissing")
    assert (alert["subject"], alert["evidence"]["years"], alert["historical"]) == ("works/electricity", "2026", False)
    key = FactorKey("electricity", "CN-XX", "grid_average", 2026)
    await add_factor(con, key, Decimal("0.5"), scope=2, source="test", author="li")
    await look(con, "FactorMissing", T0 + DAY_US)
    assert [row["state"] for row in await alerts(con, "FactorMissing")] == ["resolved"]


@pytest.mark.stays_quiet("FactorMissing")
async def test_a_register_that_needs_no_factor_misses_none(con: Connection) -> None:
    """Declared exempt, with its reason."""
    register = await small_district(con, carrier="fresh_water", unit="m3", emission_exempt="新水")
    await book(con, register, quarters(T0, 96, 1000))
    await look(con, "FactorMissing", T0 + DAY_US)
    assert await alerts(con, "FactorMissing") == []


@pytest.mark.fires("DemandHigh")
async def test_a_demand_above_its_limit_is_told_by_the_quarter_hour(con: Connection) -> None:
    """4 × 300 kWh are 1,200 kW over 1,199; within the band to 95 % nothing changes; a site without limit has none."""
    register = await small_district(con)
    amounts = [250_000, 300_000, 290_000, 285_000, 280_000]
    for n, amount in enumerate(amounts):
        await book(con, register, quarters(T0 + n * QUARTER, 1, amount), recorded_at=None) if n == 0 else None
    await con.executemany(
        "INSERT INTO core.energy_15m VALUES ($1, $2, $3, 0, 900, 0)",
        [(register, T0 + n * QUARTER, amount) for n, amount in enumerate(amounts) if n],
    )
    await look(con, "DemandHigh", T0 + DAY_US)
    assert await alerts(con, "DemandHigh") == []
    await look(con, "DemandHigh", T0 + 4 * QUARTER, limits={"works-1": "1199"})
    (alert,) = await alerts(con, "DemandHigh")
    assert (alert["state"], alert["value"], alert["occurred_at"]) == ("firing", 1200, T0 + 2 * QUARTER)
    await look(con, "DemandHigh", T0 + 5 * QUARTER, limits={"works-1": "1199"})
    (alert,) = await alerts(con, "DemandHigh")
    assert (alert["state"], alert["ended_at"]) == ("resolved", T0 + 5 * QUARTER)


@pytest.mark.stays_quiet("DemandHigh")
async def test_a_demand_at_its_limit_is_not_above_it(con: Connection) -> None:
    """Exactly 1,200 kW."""
    register = await small_district(con)
    await book(con, register, quarters(T0, 8, 300_000))
    await look(con, "DemandHigh", T0 + DAY_US, limits={"works-1": "1200"})
    assert await alerts(con, "DemandHigh") == []


@pytest.mark.fires("IngestLagHigh")
async def test_ingest_that_gives_no_sign_of_life_is_told_and_one_that_does_is_not(con: Connection) -> None:
    """Never any worker is unknown; two minutes without a sign is too long; a sign ends it."""
    now = await clock(con)
    await look(con, "IngestLagHigh", now, for_="0s")
    await con.execute("INSERT INTO core.ingest_slot (slot, last_used_at) VALUES (0, $1)", now)
    await look(con, "IngestLagHigh", now + MINUTE_US, for_="0s")
    assert await alerts(con, "IngestLagHigh") == []
    await look(con, "IngestLagHigh", now + 3 * MINUTE_US, for_="0s")
    (alert,) = await alerts(con, "IngestLagHigh")
    assert (alert["severity"], alert["value"]) == ("critical", 180)
    assert "采集进程无心跳" in alert["summary_zh"]
    await con.execute("UPDATE core.ingest_slot SET last_used_at = $1", now + 4 * MINUTE_US)
    await look(con, "IngestLagHigh", now + 4 * MINUTE_US, for_="0s")
    assert [row["state"] for row in await alerts(con, "IngestLagHigh")] == ["resolved"]


@pytest.mark.fires("IngestLagHigh")
async def test_readings_that_lie_about_for_minutes_are_told_but_backfill_is_not(con: Connection) -> None:
    """The median lag of registers that report now; a register whose newest reading is old does not count."""
    now = await clock(con)
    register = await add_counter(con)
    await take(con, register, [(now - 90 * DAY_US, 0)], received=now)
    await look(con, "IngestLagHigh", now, for_="0s")
    assert await alerts(con, "IngestLagHigh") == []
    await take(con, register, [(now - 5 * MINUTE_US, 1000)], received=now)
    await look(con, "IngestLagHigh", now, for_="0s")
    assert [row["value"] for row in await alerts(con, "IngestLagHigh")] == [300]


async def test_an_enterprise_sees_its_own_alerts_and_the_district_all(con: Connection) -> None:
    """Ingest's own alert belongs to no enterprise."""
    now = await clock(con)
    await take(con, await add_counter(con), [(now - DAY_US, 0)])
    await con.execute("INSERT INTO core.ingest_slot (slot, last_used_at) VALUES (0, $1)", now - HOUR_US)
    for rule in ("MeterSilent", "IngestLagHigh"):
        await look(con, rule, now, for_="0s") if rule == "IngestLagHigh" else await look(con, rule, now)
    async with con.transaction():
        await act_as(con, "tanfeng_district")
        assert {row["rule"] for row in await con.fetch("SELECT rule FROM report.alerts")} == {
            "MeterSilent", "IngestLagHigh",
        }  # fmt: skip


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
