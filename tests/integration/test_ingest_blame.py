"""Whom ingest blames: a row that fails alone while others commit, and nothing else, whatever the SQLSTATE."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from ingest import blame
from ingest import worker as ingest_worker
from ingest.packets import Message
from ingest.worker import limits_of
from services.ledger.intake import Intake
from services.ledger.lot import Lot
from services.ledger.replay_rejected import replay
from services.store.problems import StoreAwayError
from tests import servers
from tests.ingest_rig import connection, energy, make_fleet, rejected, settings_for, stored, until, worker
from tests.mqtt import publish
from tests.unit.test_inbox import Line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from services.ledger.outcome import Outcome
    from services.store.pool import Connection
    from tests.ingest_rig import Fleet
    from tests.mqtt import Post

STATES = (
    "08006", "0A000", "21000", "22003", "23514", "25006", "28000", "40001", "42501", "53100", "54000", "55000",
    "57014", "57P01", "58030", "F0000", "P0001", "XX001",
)  # fmt: skip
"""One of each class of SQLSTATE that an INSERT may meet, or more."""
BAD = 13
"""The reading that is poison, of the first meter."""
ROOM = 1 << 30


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of proofs stays, the time between them goes."""
    monkeypatch.setattr(blame, "UNLIKELY_PAUSES_S", tuple(0 for _ in blame.UNLIKELY_PAUSES_S))


@pytest.fixture
def broker() -> Iterator[servers.MqttBroker]:
    """A broker of this test alone."""
    with servers.mosquitto_broker() as running:
        yield running


@pytest.fixture
def small_queue() -> Iterator[str]:
    """A migrated database of a server whose notification queue holds half a megabyte."""
    settings = {**servers.TIMESCALE, "max_notify_queue_pages": "64"}
    with (
        servers.postgres_server(servers.timescale_programs(), settings) as server,
        server.database(server.make_template()) as dsn,
    ):
        yield dsn


@contextlib.asynccontextmanager
async def intake_of(dsn: str, room: int = ROOM) -> AsyncIterator[Intake]:
    """An intake with a slot."""
    intake = Intake(dsn, 600, room)
    await intake.open(None)
    try:
        yield intake
    finally:
        await intake.close()


async def commit(intake: Intake, posts: list[Post]) -> Outcome:
    """Commit these messages as one batch."""
    now_us = time.time_ns() // 1000
    limits = limits_of(settings_for("postgresql://x", "mqtt://x"))
    lot = Lot(intake.version)
    for topic, payload in posts:
        lot.add(Message(topic, payload, b"", False, now_us, Line()), intake.directory, limits)  # noqa: FBT003 - a field
    return await blame.commit(intake, lot, messages=len(posts), now_us=now_us, oldest_us=now_us)


async def refuse(con: Connection, state: str, condition: str, *, deferred: bool = False) -> None:
    """Let core.reading refuse rows with this SQLSTATE, at once or only at the commit."""
    await con.execute(
        f"CREATE OR REPLACE FUNCTION core.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF {condition} THEN RAISE 'refused' USING ERRCODE = '{state}'; END IF; RETURN NEW; END $$"
    )
    kind = "CONSTRAINT TRIGGER refuse AFTER INSERT" if deferred else "TRIGGER refuse BEFORE INSERT"
    when = "DEFERRABLE INITIALLY DEFERRED" if deferred else ""
    await con.execute(f"CREATE {kind} ON core.reading {when} FOR EACH ROW EXECUTE FUNCTION core.refuse()")


async def accept(con: Connection) -> None:
    """Take every row again."""
    await con.execute("DROP TRIGGER refuse ON core.reading")


def bad_row(fleet: Fleet) -> str:
    """The condition of the one row that is poison."""
    return f"NEW.register_id = {fleet.registers[0]} AND NEW.value = {BAD * 1000}"


@pytest.mark.parametrize("state", STATES)
async def test_one_bad_row_stops_nobody(database: str, state: str) -> None:
    """Whatever it is refused with, it alone is rejected."""
    async with connection(database) as con, intake_of(database) as intake:
        fleet = await make_fleet(con, 4)
        await intake.reload()
        await refuse(con, state, bad_row(fleet))
        outcome = await commit(intake, fleet.posts(100))
        assert (outcome.accepted, dict(outcome.rejected)) == (99, {"store_error": 1})
        assert await rejected(con) == {"store_error": 1}
        assert await energy(con) == 4 * 24 * 1000


@pytest.mark.parametrize("state", STATES)
async def test_a_fault_of_the_store_condemns_nobody(database: str, state: str) -> None:
    """Every row fails, the control's too: nothing is rejected, and all is booked once the fault is gone."""
    async with connection(database) as con, intake_of(database) as intake:
        fleet = await make_fleet(con, 4)
        await intake.reload()
        await commit(intake, fleet.posts(4))
        await refuse(con, state, "true")
        for posts in (fleet.posts(100, first=1), fleet.posts(1, first=1)):
            with pytest.raises(StoreAwayError):
                await commit(intake, posts)
        assert await rejected(con) == {}
        await accept(con)
        assert (await commit(intake, fleet.posts(100))).accepted == 96


@pytest.mark.parametrize("deferred", [False, True])
async def test_a_bad_row_that_comes_alone(edition_database: str, *, deferred: bool) -> None:
    """There is no other row in its batch: another register is the control. Refused at the commit it is the same."""
    async with connection(edition_database) as con, intake_of(edition_database) as intake:
        fleet = await make_fleet(con, 4)
        await intake.reload()
        await refuse(con, "23514", bad_row(fleet), deferred=deferred)
        assert dict((await commit(intake, [fleet.post(0, BAD)])).rejected) == {"store_error": 1}
        assert (await commit(intake, [fleet.post(1, BAD)])).accepted == 1


async def test_the_control_leaves_no_trace(database: str) -> None:
    """Its reading and its rejection are taken back; only the minute knows of the attempt."""
    async with connection(database) as con, intake_of(database) as intake:
        fleet = await make_fleet(con, 2)
        await intake.reload()
        await commit(intake, fleet.posts(2))
        await refuse(con, "XX000", bad_row(fleet))
        await commit(intake, [fleet.post(0, BAD)])
        assert await stored(con) == 2
        assert await con.fetchval("SELECT count(*) FROM core.energy_15m") == 0
        assert await con.fetchval("SELECT array_agg(code) FROM core.rejection") == ["store_error"]
        assert await con.fetchval("SELECT sum(accepted) FROM core.ingest_minute") == 2


async def test_a_fault_that_hits_only_today_condemns_nobody(database: str) -> None:
    """As a partition that is missing: yesterday's rows commit, and today's are kept all the same."""
    async with connection(database) as con, intake_of(database) as intake:
        fleet = await make_fleet(con, 2)
        await intake.reload()
        await refuse(con, "23514", "NEW.read_at > now() - interval '1 hour'")
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        live = [
            (f"keu/v1/works/m{n}/readings", f'{{"read_at":"{now}","registers":{{"import":9000}}}}'.encode())
            for n in range(2)
        ]
        with pytest.raises(StoreAwayError):
            await commit(intake, [*fleet.posts(10), *live])
        assert await rejected(con) == {}


async def test_a_fold_that_fails_on_one_register_stops_no_other(database: str) -> None:
    """Its state in the database is damaged, which the fold in Python falls over."""
    async with connection(database) as con, intake_of(database) as intake:
        fleet = await make_fleet(con, 3)
        await intake.reload()
        await commit(intake, fleet.posts(3))
        await con.execute("UPDATE core.register_state SET runs = '[{}]' WHERE register_id = $1", fleet.registers[0])
        outcome = await commit(intake, fleet.posts(30, first=1))
        assert (outcome.accepted, dict(outcome.rejected)) == (20, {"store_error": 10})


async def test_a_lock_that_another_holds_condemns_nobody(database: str) -> None:
    """The register of the row stays locked through every proof; other registers go on."""
    async with connection(database) as con, connection(database) as other, intake_of(database) as intake:
        fleet = await make_fleet(con, 3)
        await intake.reload()
        assert intake._con is not None
        await intake._con.execute("SET lock_timeout = '50ms'")
        async with other.transaction():
            await other.execute("SELECT FROM core.register_state WHERE register_id = $1 FOR UPDATE", fleet.registers[0])
            with pytest.raises(StoreAwayError):
                await commit(intake, fleet.posts(9))
        assert await rejected(con) == {}
        assert (await commit(intake, fleet.posts(9))).accepted + await stored(con) >= 9


async def test_a_flood_of_notifications_loses_and_rejects_nothing(small_queue: str, broker: servers.MqttBroker) -> None:
    """The queue stays full behind a session that listens in an open transaction; booking goes on as if nothing were."""
    async with connection(small_queue) as con, connection(small_queue) as listener, connection(small_queue) as flood:
        fleet = await make_fleet(con, 20)
        await listener.execute("LISTEN flood")
        await listener.execute("BEGIN")
        await listener.execute("SELECT 1")
        await fill_queue(flood)
        async with worker(settings_for(small_queue, broker.url)):
            await publish(broker.url, fleet.posts(2000))
            await until(lambda: holds(con, 2000))
        assert await con.fetchval("SELECT pg_notification_queue_usage()") > 0.9
        assert await rejected(con) == {}
        assert await energy(con) == 20 * 99 * 1000


async def fill_queue(con: Connection) -> None:
    """Notify until the queue takes no more."""
    with contextlib.suppress(asyncpg.ProgramLimitExceededError):
        for n in range(10_000):
            await con.execute("SELECT pg_notify('flood', $1)", f"{n:07900}")


async def test_a_refused_message_is_kept_whole_once_and_can_be_replayed(database: str) -> None:
    """However long: 40 kB with three bad readings are stored once, and each of the three is booked after the fix."""
    async with connection(database) as con, intake_of(database) as intake:
        fleet = await make_fleet(con, 1)
        await intake.reload()
        bodies = [fleet.post(0, n)[1] for n in range(600)]
        whole = b"[" + b",".join(bodies) + b"]"
        await refuse(con, "22000", "NEW.value IN (5000, 6000, 7000)")
        await commit(intake, [("keu/v1/works/m0/readings", whole)])
        sizes = await con.fetchval("SELECT array_agg(octet_length(payload) ORDER BY rejection_id) FROM core.rejection")
        assert sizes == [len(whole), 8192, 8192]
        await accept(con)
        ids = [row["rejection_id"] for row in await con.fetch("SELECT rejection_id FROM core.rejection ORDER BY 1")]
        done = await replay(con, ids, limits_of(settings_for(database, "mqtt://x")), "tester")
        assert [(each.still, each.accepted) for each in done] == [("", 3), ("", 0), ("", 0)]
        assert await energy(con) == 599 * 1000


async def test_beyond_their_budget_refused_messages_wait_at_the_broker(
    database: str, broker: servers.MqttBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not acknowledged and not dropped: with more room they are stored."""
    monkeypatch.setattr(ingest_worker, "GRACE_S", 0.1)
    async with connection(database) as con:
        fleet = await make_fleet(con, 5)
        await refuse(con, "22000", bad_row(fleet))
        async with worker(settings_for(database, broker.url, refused_bytes=0)) as running:
            await publish(broker.url, [fleet.post(0, BAD)])
            await until(lambda: "TANFENG_REFUSED_BYTES" in running.metrics.database.problem)
            assert running.inbox.held_messages == 1
            assert await rejected(con) == {}
        async with worker(settings_for(database, broker.url)):
            await until(lambda: rejected(con))
        assert await rejected(con) == {"store_error": 1}


async def holds(con: Connection, count: int) -> bool:
    """Whether so many readings are stored."""
    return await stored(con) == count


async def test_asking_again_waits_longer_each_time(database: str, broker: servers.MqttBroker) -> None:
    """A store that answers but takes nothing is not asked a hundred times a second."""
    async with connection(database) as con:
        fleet = await make_fleet(con, 2)
        await refuse(con, "53100", "true")
        async with worker(settings_for(database, broker.url)) as running:
            await publish(broker.url, fleet.posts(2))
            await until(lambda: failures(running) >= 4)
            started = time.monotonic()
            await until(lambda: failures(running) >= 6)
            assert time.monotonic() - started > 0.1 * 2**4 / 2
            await accept(con)
            await until(lambda: holds(con, 2))
            await until(lambda: running.metrics.database.is_here)


def failures(running: Any) -> int:
    """How often the database was found away."""
    return int(running.metrics.reconnects.labels("database")._value.get())
