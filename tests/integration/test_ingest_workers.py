"""Several workers on one subscription: slots, the queues of the dead, and processes that end in order."""

from __future__ import annotations

import asyncio
import json
import signal
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import psutil
import pytest

from ingest import worker as ingest_worker
from services.ledger import intake, slots
from tests import servers
from tests.ingest_rig import (
    command,
    connection,
    counted,
    energy,
    environment,
    make_fleet,
    settings_for,
    stored,
    until,
    worker,
)
from tests.mqtt import publish, publisher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ingest.worker import Worker
    from services.store.pool import Connection


@pytest.fixture
def broker() -> Iterator[servers.MqttBroker]:
    """A broker of this test alone."""
    with servers.mosquitto_broker() as running:
        yield running


async def test_workers_take_slots_and_share_the_messages(database: str, broker: servers.MqttBroker) -> None:
    """Each has a session of its own; together they book every message once."""
    settings = settings_for(database, broker.url)
    async with connection(database) as con:
        fleet = await make_fleet(con, 20)
        async with worker(settings, workers=2) as one, worker(settings, workers=2) as two:
            assert {one.intake.slot, two.intake.slot} == {0, 1}
            await publish(broker.url, fleet.posts(4000))
            await until(lambda: holds(con, 4000))
        shares = [
            row["n"] for row in await con.fetch("SELECT sum(messages) AS n FROM core.ingest_minute GROUP BY slot")
        ]
        assert len(shares) == 2
        assert sum(shares) == 4000
        assert await energy(con) == 20 * 199 * 1000


async def test_the_queue_of_a_worker_that_is_gone_is_drained_and_closed(
    database: str, broker: servers.MqttBroker
) -> None:
    """Scaled from two workers to one: what its session was given is booked, and its session ends."""
    async with connection(database) as con:
        fleet = await make_fleet(con, 20)
        settings = settings_for(database, broker.url, drain_s=0.5)
        async with worker(settings, workers=2), worker(settings, workers=2):
            pass
        await publish(broker.url, fleet.posts(2000))
        async with worker(settings, workers=1):
            await until(lambda: holds(con, 2000))
            await until(lambda: has_slots(con, [0]))
            await publish(broker.url, fleet.posts(2000, first=100))
            await until(lambda: holds(con, 4000))
        assert await counted(con, "duplicates") == 0
        assert await energy(con) == 20 * 199 * 1000


async def test_the_queue_of_a_worker_that_will_be_back_is_drained_and_kept(
    database: str, broker: servers.MqttBroker
) -> None:
    """Of two configured workers one is down: its messages are booked by the other, its session stays."""
    async with connection(database) as con:
        fleet = await make_fleet(con, 20)
        settings = settings_for(database, broker.url, drain_s=0.5)
        async with worker(settings, workers=2):
            async with worker(settings, workers=2):
                pass
            await publish(broker.url, fleet.posts(2000))
            await until(lambda: holds(con, 2000))
            assert await has_slots(con, [0, 1])
            async with worker(settings, slot=1, workers=2) as back:
                assert back.intake.slot == 1


async def test_a_worker_whose_slot_was_taken_claims_another(
    database: str, broker: servers.MqttBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease went with the database connection; it leaves the session to the new owner."""
    monkeypatch.setattr(intake, "RECLAIM_S", 0.5)
    async with connection(database) as con, connection(database) as thief:
        fleet = await make_fleet(con, 5)
        async with worker(settings_for(database, broker.url)) as running:
            async with thief.transaction():
                await thief.execute("SELECT FROM core.lease FOR UPDATE")
                await con.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tanfeng-ingest'"
                )
                await until(lambda: is_free(con, 0))
                assert await slots.try_claim(thief, 0, "thief")
            await publish(broker.url, fleet.posts(100))
            await until(lambda: running.intake.slot == 1 and running.metrics.broker.is_here)
            await slots.release(thief, 0, "thief")
            async with worker(settings_for(database, broker.url), slot=0):
                await until(lambda: holds(con, 100))


async def test_a_worker_that_has_lost_its_slot_without_knowing_commits_nothing_as_its_holder(
    database: str, broker: servers.MqttBroker
) -> None:
    """Its session and its connection are well; the lease expired and was taken. What it holds is booked once, later."""
    async with connection(database) as con, connection(database) as thief:
        fleet = await make_fleet(con, 5)
        async with worker(settings_for(database, broker.url)) as running:
            await con.execute("UPDATE core.lease SET held_until = now()")
            assert await slots.try_claim(thief, 0, "thief")
            await publish(broker.url, fleet.posts(100))
            await until(lambda: running.intake.slot == 1 and running.metrics.broker.is_here)
            assert await stored(con) == 0
            await slots.release(thief, 0, "thief")
            async with worker(settings_for(database, broker.url), slot=0):
                await until(lambda: holds(con, 100))
        assert await counted(con, "accepted") == 100


async def test_an_idle_worker_notices_that_its_slot_went_with_the_connection(
    database: str, broker: servers.MqttBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a message to commit it connects again and holds its slot."""
    monkeypatch.setattr(ingest_worker, "WATCH_S", 0.2)
    async with connection(database) as con, worker(settings_for(database, broker.url)) as running:
        before = running.intake.epoch
        await con.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tanfeng-ingest'"
        )
        await until(lambda: running.intake.epoch > before)
        await until(lambda: is_held(con, 0))


async def test_sigterm_commits_acknowledges_and_exits_0(
    database: str, broker: servers.MqttBroker, tmp_path: Path
) -> None:
    """Under load: what was read is acknowledged, the rest waits at the broker, nothing comes twice."""
    async with connection(database) as con:
        fleet = await make_fleet(con, 20)
        log = tmp_path / "log"
        for part in range(2):
            with log.open("ab") as output, command("ingest", env=environment(database, broker.url), log=output) as run:
                await until(lambda: log.read_text().count("subscribed") > part)  # noqa: B023 - asked at once
                async with publisher(broker.url) as to:
                    sending = asyncio.create_task(to.publish(fleet.posts(10_000, first=500 * part)))
                    await until(lambda: has_more(con, 10_000 * part))  # noqa: B023 - asked at once
                    run.send_signal(signal.SIGTERM)
                    assert await asyncio.to_thread(run.wait, 20) == 0, log.read_text()
                    await sending
        async with worker(settings_for(database, broker.url)):
            await until(lambda: holds(con, 20_000))
        assert await counted(con, "duplicates") == 0
        assert await energy(con) == 20 * 999 * 1000


async def test_worker_processes_are_restarted_and_stopped_together(
    database: str, broker: servers.MqttBroker, tmp_path: Path
) -> None:
    """One of two is killed: its slot is taken again; SIGTERM to the command ends all with 0."""
    async with connection(database) as con:
        fleet = await make_fleet(con, 20)
        log = tmp_path / "log"
        env = environment(database, broker.url)
        with log.open("wb") as output, command("ingest", "--workers", "2", env=env, log=output) as run:
            await until(lambda: log.read_text().count("subscribed") == 2)
            psutil.Process(run.pid).children()[0].kill()
            await publish(broker.url, fleet.posts(2000))
            await until(lambda: log.read_text().count("subscribed") == 3)
            await until(lambda: holds(con, 2000))
            run.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(run.wait, 30) == 0, log.read_text()
        assert await con.fetchval("SELECT count(*) FROM core.ingest_slot") == 2


async def test_a_wrong_setting_ends_the_command_with_2(database: str) -> None:
    """Restarting would not help; the message names the fix."""
    for workers in ("1", "2"):
        with command("ingest", "--workers", workers, env=environment(database, "http://nowhere")) as run:
            assert await asyncio.to_thread(run.wait, 30) == 2


async def test_health_and_metrics_are_on_loopback(database: str, broker: servers.MqttBroker) -> None:
    """Ready with both servers; unhealthy when the broker has been away for long; batches are counted."""
    async with connection(database) as con:
        fleet = await make_fleet(con, 5)
        async with worker(settings_for(database, broker.url)) as running:
            await publish(broker.url, [*fleet.posts(100), (fleet.post(0, 0)[0], b"?")])
            await until(lambda: holds(con, 100))
            await until(lambda: running.inbox.held_messages == 0)
            _, text = await page(running, "/metrics")
            for line in (
                "tanfeng_ingest_messages_total 101.0",
                'tanfeng_ingest_readings_total{outcome="accepted"} 100.0',
                'tanfeng_ingest_rejections_total{code="not_json"} 1.0',
                "tanfeng_ingest_queue_messages 0.0",
                'tanfeng_ingest_connected{to="broker"} 1.0',
            ):
                assert line in text
            status, text = await page(running, "/healthz")
            assert (status, json.loads(text)["status"]) == (200, "ok")
            broker.stop()
            await until(lambda: not running.metrics.broker.is_here)
            assert (await page(running, "/healthz"))[0] == 200
            assert running.metrics.broker._away_from is not None
            running.metrics.broker._away_from -= 31
            status, text = await page(running, "/healthz")
            assert (status, json.loads(text)["broker"]["connected"]) == (503, False)
            assert (await page(running, "/"))[0] == 404
            broker.start()


async def page(running: Worker, path: str) -> tuple[int, str]:
    """A page of the worker: status and text."""
    return await asyncio.to_thread(_get, f"http://127.0.0.1:{running.port}{path}")


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own loopback page
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as problem:
        with problem:
            return problem.code, problem.read().decode()


async def holds(con: Connection, count: int) -> bool:
    """Whether so many readings are stored."""
    return await stored(con) == count


async def has_more(con: Connection, count: int) -> bool:
    """Whether more readings than this are stored."""
    return await stored(con) > count


async def has_slots(con: Connection, slots: list[int]) -> bool:
    """Whether just these slots are in use or still to be drained."""
    return [row["slot"] for row in await con.fetch("SELECT slot FROM core.ingest_slot ORDER BY slot")] == slots


async def is_held(con: Connection, slot: int) -> bool:
    """Whether somebody holds this slot."""
    found: bool | None = await con.fetchval(
        "SELECT core.lease_holds(pid, connected_at, held_until) FROM core.lease WHERE name = $1",
        slots.lease_name(slot),
    )
    return bool(found)


async def is_free(con: Connection, slot: int) -> bool:
    """Whether nobody holds this slot."""
    return not await is_held(con, slot)
