"""An evaluator sees half of a backlog: what it takes for a break at the outage's end gives way to what there was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from services.alerting.model import Severity
from services.alerts.acts import acknowledge
from services.notify.config import Config, Route, Target
from services.notify.sending import enqueue
from services.store.pool import connect
from tests.alert_rig import DAY_US, HOUR_US, MINUTE_US, add_counter, alerts, look, steps, take
from tests.figure_world import instant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

FROM = instant("2026-03-02T00:00+08:00")
UNTIL = FROM + 8 * HOUR_US
LENT, BACK = FROM + 3 * HOUR_US, FROM + 4 * HOUR_US
NOW = UNTIL + 22 * HOUR_US
MINUTE_STEPS, JUMP = 100, 5_000_000_000


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A migrated database with nothing in it."""
    opened = await connect(edition_database, name="test")
    yield opened
    await opened.close()


def shown(at: int) -> int:
    """What the display shows: another meter hangs there for an hour, then the old one counts on from where it stood."""
    minutes = (at - FROM) // MINUTE_US
    if at < LENT:
        return 1_000_000 + minutes * MINUTE_STEPS
    if at < BACK:
        return 1_000_000 + minutes * MINUTE_STEPS + JUMP
    return 1_000_000 + (minutes - 60) * MINUTE_STEPS


async def send(con: Connection, register: int, start: int, end: int, step: int = MINUTE_US) -> None:
    """The readings in [start, end)."""
    await take(con, register, [(at, shown(at)) for at in range(start, end, step)])


async def cut_off(con: Connection) -> int:
    """A register with readings before and after the outage."""
    register = await add_counter(con)
    await send(con, register, FROM - HOUR_US, FROM)
    await send(con, register, UNTIL, NOW, 15 * MINUTE_US)
    return register


def paging(*names: str) -> Config:
    """Every warning to all of these targets, again after ten minutes."""
    targets = {name: Target(name, "apprise", None, 600) for name in names}
    return Config(targets, (Route(names, frozenset(Severity), None, 10 * MINUTE_US),))


async def last_detail(con: Connection) -> dict[str, Any]:
    """What the newest entry of the histories says has changed."""
    detail: dict[str, Any] = json.loads(await con.fetchval("SELECT detail FROM core.alert_step ORDER BY step_id DESC"))
    return detail


@pytest.mark.fires("RegisterBreak")
async def test_a_break_seen_at_the_outages_end_becomes_the_two_that_there_were(con: Connection) -> None:
    """Twenty minutes of the lent meter look as if it had hung there until the outage's end, 22 h ago."""
    register = await cut_off(con)
    await send(con, register, FROM, LENT + 20 * MINUTE_US)
    await look(con, "RegisterBreak", NOW + MINUTE_US)
    (half,) = await alerts(con, "RegisterBreak")
    assert (sorted(half["members"].values()), half["historical"]) == ([LENT, UNTIL], False)
    await send(con, register, LENT + 20 * MINUTE_US, UNTIL)
    await look(con, "RegisterBreak", NOW + 2 * MINUTE_US)
    (whole,) = await alerts(con, "RegisterBreak")
    assert sorted(whole["members"].values()) == [LENT, BACK]
    assert (whole["alert_id"], whole["occurred_at"], whole["historical"]) == (half["alert_id"], LENT, True)
    assert (whole["state"], whole["raised_count"]) == ("firing", 1)
    assert await steps(con, "RegisterBreak") == ["firing", "revised"]
    detail = await last_detail(con)
    assert (detail["old"]["historical"], detail["new"]["historical"]) == (False, True)


async def test_what_late_data_makes_historical_after_it_was_paged_is_only_told_to_be_over(con: Connection) -> None:
    """Whoever was called must hear of the end; nothing is repeated, and who was not called hears nothing."""
    config = paging("duty")
    register = await cut_off(con)
    await send(con, register, FROM, LENT + 20 * MINUTE_US)
    await look(con, "RegisterBreak", NOW)
    assert await enqueue(con, config, NOW) == 1
    await con.execute("UPDATE core.notification SET delivered_at = $1", NOW)
    await send(con, register, LENT + 20 * MINUTE_US, UNTIL)
    await look(con, "RegisterBreak", NOW + MINUTE_US)
    assert await enqueue(con, config, NOW + 30 * MINUTE_US) == 0
    (alert,) = await alerts(con, "RegisterBreak")
    async with con.transaction():
        await acknowledge(con, alert["alert_id"], author="li", comment="借表一小时")
    await look(con, "RegisterBreak", NOW + 40 * MINUTE_US)
    assert await enqueue(con, paging("duty", "other"), NOW + 40 * MINUTE_US) == 1
    rows = await con.fetch("SELECT target, kind FROM core.notification ORDER BY notification_id")
    assert [tuple(row) for row in rows] == [("duty", "firing"), ("duty", "resolved")]


async def test_a_backlog_that_comes_back_to_front_moves_the_beginning_and_its_history_tells(con: Connection) -> None:
    """What another worker books first begins in the middle of the lent hour."""
    register = await cut_off(con)
    await send(con, register, LENT + 20 * MINUTE_US, UNTIL)
    await look(con, "RegisterBreak", NOW)
    (half,) = await alerts(con, "RegisterBreak")
    assert half["occurred_at"] == LENT + 20 * MINUTE_US
    await send(con, register, FROM, LENT + 20 * MINUTE_US)
    await look(con, "RegisterBreak", NOW + MINUTE_US)
    (whole,) = await alerts(con, "RegisterBreak")
    assert (sorted(whole["members"].values()), whole["occurred_at"]) == ([LENT, BACK], LENT)
    detail = await last_detail(con)
    assert (detail["old"]["occurred_at"], detail["new"]["occurred_at"]) == (
        "2026-03-01T19:20:00Z",
        "2026-03-01T19:00:00Z",
    )


async def test_an_acknowledged_break_and_a_new_one_are_told_from_the_new_one_on(con: Connection) -> None:
    """What somebody has acknowledged is settled; the alert stands on what came after."""
    register = await add_counter(con)
    await take(con, register, [(FROM + n * HOUR_US, 1_000_000 + n * 10_000) for n in range(2)])
    await take(con, register, [(FROM + n * HOUR_US, JUMP + n * 10_000) for n in range(2, 6)])
    await look(con, "RegisterBreak", FROM + 6 * HOUR_US)
    (alert,) = await alerts(con, "RegisterBreak")
    async with con.transaction():
        await acknowledge(con, alert["alert_id"], author="li", comment="换表")
    await take(con, register, [(FROM + n * HOUR_US, 3 * JUMP + n * 10_000) for n in range(6, 10)])
    await look(con, "RegisterBreak", FROM + 10 * HOUR_US)
    (alert,) = await alerts(con, "RegisterBreak")
    assert (alert["state"], alert["raised_count"], alert["historical"]) == ("firing", 2, False)
    assert alert["occurred_at"] == FROM + 6 * HOUR_US


async def test_a_break_that_comes_back_beside_another_keeps_the_moment_of_its_resolved_alert(con: Connection) -> None:
    """Of one subject and moment there is one alert; the look must not fail over it."""
    register = await add_counter(con)
    await take(con, register, [(FROM + n * HOUR_US, 1_000_000 + n * 10_000) for n in range(2)])
    await take(con, register, [(FROM + n * HOUR_US, JUMP + n * 10_000) for n in range(2, 6)])
    await look(con, "RegisterBreak", FROM + 6 * HOUR_US)
    (alert,) = await alerts(con, "RegisterBreak")
    async with con.transaction():
        await acknowledge(con, alert["alert_id"], author="li", comment="换表")
    await look(con, "RegisterBreak", FROM + 6 * HOUR_US)
    await take(con, register, [(FROM + n * HOUR_US, 3 * JUMP + n * 10_000) for n in range(6, 10)])
    await look(con, "RegisterBreak", FROM + 10 * HOUR_US)
    await con.execute("UPDATE core.event SET acknowledged_at = NULL, acknowledged_by = NULL")
    await look(con, "RegisterBreak", FROM + 10 * HOUR_US + DAY_US)
    assert [(row["occurred_at"], row["state"]) for row in await alerts(con, "RegisterBreak")] == [
        (alert["occurred_at"], "resolved"),
        (FROM + 6 * HOUR_US, "firing"),
    ]
