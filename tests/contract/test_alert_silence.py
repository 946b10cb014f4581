"""Silence names its cause: rejected messages, a clock that is behind; and the rules about both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.ledger.rejections import Rejection, write_rejections
from services.store.pool import connect
from services.wire.topics import readings_topic
from tests.alert_rig import DAY_US, HOUR_US, MINUTE_US, add_counter, alerts, look, steps, take
from tests.figure_world import instant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

T0 = instant("2026-03-02T00:00+08:00")
NOON = instant("2026-03-02T12:00+08:00")


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A migrated database with the district and its zone, and nothing else."""
    opened = await connect(edition_database, name="test")
    yield opened
    await opened.close()


async def counter(con: Connection, meter: str = "m1", **policy: int) -> int:
    """A register that reports each minute, all of them at one site."""
    minutely: dict[str, Any] = {"interval_us": MINUTE_US, "gap_us": 4 * MINUTE_US, "slack_us": MINUTE_US}
    register = await add_counter(con, meter=meter, **(minutely | policy))
    await con.execute("UPDATE core.meter_membership SET site_id = (SELECT min(site_id) FROM core.site)")
    return register


async def report(
    con: Connection, register: int, first: int, count: int, *, late: int = 0, step: int = MINUTE_US
) -> None:
    """Readings each minute from an instant on, each received `late` µs after it; 1 kWh a minute since midnight."""
    for number in range(count):
        at = first + number * step
        await take(con, register, [(at, (at - T0) // MINUTE_US * 1000)], received=at + late)


def refused(at: int, code: str = "time_ahead", meter: str = "m1", payload: bytes = b"") -> Rejection:
    """A message of a meter that came at an instant and was rejected."""
    topic = readings_topic("works", meter or None)
    return Rejection(code, "why", topic, payload or str(at).encode(), "", "works", at, meter)


@pytest.mark.fires("MeterSilent")
async def test_a_meter_whose_messages_are_rejected_is_told_so_with_how_many_since_when_and_why(con: Connection) -> None:
    """54 messages since 10:00 from a clock that runs ahead; what was rejected before it fell silent does not count."""
    register = await counter(con)
    ten = instant("2026-03-02T10:00+08:00")
    await report(con, register, ten - 10 * MINUTE_US, 10)
    await write_rejections(con, [refused(ten - HOUR_US), *(refused(ten + n * MINUTE_US) for n in range(54))])
    await look(con, "MeterSilent", ten + 54 * MINUTE_US)
    (alert,) = await alerts(con, "MeterSilent")
    assert alert["evidence"]["meters"] == [{"meter": "m1", "registers": ["import"], "cause": "time_ahead"}]
    assert "m1 有上报，但自 2026-03-02 10:00 起 54 条消息被拒：read_at 在未来（time_ahead）" in alert["summary_zh"]
    assert "m1 reports, but 54 messages rejected since 2026-03-02 10:00: read_at lies" in alert["summary_en"]
    assert "tanfeng rejected list" in alert["summary_en"]


async def test_a_meter_that_was_rejected_but_sends_nothing_any_more_is_silent(con: Connection) -> None:
    """Neither old rejections nor those of a neighbour are a report of its own; then the gateway is to be looked at."""
    register = await counter(con)
    await report(con, register, NOON - 10 * MINUTE_US, 10)
    await write_rejections(con, [refused(NOON + MINUTE_US), *(refused(NOON + HOUR_US, meter=m) for m in ("m2", "m11"))])
    await look(con, "MeterSilent", NOON + HOUR_US)
    (alert,) = await alerts(con, "MeterSilent")
    assert "cause" not in alert["evidence"]["meters"][0]
    assert "Check gateway, network, power" in alert["summary_en"]


async def test_a_gateway_whose_messages_cannot_be_read_is_named_as_the_enterprises(con: Connection) -> None:
    """Broken JSON names no meter: it is nobody's in particular."""
    await report(con, await counter(con), NOON - 10 * MINUTE_US, 10)
    await write_rejections(con, [refused(NOON + n * MINUTE_US, "not_utf8", meter="") for n in range(8)])
    await look(con, "MeterSilent", NOON + 8 * MINUTE_US)
    (alert,) = await alerts(con, "MeterSilent")
    assert alert["evidence"]["cause"] == "not_utf8"
    assert "the enterprise's gateway reports, but 8 messages rejected" in alert["summary_en"]


@pytest.mark.parametrize("always", [True, False])
@pytest.mark.fires("MeterSilent", "ClockBehind")
async def test_a_meter_whose_clock_is_eight_hours_behind_is_not_called_silent(con: Connection, *, always: bool) -> None:
    """Whether it always was, or fell behind at noon and now stamps hours that are booked already."""
    register = await counter(con)
    if not always:
        await report(con, register, NOON - 12 * MINUTE_US, 12)
    await report(con, register, NOON - 8 * HOUR_US + 7, 12, late=8 * HOUR_US)
    now = NOON + 12 * MINUTE_US
    await look(con, "MeterSilent", now)
    (alert,) = await alerts(con, "MeterSilent")
    assert alert["evidence"]["meters"][0]["cause"] == "clock_behind"
    assert "m1 有上报，但时钟慢 8 小时（naive_zone？）" in alert["summary_zh"]
    assert "m1 reports, but its clock is 8 h behind (naive_zone?)" in alert["summary_en"]
    await look(con, "ClockBehind", now)
    (alert,) = await alerts(con, "ClockBehind")
    assert (alert["subject"], alert["evidence"]["meters"]) == ("works/works-m1", ["m1"])
    assert "m1 时钟慢 8 小时" in alert["summary_zh"]
    await report(con, register, now, 12)
    await look(con, "ClockBehind", now + 12 * MINUTE_US)
    assert await steps(con, "ClockBehind") == ["firing", "resolved"]


@pytest.mark.stays_quiet("ClockBehind")
async def test_a_backlog_and_a_delay_of_minutes_are_no_clock_that_is_behind(con: Connection) -> None:
    """Eight hours received within a minute; a link that is five minutes late; hourly amounts stamped at their start."""
    backlog = await counter(con)
    readings = [(NOON - 8 * HOUR_US + n * MINUTE_US, n * 1000) for n in range(480)]
    for first in range(0, 480, 60):
        await take(con, backlog, readings[first : first + 60], received=NOON + first * 100_000)
    await report(con, await counter(con, "m2"), NOON - 20 * MINUTE_US, 15, late=5 * MINUTE_US)
    starts = await counter(con, "m3", interval_us=HOUR_US, gap_us=4 * HOUR_US)
    await con.execute("UPDATE core.register SET kind = 'interval' WHERE register_id = $1", starts)
    await con.execute("UPDATE core.register_state SET newest_at = $2 WHERE register_id = $1", starts, NOON - HOUR_US)
    await con.executemany(
        "INSERT INTO core.reading (register_id, read_at, value, lag_s) VALUES ($1, $2, 1000, 3660)",
        [(starts, NOON - n * HOUR_US) for n in range(1, 6)],
    )
    for now in (NOON, NOON + 30_000_000, NOON + 2 * MINUTE_US):
        await look(con, "ClockBehind", now)
    assert await alerts(con, "ClockBehind") == []


@pytest.mark.fires("MessagesRejected")
async def test_a_meter_most_of_whose_messages_are_rejected_is_told_with_its_enterprise(con: Connection) -> None:
    """12 of 14 in the hour; others of the enterprise report well. Once the share is small again, it is over."""
    register, other = await counter(con), await counter(con, "m2")
    await report(con, register, NOON - 40 * MINUTE_US, 2)
    await report(con, other, NOON - HOUR_US, 60)
    await write_rejections(con, [refused(NOON - n * MINUTE_US, "time_without_zone") for n in range(12)])
    await look(con, "MessagesRejected", NOON)
    (alert,) = await alerts(con, "MessagesRejected")
    assert (alert["subject"], alert["enterprise_id"] is not None) == ("works", True)
    assert alert["evidence"]["meters"] == [{"meter": "m1", "code": "time_without_zone"}]
    assert "12 条消息被拒，占 85.7 %（1 块表：m1）：read_at 没有时区" in alert["summary_zh"]
    assert "12 messages rejected since 2026-03-02 11:49, 85.7 % (1 meters: m1)" in alert["summary_en"]
    await report(con, register, NOON, 20)
    await look(con, "MessagesRejected", NOON + 20 * MINUTE_US)
    assert await steps(con, "MessagesRejected") == ["firing", "resolved"]


@pytest.mark.fires("MessagesRejected")
async def test_an_enterprise_whose_gateway_sends_what_nobody_can_read_is_told_floods_included(con: Connection) -> None:
    """Bytes that name no meter, and rejections that were only counted."""
    await report(con, await counter(con), NOON - 40 * MINUTE_US, 2)
    await write_rejections(con, [refused(NOON - MINUTE_US, "not_json", meter="", payload=b"{")])
    await con.execute("INSERT INTO core.rejection_flood VALUES ($1, 'works', 'not_json', 50)", NOON - 2 * MINUTE_US)
    await look(con, "MessagesRejected", NOON)
    (alert,) = await alerts(con, "MessagesRejected")
    assert (alert["evidence"]["code"], alert["latest"]["rejected"]) == ("not_json", 51)
    assert alert["evidence"]["meters"] == []


@pytest.mark.stays_quiet("MessagesRejected")
async def test_some_rejections_beside_many_readings_raise_nothing(con: Connection) -> None:
    """Two dead registers of a meter that reports, repeated readings of before, conflicts, and a stranger's messages."""
    await report(con, await counter(con), NOON - HOUR_US, 60)
    null = b'{"read_at":%d,"registers":{"a":null,"b":null}}'
    for minute in range(60):
        at = NOON - minute * MINUTE_US
        topic, payload = readings_topic("works", "m1"), null % at
        parts = [Rejection("no_value", "", topic, payload, f"registers/{code}", "works", at, "m1") for code in "ab"]
        await write_rejections(con, [*parts, refused(at, "conflict", payload=b"c%d" % at)])
        await write_rejections(con, [Rejection("unknown_meter", "", topic, b"%d" % at, "", "stranger", at, "x")])
    old = refused(NOON - 40 * DAY_US, payload=b"old")
    await write_rejections(con, [old] * 5000)
    await write_rejections(con, [refused(NOON - 50 * MINUTE_US, payload=b"old")])
    await look(con, "MessagesRejected", NOON)
    assert await alerts(con, "MessagesRejected") == []
