"""Warnings through the command line: `tanfeng evaluate` as a process, its notifications, and what a person does."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from services.alerts.catalogue import RULES
from services.store.pool import connect
from tests.alert_rig import MINUTE_US, add_counter, take
from tests.ingest_rig import until
from tests.programs import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

QUARTER = 15 * MINUTE_US


@pytest.fixture
async def here(database: str, mosquitto: str) -> Site:
    """A database in which a meter was swapped an hour ago, and a broker."""
    con = await connect(database, name="test")
    register = await add_counter(con)
    start = time.time_ns() // 1000 - 5 * QUARTER
    await take(con, register, [(start, 1_000_000), (start + QUARTER, 1_010_000)])
    await take(con, register, [(start + n * QUARTER, 7_000_000_000 + n * 10_000) for n in range(2, 6)])
    await con.close()
    return Site(database, mosquitto)


@contextmanager
def evaluating(here: Site, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A running `tanfeng evaluate`; must end in order."""
    command = (sys.executable, "-m", "tanfeng", "evaluate")
    with subprocess.Popen(command, env=here.environment | environment) as process:
        try:
            yield process
        finally:
            process.terminate()
    assert process.returncode == 0


@contextmanager
def hearing(url: str) -> Iterator[list[MQTTMessage]]:
    """What is published on the alerts' topics."""
    heard: list[MQTTMessage] = []
    broker, subscribed = urlsplit(url), threading.Event()
    client = Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set(broker.username, broker.password)
    client.on_message = lambda _client, _data, message: heard.append(message)
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect(str(broker.hostname), int(broker.port or 0))
    client.subscribe("keu/v1/+/alerts", qos=1)
    client.loop_start()
    subscribed.wait(10)
    try:
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()


async def test_a_break_is_raised_published_acknowledged_and_over(here: Site) -> None:
    """From the commit to the MQTT topic, the list, the acknowledgement and the history; by two evaluators, once."""
    with hearing(here.broker) as heard, evaluating(here), evaluating(here):
        await until(lambda: heard)
        sent = json.loads(heard[0].payload)
        assert (heard[0].topic, sent["rule"], sent["kind"]) == ("keu/v1/works/alerts", "RegisterBreak", "firing")
        number = str(sent["alert_id"])
        listed = await asyncio.to_thread(here.tanfeng, "alerts", "list")
        assert "RegisterBreak" in listed
        shown = await asyncio.to_thread(here.tanfeng, "alerts", "show", number)
        assert "1 处表码断裂" in shown
        assert "rule_version: 1" in shown
        await asyncio.to_thread(here.tanfeng, "alerts", "ack", number, "--as", "li", "--comment", "表已更换，补申明")
        await until(lambda: len(heard) > 1)
        assert json.loads(heard[1].payload)["kind"] == "resolved"
    assert len(heard) == 2
    history = here.tanfeng("alerts", "history", number)
    assert [line.split()[-1] for line in history.splitlines() if "firing" in line] == ["firing"]
    assert "li：表已更换，补申明" in history
    assert "没有预警" in here.tanfeng("alerts", "list")
    assert "RegisterBreak" in here.tanfeng("alerts", "list", "--all")


def test_rules_are_checked_set_and_their_versions_listed(here: Site, tmp_path: Path) -> None:
    """A wrong file names its line and writes nothing."""
    file = tmp_path / "rules.yaml"
    file.write_text(here.tanfeng("rules", "default"), "utf-8")
    assert f"{len(RULES)} / {len(RULES)}" in here.tanfeng("rules", "check", str(file))
    assert "没有改动" in here.tanfeng("rules", "apply", str(file), "--as", "li")
    file.write_text("rules:\n  PueHigh: {above: 1.4, clear: 1.35}\n", "utf-8")
    assert "changed: PueHigh" in here.tanfeng("rules", "apply", str(file), "--as", "li")
    history = here.tanfeng("rules", "history", "PueHigh")
    assert [line.split()[1] for line in history.splitlines()] == ["v1", "v2"]
    assert "above=1.4" in history
    file.write_text("rules:\n  PueHigh: {above: 1.4, clear: 1.45}\n", "utf-8")
    here.tanfeng("rules", "check", str(file), code=2)
    here.tanfeng("rules", "apply", str(file), "--as", "li", code=2)


def test_maintenance_is_planned_listed_and_cancelled(here: Site) -> None:
    """With its site, its reason, and who planned it."""
    planned = here.tanfeng("maintenance", "plan", "works-m1", "--until", "4h", "--reason", "检修变压器", "--as", "li")
    assert "planned as maintenance 1" in planned
    listed = here.tanfeng("maintenance", "list")
    assert "works-m1" in listed
    assert "active" in listed
    here.tanfeng("maintenance", "cancel", "1", "--as", "li")
    assert "没有检修" in here.tanfeng("maintenance", "list")
    assert "cancelled" in here.tanfeng("maintenance", "list", "--all")
    here.tanfeng("maintenance", "plan", "nowhere", "--until", "4h", "--reason", "x", "--as", "li", code=2)


def test_a_wrong_file_of_targets_ends_the_evaluator_with_the_line(here: Site, tmp_path: Path) -> None:
    """Before anything is evaluated."""
    file = tmp_path / "notify.yaml"
    file.write_text("targets:\n  duty: {address_file: missing}\n", "utf-8")
    environment = here.environment | {"TANFENG_NOTIFY_FILE": str(file)}
    command = (sys.executable, "-m", "tanfeng", "evaluate")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "line 2: target duty: there is no file missing" in done.stderr


def test_the_example_of_targets_is_checked_and_a_wrong_address_named_without_showing_it(
    here: Site, tmp_path: Path
) -> None:
    """With an address file for each target."""
    example = Path(__file__).parents[2] / "examples" / "notify.yaml"
    file = tmp_path / "notify.yaml"
    file.write_text(example.read_text("utf-8"), "utf-8")
    (tmp_path / "secrets").mkdir()
    addresses = {
        "dingtalk": "dingtalk://0123456789abcdef",
        "wecom": "wecombot://0123456789abcdef",
        "feishu": "feishu://0123456789abcdef",
        "mail": "mailtos://user:password@example.com?to=duty@example.com",
        "hook": "jsons://example.com/path",
    }
    for name, address in addresses.items():
        (tmp_path / "secrets" / name).write_text(address)
    configured = Site(here.dsn, here.broker, {"TANFENG_NOTIFY_FILE": str(file)})
    checked = configured.tanfeng("notify", "check")
    assert checked.count("可用 sound") == 6
    (tmp_path / "secrets" / "hook").write_text("exec://rm")
    refused = configured.tanfeng("notify", "check", code=2)
    assert "the scheme is not allowed" in refused
    assert "exec" not in refused
    assert "没有待发的通知" in configured.tanfeng("notify", "waiting")
