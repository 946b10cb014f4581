"""PUE rules over booked readings: one alert for one rise, held through the band, revised by late data."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from services.model import QUARTER_US
from services.store.pool import connect
from tests.alert_rig import DAY_US, HOUR_US, MINUTE_US, alerts, look, steps
from tests.figure_world import instant
from tests.pue_world import book, declare, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from services.store.pool import Connection

START = instant("2026-01-05T00:00+08:00")
FILES = {"24-hours.json": 5 * MINUTE_US, "7-days.json": 75 * MINUTE_US}
HOURLY = {"window": "1h", "for_": "1h"}
"""Settings under which the hours of these tests count."""


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A migrated database."""
    opened = await connect(edition_database, name="test")
    yield opened
    await opened.close()


async def hours(con: Connection, ratios: list[str], *, it: int = 1000) -> int:
    """Book hours of these PUEs, as quarter-hours, IT constant; gives their end."""
    amounts = [Decimal(ratio) * it / 4 for ratio in ratios for _ in range(4)]
    await book(con, "intake/import", running(START, QUARTER_US, amounts))
    await book(con, "ups/it", running(START, QUARTER_US, [Decimal(it) / 4] * (4 * len(ratios))))
    return START + len(ratios) * HOUR_US


async def pue_high(con: Connection, now: int) -> list[dict[str, Any]]:
    """The alerts of PueHigh after a look."""
    await look(con, "PueHigh", now, **HOURLY)
    return await alerts(con, "PueHigh")


@pytest.mark.fires("PueHigh")
async def test_a_rise_is_one_alert_held_through_1_46_and_resolved_below_1_45(con: Connection) -> None:
    """Looked at after every hour, or once at the end: the same alert."""
    ratios = ["1.4", "1.6", "1.6", "1.6", "1.46", "1.46", "1.6", "1.46", "1.44", "1.44"]
    await declare(con)
    for count in range(1, len(ratios) + 1):
        end = await hours(con, ratios[:count])
        await look(con, "PueHigh", end, **HOURLY)
        states = [row["state"] for row in await alerts(con, "PueHigh")]
        assert states == ([] if count < 3 else ["firing"] if count < 9 else ["resolved"]), count
    stepwise = await alerts(con, "PueHigh")
    assert await steps(con, "PueHigh") == ["firing", "resolved"]
    await con.execute("DELETE FROM core.alert; DELETE FROM core.evaluation")
    (alert,) = await pue_high(con, end)
    same = ("occurred_at", "fired_at", "ended_at", "value", "limit_value", "evidence", "subject", "summary_zh")
    assert {name: alert[name] for name in same} == {name: stepwise[0][name] for name in same}
    # the hour that ends 45 minutes into the rise is the first above 1.5: 0.25 × 1.4 + 0.75 × 1.6 = 1.55
    assert alert["occurred_at"] == START + HOUR_US + 3 * QUARTER_US
    assert (alert["fired_at"], alert["value"]) == (START + 2 * HOUR_US + 3 * QUARTER_US, Decimal("1.6"))
    assert alert["evidence"]["total_kwh"] == "1600"
    assert alert["summary_zh"].startswith("示例数据中心 · 一号机房：1h PUE 1.6，限值 1.5。")


@pytest.mark.stays_quiet("PueHigh")
async def test_a_pue_within_its_limit_raises_nothing(con: Connection) -> None:
    """Exactly 1.5 is allowed, and half an hour above it is too short."""
    await declare(con)
    end = await hours(con, ["1.5"] * 5 + ["1.49"] * 3)
    assert await pue_high(con, end) == []


@pytest.mark.fires("PueHigh", "MeterSilent")
async def test_a_stopped_it_meter_neither_raises_nor_clears_but_is_silent(con: Connection) -> None:
    """PUE becomes unknown; MeterSilent names the meter."""
    await declare(con)
    end = await hours(con, ["1.6"] * 4)
    assert [row["state"] for row in await pue_high(con, end)] == ["firing"]
    level = Decimal(1600) * 4
    rise = [(end + step * QUARTER_US, level + 300 * step) for step in range(1, 25)]
    await book(con, "intake/import", rise)
    later = end + 6 * HOUR_US
    (alert,) = await pue_high(con, later)
    assert alert["state"] == "firing"
    assert (alert["latest"]["sign"], alert["latest"]["why"]) == ("unknown", "it_missing")
    await look(con, "MeterSilent", later)
    (silent,) = await alerts(con, "MeterSilent")
    assert "ups" in [each["meter"] for each in silent["evidence"]["meters"]]


@pytest.mark.stays_quiet("PueHigh")
async def test_a_stopped_it_meter_does_not_raise(con: Connection) -> None:
    """The total alone is no PUE, however high."""
    await declare(con)
    end = await hours(con, ["1.4"] * 3)
    level = Decimal(1400) * 3
    await book(con, "intake/import", [(end + step * QUARTER_US, level + 500 * step) for step in range(1, 25)])
    assert await pue_high(con, end + 6 * HOUR_US) == []


@pytest.mark.fires("PueImplausible")
async def test_it_energy_not_below_the_total_is_implausible(con: Connection) -> None:
    """A data fault, not efficiency: PueImplausible opens, PueHigh does not; it ends with a sound hour."""
    await declare(con)
    end = await hours(con, ["1.0"] * 3)
    await look(con, "PueImplausible", end)
    (alert,) = await alerts(con, "PueImplausible")
    assert (alert["state"], alert["evidence"]["it_kwh"]) == ("firing", "1000")
    assert "IT 电量 1000 kWh 不小于总电量 1000 kWh" in alert["summary_zh"]
    assert await pue_high(con, end) == []
    end = await hours(con, ["1.0"] * 3 + ["1.3"] * 2)
    await look(con, "PueImplausible", end)
    assert [row["state"] for row in await alerts(con, "PueImplausible")] == ["resolved"]


async def book_with_gap(con: Connection, total: list[Decimal], gap: list[Decimal]) -> list[tuple[int, Decimal]]:
    """Book five hours, the IT readings within the third missing: what it used there, `gap`, comes late."""
    it = running(START, QUARTER_US, [Decimal(250)] * 8 + gap + [Decimal(250)] * 8)
    await book(con, "intake/import", running(START, QUARTER_US, total))
    await book(con, "ups/it", it[:9] + it[12:])
    return it[9:12]


async def test_late_data_that_lowers_past_windows_withdraws_the_alert(con: Connection) -> None:
    """A straight line over a window's end had put IT energy behind it: 1.5016 was 1.486; the history keeps the old."""
    await declare(con)
    before_it, paused = [Decimal(250)] * 96, [Decimal(0)] * 2
    it = running(START, QUARTER_US, before_it + paused + [Decimal(250)] * 10)
    late = it[95:98]
    total = [Decimal("371.5")] * 96 + [Decimal(20)] * 2 + [Decimal("371.5")] * 10
    await book(con, "intake/import", running(START, QUARTER_US, total))
    await book(con, "ups/it", it[:95] + it[98:])
    settings, end = {"window": "24h", "for_": "0s"}, START + 27 * HOUR_US
    await look(con, "PueHigh", end, **settings)
    (before,) = await alerts(con, "PueHigh")
    assert (before["state"], round(before["value"], 4)) == ("firing", Decimal("1.5016"))
    await book(con, "ups/it", late)
    await look(con, "PueHigh", end, **settings)
    (after,) = await alerts(con, "PueHigh")
    assert (after["alert_id"], after["outcome"]) == (before["alert_id"], "withdrawn")
    assert await steps(con, "PueHigh") == ["firing", "withdrawn"]
    assert (await look(con, "PueHigh", end, **settings)).steps == 0


async def test_readings_that_are_missing_raise_nothing(con: Connection) -> None:
    """A straight line through an hour without IT readings would be 1.7: it is unknown, and so it stays quiet."""
    await declare(con)
    used = [Decimal(100), Decimal(100), Decimal(400), Decimal(400)]
    await book_with_gap(con, [Decimal(362)] * 8 + [Decimal(145)] * 2 + [Decimal(580)] * 2 + [Decimal(362)] * 8, used)
    await look(con, "PueHigh", START + 5 * HOUR_US, window="1h", for_="30m")
    assert await alerts(con, "PueHigh") == []


async def test_late_data_that_moves_a_figure_revises_the_alert(con: Connection) -> None:
    """The same alert goes on, on the right figures; old and new ones are in its history."""
    await declare(con)
    total = [Decimal(350)] * 8 + [Decimal(450)] * 12
    late = await book_with_gap(con, total, [Decimal(240), Decimal(260), Decimal(240), Decimal(260)])
    end = START + 5 * HOUR_US
    (before,) = await pue_high(con, end)
    await book(con, "ups/it", late)
    (after,) = await pue_high(con, end)
    assert after["alert_id"] == before["alert_id"]
    assert (before["state"], after["state"]) == ("firing", "firing")
    assert before["evidence"] != after["evidence"]
    assert await steps(con, "PueHigh") == ["firing", "revised"]
    detail = json.loads(await con.fetchval("SELECT detail FROM core.alert_step WHERE step = 'revised'"))
    assert detail["old"]["evidence"]["it_kwh"] == before["evidence"]["it_kwh"]
    assert detail["new"]["evidence"]["it_kwh"] == after["evidence"]["it_kwh"]


async def test_it_is_historical_when_found_more_than_a_day_late(con: Connection) -> None:
    """Loaded history warns of the past, and pages nobody."""
    await declare(con)
    end = await hours(con, ["1.4"] + ["1.7"] * 4 + ["1.2"] * 2)
    (alert,) = await pue_high(con, end + 30 * DAY_US)
    assert (alert["state"], alert["historical"]) == ("resolved", True)


@pytest.mark.parametrize("settings", [{}, HOURLY], ids=["shipped", "hourly"])
@pytest.mark.parametrize("name", FILES)
@pytest.mark.stays_quiet("PueHigh", "PueReportedHigh", "PueDisagrees", "PueImplausible")
async def test_the_recorded_data_centre_raises_nothing(
    con: Connection, shared: Path, name: str, settings: dict[str, str]
) -> None:
    """IT 1,000 kW, total = ratio × IT, and the same as reported: no warning of any PUE rule."""
    step = FILES[name]
    rows = json.loads((shared / "data" / "pue" / name).read_text(), parse_float=Decimal)
    bins = [(row["timestamp"] * 1000, Decimal(row["pue"])) for row in rows]
    interval = f"{step // MINUTE_US}m"
    await declare(con, interval=interval, reported=interval)
    total, it = [(bins[0][0], Decimal(0))], [(bins[0][0], Decimal(0))]
    for (at, ratio), (end, _) in pairwise(bins):
        kwh = Decimal(1000) * (end - at) / HOUR_US
        it.append((end, it[-1][1] + kwh))
        total.append((end, total[-1][1] + ratio * kwh))
    await book(con, "intake/import", [(at, round(value, 3)) for at, value in total])
    await book(con, "ups/it", [(at, round(value, 3)) for at, value in it])
    await book(con, "dcim/pue", bins)
    for rule in ("PueHigh", "PueReportedHigh", "PueDisagrees"):
        looked = await look(con, rule, bins[-1][0] + DAY_US, **settings)
        assert looked.observed > 0
        assert await alerts(con, rule) == []
    await look(con, "PueImplausible", bins[-1][0] + DAY_US)
    assert await alerts(con, "PueImplausible") == []


async def reported(con: Connection, values: list[str], *, first: int = START) -> int:
    """Publish these PUEs, twelve an hour each; gives the end."""
    readings = [(first + n * 5 * MINUTE_US, value) for n, value in enumerate(v for v in values for _ in range(12))]
    readings = readings if first == START else readings[1:]  # what the earlier call ended with stands
    await book(con, "dcim/pue", [*readings, (first + len(values) * HOUR_US, values[-1])])
    return first + len(values) * HOUR_US


@pytest.mark.fires("PueReportedHigh")
async def test_a_reported_pue_warns_by_the_same_band_where_nothing_is_metered(con: Connection) -> None:
    """Above 1.5 for the duration, held through 1.46, resolved below 1.45; said to be the operator's."""
    await declare(con, "{category: 1, reported: dcim/pue}")
    end = await reported(con, ["1.4", "1.6", "1.6", "1.6", "1.46"])
    await look(con, "PueReportedHigh", end, **HOURLY)
    (alert,) = await alerts(con, "PueReportedHigh")
    assert (alert["state"], alert["value"]) == ("firing", Decimal("1.6"))
    assert "运营方自报 PUE 1.6" in alert["summary_zh"]
    end = await reported(con, ["1.4", "1.4", "1.4"], first=end)
    await look(con, "PueReportedHigh", end, **HOURLY)
    assert [row["state"] for row in await alerts(con, "PueReportedHigh")] == ["resolved"]


@pytest.mark.fires("PueDisagrees")
@pytest.mark.stays_quiet("PueReportedHigh")
async def test_a_reported_pue_does_not_warn_where_energy_is_metered(con: Connection) -> None:
    """The meters decide; that both disagree is another alert."""
    await declare(con)
    await hours(con, ["1.3"] * 4)
    end = await reported(con, ["1.6"] * 4)
    await look(con, "PueReportedHigh", end, **HOURLY)
    assert await alerts(con, "PueReportedHigh") == []
    await look(con, "PueDisagrees", end, **HOURLY)
    (alert,) = await alerts(con, "PueDisagrees")
    assert (alert["value"], alert["evidence"]["measured"], alert["evidence"]["reported"]) == (
        Decimal("0.3"), "1.300000", "1.600000",
    )  # fmt: skip


@pytest.mark.stays_quiet("PueDisagrees")
async def test_a_reported_pue_close_to_the_measured_one_does_not_disagree(con: Connection) -> None:
    """0.05 apart is within the tolerance."""
    await declare(con)
    await hours(con, ["1.30"] * 4)
    end = await reported(con, ["1.35"] * 4)
    await look(con, "PueDisagrees", end, **HOURLY)
    assert await alerts(con, "PueDisagrees") == []


@pytest.mark.fires("PueReportedHigh")
async def test_a_reported_pue_warns_where_declared_meters_deliver_nothing_until_they_do(con: Connection) -> None:
    """2.3 over meters that never came is told, with what is missing; once the meters deliver, they decide."""
    await declare(con)
    end = await reported(con, ["2.3"] * 4)
    await look(con, "PueReportedHigh", end, **HOURLY)
    (alert,) = await alerts(con, "PueReportedHigh")
    assert (alert["state"], alert["value"]) == ("firing", Decimal("2.3"))
    assert "运营方自报 PUE 2.3（1h），限值 1.5；已登记的电量表无数据" in alert["summary_zh"]
    assert "its declared meters deliver nothing" in alert["summary_en"]
    later = end + 2 * HOUR_US
    await reported(con, ["2.3"] * 2, first=end)
    for path, level in (("intake/import", 1300), ("ups/it", 1000)):
        quarters = [Decimal(level) / 4] * 8
        await book(con, path, running(end, QUARTER_US, quarters))
    await look(con, "PueReportedHigh", later, **HOURLY)
    assert [row["state"] for row in await alerts(con, "PueReportedHigh")] == ["resolved"]


@pytest.mark.fires("PueHigh")
async def test_the_limit_is_the_sites_own_from_its_day_on(con: Connection) -> None:
    """A new building's 1.25, from the second day on: a PUE of 1.3 is allowed until then."""
    day = START + DAY_US
    changed = "{category: 1, total: [intake/import], it: [ups/it], changes: [{from: 2026-01-06, limit: 1.25}]}"
    await declare(con, changed)
    end = await hours(con, ["1.3"] * 48)
    (alert,) = await pue_high(con, end)
    assert day < alert["occurred_at"] <= day + HOUR_US
    assert (alert["value"], alert["limit_value"]) == (Decimal("1.3"), Decimal("1.25"))
    rows = await con.fetch("SELECT day, limit_ratio, state FROM report.pue_1d ORDER BY day LIMIT 2")
    assert [(str(row["day"]), row["limit_ratio"], row["state"]) for row in rows] == [
        ("2026-01-05", Decimal("1.5"), "ok"), ("2026-01-06", Decimal("1.25"), "high"),
    ]  # fmt: skip
