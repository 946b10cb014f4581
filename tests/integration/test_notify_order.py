"""Notifications leave in their order and at their pace, whatever the clocks and the other targets do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.notify import outbox, sending
from services.notify.channel import AppriseChannel
from services.notify.sending import enqueue, send_next
from services.store import clock_doubts
from services.store.pool import open_pool
from tests.alert_rig import HOUR_US, MINUTE_US, add_counter, look, take
from tests.figure_world import instant
from tests.ingest_rig import until
from tests.notify_rig import LOOPBACK, Hook, config_of, hook_target, running, with_alert

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from services.store.pool import Connection

T0 = instant("2026-03-02T00:00+08:00")


@pytest.fixture
async def con(database: str) -> AsyncIterator[Connection]:
    """A database with a firing alert: the silent meter m1 of the works, raised at T0 + 1 h."""
    async with with_alert(database, T0) as opened:
        yield opened


async def test_over_never_comes_before_firing(con: Connection, database: str, hook: Hook, tmp_path: Path) -> None:
    """Though firing was tried and waits for its next try when the end is told: the other side keeps nothing open."""
    config = config_of(hook_target(tmp_path, hook))
    hook.answer = 500
    await enqueue(con, config, T0 + HOUR_US)
    async with running(database, config):
        await until(lambda: con.fetchval("SELECT attempts >= 2 FROM core.notification"))
        await take(con, await con.fetchval("SELECT max(register_id) FROM core.register"), [(T0 + HOUR_US, 1)])
        await look(con, "MeterSilent", T0 + HOUR_US + MINUTE_US)
        assert await enqueue(con, config, T0 + HOUR_US + MINUTE_US) == 1
        hook.answer = 200
        await until(lambda: len(hook.posts) == 2)
    assert [post["title"].split()[2] for post in hook.posts] == ["发生", "解除"]


async def test_what_a_clock_a_day_ahead_wrote_holds_up_nothing(
    con: Connection, database: str, hook: Hook, tmp_path: Path
) -> None:
    """Messages delivered, claimed and put off "tomorrow": pace and order go on by the right time."""
    for index in range(7):
        await take(con, await add_counter(con, meter=f"x{index}"), [(T0, 0)])
    await look(con, "MeterSilent", T0 + HOUR_US)
    config = config_of(hook_target(tmp_path, hook, per_minute=3))
    assert await enqueue(con, config, T0 + HOUR_US) == 8
    await con.execute(
        "UPDATE core.notification SET created_at = now() + interval '1 day', not_before = now() + interval '1 day',"
        " claimed_until = CASE WHEN notification_id % 2 = 0 THEN now() + interval '1 day' ELSE claimed_until END,"
        " delivered_at = CASE WHEN notification_id % 3 = 0 THEN now() + interval '1 day' END"
    )
    async with await open_pool(database, name="test", size=2) as pool:
        target = config.targets["hook"]
        assert await send_next(pool, target, AppriseChannel(target, LOOPBACK))
        assert await send_next(pool, target, AppriseChannel(target, LOOPBACK))
        await outbox.bound(con, ["hook"])
    assert await con.fetchval("SELECT count(*) FROM core.notification WHERE delivered_at > now()") == 0


async def test_a_critical_message_waits_neither_behind_others_nor_for_a_notices_pause(
    con: Connection, database: str, hook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The target refused a warning and is left alone for ten minutes, but for what is more severe."""
    monkeypatch.setattr(sending, "FIRST_PAUSE_S", 600.0)
    config = config_of(hook_target(tmp_path, hook))
    hook.answer = 500
    await enqueue(con, config, T0 + HOUR_US)
    async with running(database, config):
        await until(lambda: con.fetchval("SELECT attempts = 1 FROM core.notification"))
        hook.answer = 200
        await clock_doubts.doubt(con, "ingest 0", clock_doubts.DIFFERS, HOUR_US)
        await look(con, "ClockDiffers")
        await until(lambda: hook.posts, 30)
    assert hook.posts[0]["title"].split()[1] == "critical]"


async def test_a_fifth_of_a_minutes_share_is_kept_for_what_is_critical(
    con: Connection, database: str, hook: Hook, tmp_path: Path
) -> None:
    """Of ten messages a minute warnings have eight; a critical one that comes then goes at once, before the rest."""
    for index in range(9):
        await take(con, await add_counter(con, meter=f"x{index}"), [(T0, 0)])
    await look(con, "MeterSilent", T0 + HOUR_US)
    target = hook_target(tmp_path, hook, per_minute=10)
    await enqueue(con, config_of(target), T0 + HOUR_US)
    channel = AppriseChannel(target, LOOPBACK)
    async with await open_pool(database, name="test", size=2) as pool:
        assert [await send_next(pool, target, channel) for _ in range(9)] == [True] * 8 + [None]
        await clock_doubts.doubt(con, "ingest 0", clock_doubts.DIFFERS, HOUR_US)
        await look(con, "ClockDiffers")
        await enqueue(con, config_of(target), T0 + HOUR_US)
        assert [await send_next(pool, target, channel) for _ in range(2)] == [True, None]
    assert "ClockDiffers" in hook.posts[-1]["title"]
