"""Rules about meters and readings: what fires each, what must not, and that looking again changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.alerts.acts import acknowledge
from services.store.pool import connect
from tests.alert_rig import DAY_US, HOUR_US, MINUTE_US, add_counter, alerts, look, steps, take
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


@pytest.mark.fires("MeterSilent")
async def test_silent_meters_of_a_site_are_one_alert_with_the_meters_inside(con: Connection) -> None:
    """Four intervals of 15 minutes after its last reading a meter is silent; the next reading ends it."""
    register = await add_counter(con)
    await take(con, register, [(T0, 0), (T0 + QUARTER, 1000)])
    last = T0 + QUARTER
    await look(con, "MeterSilent", last + HOUR_US - 1)
    assert await alerts(con, "MeterSilent") == []
    await look(con, "MeterSilent", last + HOUR_US)
    (alert,) = await alerts(con, "MeterSilent")
    assert (alert["subject"], alert["state"], alert["historical"]) == ("works/works-m1", "firing", False)
    assert alert["occurred_at"] == last + HOUR_US
    assert alert["evidence"]["meters"] == [{"meter": "m1", "registers": ["import"]}]
    assert alert["latest"]["newest_at"] == {"m1": "2026-03-01T16:15:00Z"}
    assert "1 块表无数据，最早自 2026-03-02 00:15" in alert["summary_zh"]
    await take(con, register, [(last + 2 * HOUR_US, 3000)])
    await look(con, "MeterSilent", last + 2 * HOUR_US + MINUTE_US)
    (alert,) = await alerts(con, "MeterSilent")
    assert (alert["state"], alert["outcome"]) == ("resolved", "cleared")
    assert await steps(con, "MeterSilent") == ["firing", "resolved"]


async def test_a_second_silent_meter_widens_an_acknowledged_alert_and_raises_it_again(con: Connection) -> None:
    """What was acknowledged were the meters inside then."""
    first = await add_counter(con, meter="m1")
    second = await add_counter(con, meter="m2")
    site = await con.fetchval("SELECT site_id FROM core.site WHERE code = 'works-m1'")
    await con.execute("UPDATE core.meter_membership SET site_id = $1", site)
    await take(con, first, [(T0, 0)])
    await take(con, second, [(T0 + 2 * HOUR_US, 0)])
    await look(con, "MeterSilent", T0 + 2 * HOUR_US)
    (alert,) = await alerts(con, "MeterSilent")
    async with con.transaction():
        await acknowledge(con, alert["alert_id"], author="li", comment="电工已到现场")
    await look(con, "MeterSilent", T0 + 2 * HOUR_US)
    assert [row["state"] for row in await alerts(con, "MeterSilent")] == ["acknowledged"]
    await look(con, "MeterSilent", T0 + 4 * HOUR_US)
    (alert,) = await alerts(con, "MeterSilent")
    assert (alert["state"], alert["evidence"]["count"], alert["raised_count"]) == ("firing", 2, 2)
    assert await steps(con, "MeterSilent") == ["firing", "acknowledged", "widened"]


async def test_a_meter_that_fell_silent_half_a_year_ago_is_historical(con: Connection) -> None:
    """Loaded history ends long ago: listed, not paged."""
    register = await add_counter(con)
    await take(con, register, [(T0, 0)])
    await look(con, "MeterSilent", T0 + 180 * DAY_US)
    assert [(row["state"], row["historical"]) for row in await alerts(con, "MeterSilent")] == [("firing", True)]


@pytest.mark.fires("ReadingHeld")
async def test_a_held_reading_raises_after_a_minute_and_ends_with_the_next_plausible_one(con: Connection) -> None:
    """A spike of 5 GWh is held; the alert names the register, the baseline and what was held."""
    register = await add_counter(con)
    await take(con, register, [(T0, 1_000_000), (T0 + QUARTER, 1_001_000)])
    held_at = T0 + 2 * QUARTER
    await take(con, register, [(held_at, 5_000_000_000)])
    await look(con, "ReadingHeld", held_at + MINUTE_US // 2)
    assert await alerts(con, "ReadingHeld") == []
    await look(con, "ReadingHeld", held_at + MINUTE_US)
    (alert,) = await alerts(con, "ReadingHeld")
    assert alert["subject"] == "works/m1/import"
    assert alert["evidence"]["baseline"] == {"at": "2026-03-01T16:15:00Z", "value": "1001.000"}
    assert alert["evidence"]["first_held"] == {"at": "2026-03-01T16:30:00Z", "value": "5000000.000"}
    assert "tanfeng held show works/m1/import" in alert["summary_en"]
    await take(con, register, [(T0 + 3 * QUARTER, 1_003_000)])
    await look(con, "ReadingHeld", held_at + HOUR_US)
    assert await steps(con, "ReadingHeld") == ["firing", "resolved"]


@pytest.mark.stays_quiet("ReadingHeld")
async def test_a_spike_settled_within_the_minute_never_was_an_alert(con: Connection) -> None:
    """Pending leaves no trace."""
    register = await add_counter(con)
    await take(con, register, [(T0, 1_000_000), (T0 + QUARTER, 5_000_000_000)])
    await look(con, "ReadingHeld", T0 + QUARTER + 1)
    await take(con, register, [(T0 + QUARTER + 10_000_000, 1_000_000)])
    await look(con, "ReadingHeld", T0 + QUARTER + HOUR_US)
    assert await con.fetchval("SELECT count(*) FROM core.alert") == 0


async def test_looking_twice_changes_nothing(con: Connection) -> None:
    """The second look writes no row."""
    register = await add_counter(con)
    await take(con, register, [(T0, 1_000_000), (T0 + QUARTER, 5_000_000_000)])
    for rule in ("ReadingHeld", "MeterSilent"):
        await look(con, rule, T0 + 3 * HOUR_US)
    before = await con.fetch("SELECT *, xmin::text FROM core.alert ORDER BY alert_id")
    assert len(before) == 2
    for rule in ("ReadingHeld", "MeterSilent"):
        assert (await look(con, rule, T0 + 3 * HOUR_US)).steps == 0
    assert await con.fetch("SELECT *, xmin::text FROM core.alert ORDER BY alert_id") == before


@pytest.mark.parametrize("late_us", [0, 3 * DAY_US])
async def test_what_was_held_and_settled_between_two_looks_is_raised_all_the_same(
    con: Connection, late_us: int
) -> None:
    """As when the evaluator stood still: one alert that is over, told once, or historical where it is old."""
    register = await add_counter(con)
    await take(con, register, [(T0, 0)])
    await look(con, "ReadingHeld", T0)
    spike = (T0 + QUARTER, 9_000_000_000)
    await take(con, register, [spike, (T0 + 2 * QUARTER, 2000), (T0 + 3 * QUARTER, 3000)])
    now = T0 + HOUR_US + late_us
    await look(con, "ReadingHeld", now)
    (alert,) = await alerts(con, "ReadingHeld")
    assert (alert["state"], alert["occurred_at"], alert["ended_at"]) == ("resolved", spike[0], T0 + 2 * QUARTER)
    assert (alert["raised_at"], alert["resolved_at"], alert["historical"]) == (now, now, late_us > DAY_US)
    assert "自 2026-03-02 00:15 起 1 个读数存疑" in alert["summary_zh"]
    assert await steps(con, "ReadingHeld") == ["firing", "resolved"]
    await look(con, "ReadingHeld", now + MINUTE_US)
    assert len(await alerts(con, "ReadingHeld")) == 1


async def test_what_was_held_for_less_than_the_rules_time_between_two_looks_is_not_raised(con: Connection) -> None:
    """A running evaluator would not have raised it either."""
    register = await add_counter(con)
    await take(con, register, [(T0, 0)])
    await look(con, "ReadingHeld", T0)
    await take(con, register, [(T0 + QUARTER, 9_000_000_000), (T0 + 2 * QUARTER, 2000)])
    await look(con, "ReadingHeld", T0 + HOUR_US, for_="16m")
    assert await alerts(con, "ReadingHeld") == []
