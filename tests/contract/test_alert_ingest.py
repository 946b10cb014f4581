"""The rule about ingest itself: no sign of life, readings that lie about; and who sees its alert."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.alerts.evaluations import clock
from services.figures.access import act_as
from services.store import clock_doubts as clocks
from services.store.pool import connect
from tests.alert_rig import DAY_US, HOUR_US, MINUTE_US, add_counter, alerts, count_batch, look, take

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A migrated database with nothing in it."""
    opened = await connect(edition_database, name="test")
    yield opened
    await opened.close()


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
async def test_messages_that_wait_for_minutes_in_ingest_are_told_until_they_do_not(con: Connection) -> None:
    """By ingest's own clock, from receipt to commit; the longest of the last two minutes."""
    now = await clock(con)
    for minute, waited_ms in ((now - 10 * MINUTE_US, 900_000), (now - MINUTE_US, 300_500)):
        await count_batch(con, minute, 0, 1, 1, 0, 0, 0, waited_ms)
    await look(con, "IngestLagHigh", now, for_="0s")
    (alert,) = await alerts(con, "IngestLagHigh")
    assert (alert["value"], alert["evidence"]["why_zh"]) == (300, "消息收到后迟迟未入账")
    await look(con, "IngestLagHigh", now + 4 * MINUTE_US, for_="0s")
    await count_batch(con, now + 4 * MINUTE_US, 0, 1, 1, 0, 0, 0, 80)
    await look(con, "IngestLagHigh", now + 4 * MINUTE_US, for_="0s")
    assert [row["state"] for row in await alerts(con, "IngestLagHigh")] == ["resolved"]


@pytest.mark.fires("ClockDiffers")
async def test_a_clock_in_doubt_is_told_and_for_ten_minutes_after_its_end(con: Connection) -> None:
    """A jump that was over between two looks is told too; a program that died in doubt is not told for ever."""
    await clocks.doubt(con, "ingest 0", clocks.DIFFERS, -HOUR_US)
    now = await clock(con)
    await look(con, "ClockDiffers", now)
    (alert,) = await alerts(con, "ClockDiffers")
    assert (alert["subject"], alert["state"], alert["historical"]) == ("ingest 0", "firing", False)
    assert "采集 0：与数据库的时钟不一致，相差 -3600 秒；消息暂不确认" in alert["summary_zh"]
    await clocks.believe(con, "ingest 0")
    await clocks.doubt(con, "evaluate", clocks.JUMPED, HOUR_US)
    await clocks.believe(con, "evaluate")
    await look(con, "ClockDiffers", now + 5 * MINUTE_US)
    assert [row["state"] for row in await alerts(con, "ClockDiffers")] == ["firing", "firing"]
    await clocks.doubt(con, "ingest 1", clocks.READINGS, HOUR_US)
    await look(con, "ClockDiffers", now + 12 * MINUTE_US)
    assert [row["state"] for row in await alerts(con, "ClockDiffers")] == ["resolved", "resolved"]


@pytest.mark.stays_quiet("ClockDiffers")
async def test_clocks_that_nobody_doubts_are_not_told(con: Connection) -> None:
    """Nor is a doubt that ended an hour ago."""
    await clocks.doubt(con, "ingest 0", clocks.DIFFERS, -HOUR_US)
    await clocks.believe(con, "ingest 0")
    await look(con, "ClockDiffers", await clock(con) + HOUR_US)
    assert await alerts(con, "ClockDiffers") == []


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
