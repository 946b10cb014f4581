"""Notifications to real servers: an HTTP server on loopback, and Mosquitto."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from services.alerting.model import Severity
from services.alerts import silences
from services.alerts.acts import acknowledge
from services.notify.channel import AppriseChannel
from services.notify.config import MQTT, Config, Route, Target
from services.notify.mqtt import MqttChannel
from services.notify.sending import enqueue, send_next
from services.store.pool import open_pool
from tests.alert_rig import DAY_US, HOUR_US, MINUTE_US, add_counter, alerts, look, take
from tests.figure_world import instant
from tests.ingest_rig import until
from tests.notify_rig import ALL, LOOPBACK, SECRET, Hook, config_of, hook_target, running, with_alert

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


async def test_an_alert_reaches_its_webhook_in_chinese_and_english(
    con: Connection, database: str, hook: Hook, tmp_path: Path
) -> None:
    """Once, however often it is found due; its end is told too."""
    config = config_of(hook_target(tmp_path, hook))
    now = T0 + HOUR_US
    assert await enqueue(con, config, now) == 1
    assert await enqueue(con, config, now) == 0
    async with running(database, config):
        await until(lambda: hook.posts)
    (post,) = hook.posts
    assert post["title"].startswith("[预警 warning] 发生 firing · MeterSilent #")
    assert "1 块表无数据" in post["message"]
    assert "1 meters silent" in post["message"]


async def test_a_target_that_is_down_loses_nothing_and_holds_up_nobody(
    con: Connection, database: str, hook: Hook, tmp_path: Path
) -> None:
    """The other target has it at once; the one that was down has it when it is back."""
    broken = Hook()
    broken.answer = 500
    config = config_of(hook_target(tmp_path, broken, "broken"), hook_target(tmp_path, hook, "well"))
    await enqueue(con, config, T0 + HOUR_US)
    async with running(database, config):
        await until(lambda: hook.posts)
        await until(lambda: con.fetchval("SELECT attempts > 0 FROM core.notification WHERE target = 'broken'"))
        problem = await con.fetchval("SELECT problem FROM core.notification WHERE target = 'broken'")
        assert problem == "the other side answered 500"
        broken.answer = 200
        await until(lambda: broken.posts)
    assert len(hook.posts) == len(broken.posts) == 1
    assert await con.fetchval("SELECT count(*) FROM core.notification WHERE delivered_at IS NULL") == 0
    broken.stop()


async def test_a_crash_between_sending_and_marking_sends_again(
    con: Connection, database: str, hook: Hook, tmp_path: Path
) -> None:
    """At least once: a claim that nobody closed runs out."""
    target = hook_target(tmp_path, hook)
    await enqueue(con, config_of(target), T0 + HOUR_US)
    channel = AppriseChannel(target, LOOPBACK)
    async with await open_pool(database, name="test", size=2) as pool:
        assert await send_next(pool, target, channel)
        assert await send_next(pool, target, channel) is None
        await con.execute("UPDATE core.notification SET delivered_at = NULL")
        assert await send_next(pool, target, channel) is None
        await con.execute("UPDATE core.notification SET claimed_until = now() - interval '1 second'")
        assert await send_next(pool, target, channel)
    assert len(hook.posts) == 2


async def test_nothing_is_sent_faster_than_the_targets_rate(
    con: Connection, database: str, hook: Hook, tmp_path: Path
) -> None:
    """The rest waits for the next minute."""
    for index in range(4):
        await take(con, await add_counter(con, meter=f"x{index}"), [(T0, 0)])
    await look(con, "MeterSilent", T0 + HOUR_US)
    target = hook_target(tmp_path, hook, per_minute=3)
    assert await enqueue(con, config_of(target), T0 + HOUR_US) == 5
    channel = AppriseChannel(target, LOOPBACK)
    async with await open_pool(database, name="test", size=2) as pool:
        assert [await send_next(pool, target, channel) for _ in range(4)] == [True, True, True, None]


async def test_it_is_repeated_until_acknowledged(con: Connection, database: str, hook: Hook, tmp_path: Path) -> None:
    """Every hour, once the one before was delivered; not after somebody has acknowledged it."""
    target = hook_target(tmp_path, hook)
    config = config_of(target, repeat_us=HOUR_US)
    channel = AppriseChannel(target, LOOPBACK)
    now = await con.fetchval("SELECT clock_timestamp()")
    await enqueue(con, config, now)
    assert await enqueue(con, config, now + 2 * HOUR_US) == 0, "not delivered yet"
    async with await open_pool(database, name="test", size=2) as pool:
        await send_next(pool, target, channel)
        assert await enqueue(con, config, now + MINUTE_US) == 0
        assert await enqueue(con, config, now + 2 * HOUR_US) == 1
        await send_next(pool, target, channel)
    (alert,) = await alerts(con, "MeterSilent")
    async with con.transaction():
        await acknowledge(con, alert["alert_id"], author="li", comment="在修")
    assert await enqueue(con, config, now + 9 * HOUR_US) == 0
    assert [post["title"].split()[2] for post in hook.posts] == ["发生", "仍未确认"]


async def test_maintenance_silences_its_site_is_listed_and_ends_by_itself(
    con: Connection, hook: Hook, tmp_path: Path
) -> None:
    """The alert is there all the while; it is sent when the maintenance is over and it still fires."""
    config = config_of(hook_target(tmp_path, hook))
    now = await con.fetchval("SELECT clock_timestamp()")
    async with con.transaction():
        await silences.plan(con, "works-m1", now, now + HOUR_US, reason="检修变压器", author="li")
    (row,) = await silences.listed(con, everything=False)
    assert (row["site"], row["state"], row["reason"]) == ("works-m1", "active", "检修变压器")
    assert await con.fetchval("SELECT silenced FROM report.alerts")
    assert await enqueue(con, config, now) == 0
    assert await enqueue(con, config, now + HOUR_US) == 1


async def test_historical_alerts_page_nobody_and_are_digested(con: Connection, hook: Hook, tmp_path: Path) -> None:
    """One message a day says how many there are."""
    config = config_of(hook_target(tmp_path, hook))
    await con.execute("UPDATE core.alert SET historical = true")
    now = T0 + HOUR_US
    assert await enqueue(con, config, now) == 0
    assert await enqueue(con, config, now + HOUR_US) == 1
    row = await con.fetchrow("SELECT kind, content::json ->> 'count' AS count FROM core.notification")
    assert row is not None
    assert tuple(row) == ("digest", "1")
    assert await enqueue(con, config, now + 2 * DAY_US) == 0


async def test_routes_choose_by_severity_and_enterprise(con: Connection, hook: Hook, tmp_path: Path) -> None:
    """Another enterprise's route, or one of other severities, does not take it."""
    target = hook_target(tmp_path, hook)
    assert await enqueue(con, config_of(target, enterprises=frozenset({"other"})), T0 + HOUR_US) == 0
    critical = Config({"hook": target}, (Route(("hook",), frozenset({Severity.CRITICAL}), None, 0),), LOOPBACK)
    assert await enqueue(con, critical, T0 + HOUR_US) == 0
    assert await enqueue(con, config_of(target, enterprises=frozenset({"works"})), T0 + HOUR_US) == 1


async def test_a_private_address_is_refused_unless_listed(
    con: Connection, database: str, hook: Hook, tmp_path: Path
) -> None:
    """By number and by name."""
    target = hook_target(tmp_path, hook)
    await enqueue(con, config_of(target), T0 + HOUR_US)
    async with await open_pool(database, name="test", size=2) as pool:
        for host in ("127.0.0.1", "localhost"):
            assert target.address_file is not None
            target.address_file.write_text(f"json://{host}:{hook.port}/{SECRET}")
            assert await send_next(pool, target, AppriseChannel(target, ())) is False
            await con.execute("UPDATE core.notification SET not_before = now()")
    assert hook.posts == []
    problem = await con.fetchval("SELECT problem FROM core.notification")
    assert problem == "refused: the address is private and not listed under allow_private"


async def test_a_redirect_is_not_followed(con: Connection, database: str, hook: Hook, tmp_path: Path) -> None:
    """Who may answer may not send us elsewhere."""
    other = Hook()
    hook.answer, hook.location = 307, f"http://127.0.0.1:{other.port}/"
    target = hook_target(tmp_path, hook)
    await enqueue(con, config_of(target), T0 + HOUR_US)
    async with await open_pool(database, name="test", size=2) as pool:
        assert await send_next(pool, target, AppriseChannel(target, LOOPBACK)) is False
    assert other.posts == []
    other.stop()


@pytest.mark.parametrize("scheme", ["file", "exec", "dbus", "syslog", "http", "python"])
async def test_a_scheme_that_is_not_listed_is_refused(
    con: Connection, database: str, hook: Hook, tmp_path: Path, scheme: str
) -> None:
    """Nothing but webhooks, e-mail and the three messengers."""
    target = hook_target(tmp_path, hook)
    assert target.address_file is not None
    target.address_file.write_text(f"{scheme}://127.0.0.1:{hook.port}/{SECRET}")
    await enqueue(con, config_of(target), T0 + HOUR_US)
    async with await open_pool(database, name="test", size=2) as pool:
        assert await send_next(pool, target, AppriseChannel(target, LOOPBACK)) is False
    assert str(await con.fetchval("SELECT problem FROM core.notification")).startswith("the scheme is not allowed")


async def test_an_address_is_seen_nowhere(
    con: Connection,
    database: str,
    hook: Hook,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not in the outbox, the alerts, the audit log, nor in any log, whether it works or fails."""
    caplog.set_level(logging.DEBUG)
    dead = hook_target(tmp_path, hook, "dead")
    assert dead.address_file is not None
    dead.address_file.write_text(f"json://user:{SECRET}@127.0.0.1:1/{SECRET}")
    config = config_of(hook_target(tmp_path, hook), dead)
    await enqueue(con, config, T0 + HOUR_US)
    async with running(database, config):
        await until(lambda: hook.posts)
        await until(lambda: con.fetchval("SELECT attempts > 0 FROM core.notification WHERE target = 'dead'"))
    said = capfd.readouterr()
    assert "not delivered" in said.out + said.err
    assert SECRET not in said.out + said.err + caplog.text + repr(config)
    for table in ("notification", "alert", "alert_step", "audit"):
        text = await con.fetchval(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM core.{table} t")
        assert SECRET not in text
        assert str(hook.port) not in text


async def test_an_alert_is_published_on_its_enterprises_topic(con: Connection, database: str, mosquitto: str) -> None:
    """QoS 1, as JSON; a broker that is away is waited for."""
    heard: list[MQTTMessage] = []
    broker = urlsplit(mosquitto)
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _client, _data, message: heard.append(message)
    subscribed = threading.Event()
    client.on_subscribe = lambda *_: subscribed.set()
    client.username_pw_set(broker.username, broker.password)
    client.connect(str(broker.hostname), int(broker.port or 0))
    client.subscribe("keu/v1/+/alerts", qos=1)
    client.loop_start()
    await asyncio.to_thread(subscribed.wait, 10)
    target = Target(MQTT, MQTT, None, 600)
    config = Config({MQTT: target}, (Route((MQTT,), ALL, None, 0),))
    await enqueue(con, config, T0 + HOUR_US)
    async with await open_pool(database, name="test", size=2) as pool:
        away = MqttChannel("mqtt://127.0.0.1:1", None)
        assert await send_next(pool, target, away) is False
        await con.execute("UPDATE core.notification SET not_before = now()")
        channel = MqttChannel(mosquitto, None)
        assert await send_next(pool, target, channel)
        await until(lambda: heard)
        await channel.close()
    client.disconnect()
    client.loop_stop()
    (message,) = heard
    sent = json.loads(message.payload)
    assert (message.topic, message.qos) == ("keu/v1/works/alerts", 1)
    assert (sent["rule"], sent["state"], sent["colour"]) == ("MeterSilent", "firing", "yellow")
