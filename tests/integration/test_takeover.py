"""Whoever has an enterprise's password connects under the ids of ingest: its queue and its readings stay whole."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from ingest.subscriber import Group, broker_of
from services.ledger import sessions
from services.settings import Settings
from services.store.migrate import migrate
from tanfeng.doctor import jobs
from tanfeng.doctor.mqtt import visitor
from tests import servers
from tests.ingest_rig import connection, counted, make_fleet, settings_for, stored, until, worker
from tests.mqtt import publish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.store.pool import Connection

PASSWORDS: Final = {"tanfeng": "operator", "works": "of-works", "steel": "of-steel"}
INSTALLED: Final = Path("/usr/sbin/mosquitto")
"""Debian bookworm's, 2.0.11, where it is installed; the one of scripts/servers is 2.0.21."""


@pytest.fixture(params=["servers", "installed"])
def broker(request: pytest.FixtureRequest) -> Iterator[servers.MqttBroker]:
    """A broker with passwords and an ACL, of both versions."""
    if request.param == "installed" and not INSTALLED.exists():
        pytest.skip(f"no {INSTALLED}: apt-get install mosquitto")
    program = INSTALLED if request.param == "installed" else servers.mosquitto_program()
    with servers.mosquitto_broker(PASSWORDS, program=program) as running:
        yield running


def of(broker: servers.MqttBroker, user: str) -> str:
    """The broker's URL for a user."""
    return f"mqtt://{user}:{PASSWORDS[user]}@127.0.0.1:{broker.broker.port}"


async def take_over(broker: servers.MqttBroker, *ids: str) -> int:
    """Connect as steel under these ids, keeping the session and then not; how many messages came."""
    attacker, came = broker_of(Settings(broker_url=of(broker, "steel"))), 0
    for client_id in ids:
        for clean in (False, True):
            async with visitor(attacker, client_id, clean=clean) as visit:
                messages = await visit.come()
                visit.done(messages)
                came += len(messages)
    return came


GUESSES: Final = ("tanfeng-ingest-0", "tanfeng-ingest-1", "tanfeng-ingest", "tanfeng-ingest-0-")


async def test_a_takeover_while_ingest_is_down_destroys_nothing(database: str, broker: servers.MqttBroker) -> None:
    """All 1,000 acknowledged messages of another enterprise are booked once ingest is back."""
    settings = settings_for(database, of(broker, "tanfeng"))
    async with connection(database) as con:
        fleet = await make_fleet(con, 10)
        async with worker(settings):
            pass
        await publish(of(broker, "works"), fleet.posts(1000))
        assert await take_over(broker, *GUESSES) == 0
        async with worker(settings):
            await until(lambda: _holds(con, 1000))


async def test_takeovers_in_a_loop_take_nothing_from_a_running_ingest(
    database: str, broker: servers.MqttBroker
) -> None:
    """While an enterprise connects under guessed ids again and again, ingest keeps its connection and every message."""
    async with connection(database) as con:
        fleet = await make_fleet(con, 10)
        async with worker(settings_for(database, of(broker, "tanfeng"))) as running:
            attack = asyncio.create_task(_for_ever(broker))
            try:
                for part in range(20):
                    await publish(of(broker, "works"), fleet.posts(50, first=5 * part))
                await until(lambda: _holds(con, 1000))
            finally:
                attack.cancel()
            assert running.metrics.reconnects.labels("broker")._value.get() == 0
        assert await counted(con, "duplicates") == 0


async def _for_ever(broker: servers.MqttBroker) -> None:
    while True:
        await take_over(broker, *GUESSES)


async def _holds(con: Connection, count: int) -> bool:
    return await stored(con) == count


async def test_the_session_of_an_earlier_release_is_drained_once_and_ended(
    database: str, broker: servers.MqttBroker
) -> None:
    """What waits under the guessable id is booked after the upgrade; from then on nothing is queued there."""
    ours = broker_of(settings_for(database, of(broker, "tanfeng")))
    async with connection(database) as con:
        await _as_before_the_upgrade(con, slots=[0])
        fleet = await make_fleet(con, 10)
        async with visitor(ours, "tanfeng-ingest-0", clean=False) as earlier:
            assert await earlier.subscribe("keu/v1/#")
        await publish(of(broker, "works"), fleet.posts(500))
        await migrate(con)
        assert jobs.guessable(await sessions.guessable(con)).level == "error"
        async with worker(settings_for(database, of(broker, "tanfeng"))):
            await until(lambda: _holds(con, 500))
            await until(lambda: _none_guessable(con))
            await publish(of(broker, "works"), fleet.posts(500, first=50))
            await until(lambda: _holds(con, 1000))
        assert jobs.guessable(await sessions.guessable(con)).level == "ok"
        assert await counted(con, "duplicates") == 0
    async with visitor(ours, "tanfeng-ingest-0", clean=False) as visit:
        assert not visit.resumed


async def test_a_worker_follows_to_a_new_session_and_loses_nothing(
    database: str, broker: servers.MqttBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Renewed under load: every message is booked, the old session is ended, and neither id was ever logged."""
    settings = settings_for(database, of(broker, "tanfeng"), drain_s=0.2)
    async with connection(database) as con:
        fleet = await make_fleet(con, 10)
        async with worker(settings) as running:
            before = running.intake.session
            sending = asyncio.create_task(publish(of(broker, "works"), fleet.posts(20_000)))
            await until(lambda: stored(con))
            assert await sessions.retire(con, author="li") == [0]
            await sending
            await until(lambda: _holds(con, 20_000))
            await until(lambda: _is_ended(con, before))
            after = running.intake.session
        assert len({before, after}) == 2
    said = capsys.readouterr().out
    assert "slot claimed" in said
    assert not [secret for secret in (before, after) if secret in said]
    async with visitor(broker_of(settings), Group("tanfeng", is_shared=False).client_id(0, before), clean=False) as old:
        assert not old.resumed


async def test_an_enterprise_learns_nothing_of_other_clients(database: str, broker: servers.MqttBroker) -> None:
    """Neither `$SYS`, the broker's log as topics, retained messages nor what others publish reaches its user."""
    async with worker(settings_for(database, of(broker, "tanfeng"))):
        spy = broker_of(settings_for(database, of(broker, "steel")))
        async with visitor(spy, "spy") as visit:
            for topic in ("#", "$SYS/#", "$SYS/broker/log/#", "keu/v1/works/#"):
                await visit.subscribe(topic)
            await take_over(broker, "another")
            await publish(of(broker, "works"), [("keu/v1/works/m0/status", b"here")], retain=True)
            assert await visit.come() == []


async def _as_before_the_upgrade(con: Connection, slots: list[int]) -> None:
    await con.execute("DROP TABLE core.ingest_session")
    await con.execute("DELETE FROM core.schema_object WHERE name LIKE '%ingest_session%'")
    await con.execute("DELETE FROM public.schema_migration WHERE name = '0035_ingest_sessions.sql'")
    await con.executemany("INSERT INTO core.ingest_slot (slot) VALUES ($1)", [(slot,) for slot in slots])


async def _none_guessable(con: Connection) -> bool:
    return await sessions.guessable(con) == []


async def _is_ended(con: Connection, secret: str) -> bool:
    gone: bool = await con.fetchval("SELECT NOT EXISTS (SELECT FROM core.ingest_session WHERE secret = $1)", secret)
    return gone
