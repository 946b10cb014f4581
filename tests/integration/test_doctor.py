"""`tanfeng doctor` on real servers that are ill in one way each, and on ones that are well."""

from __future__ import annotations

import json
import os
import shutil
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from services.model import SECOND_US
from services.settings import Settings
from services.store.queries import SQL
from tanfeng.doctor.examine import examine
from tanfeng.doctor.place import Place
from tanfeng.embedded.child import Child
from tanfeng.embedded.ports import answers, free_port
from tests import servers
from tests.ingest_rig import connection, make_fleet, settings_for, until, worker
from tests.mqtt import publish
from tests.programs import Site
from tests.unit.test_doctor import made

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.store.pool import Connection
    from tanfeng.doctor.finding import Finding

HOUR_US = 3600 * SECOND_US


def place(dsn: str, url: str, **more: Any) -> Place:
    """An installation on these servers."""
    return Place(Settings(database_dsn=SecretStr(dsn), broker_url=SecretStr(url), **more))


async def look(where: Place) -> dict[str, Finding]:
    """What is found, by check."""
    return {finding.check: finding for finding in await examine(where)}


@contextmanager
def broker(*lines: str) -> Iterator[tuple[servers.Running, int]]:
    """A Mosquitto with these lines of configuration and its own defaults for all else; `%` is its folder."""
    program = servers.mosquitto_program()
    with servers.scratch("mosquitto") as folder:
        port = free_port()
        text = "\n".join((f"listener {port} 127.0.0.1", "allow_anonymous true", *lines, ""))
        root = "user root\n" if os.geteuid() == 0 else ""
        config = folder / "mosquitto.conf"
        config.write_text(root + text)
        command = (str(program), "-c", str(config))
        running = servers.Running(Child("mosquitto", command, ready=lambda _pid: answers(port)), folder / "log")
        running.start()
        try:
            yield running, port
        finally:
            running.stop()


async def test_a_broker_with_default_limits_drops_messages_and_is_an_error(database: str) -> None:
    """Mosquitto keeps 1,000 of 2,000; the probe leaves nothing behind, so that the next one finds the same."""
    with broker() as (_, port):
        for _ in range(2):
            found = (await look(place(database, f"mqtt://127.0.0.1:{port}")))["queue"]
            assert (found.level, "1,000 of 2,000" in found.what.en) == ("error", True)
            assert found.fix is not None
            assert "max_queued_messages" in found.fix.en


async def test_a_broker_with_a_deep_queue_and_few_in_flight_is_a_warning(database: str) -> None:
    """20 at a time, Mosquitto's default."""
    with broker("max_queued_messages 100000") as (_, port):
        found = (await look(place(database, f"mqtt://127.0.0.1:{port}")))["queue"]
    assert (found.level, "20 messages at a time" in found.what.en) == ("warning", True)


async def test_with_our_settings_the_broker_is_well(database: str, mosquitto: str) -> None:
    """Queue, version and $SYS."""
    found = await look(place(database, mosquitto))
    assert {found[check].level for check in ("queue", "broker version", "dropped", "certificate")} == {"ok"}
    assert "mosquitto version" in found["broker version"].what.en


async def test_a_broker_that_gives_no_right_to_probe_is_unknown(database: str) -> None:
    """An ACL of before the probe: the fix is to write it again."""
    with servers.scratch("acl") as folder:
        (folder / "acl").write_text("topic readwrite keu/v1/#\n")
        with broker(f"acl_file {folder}/acl") as (_, port):
            found = await look(place(database, f"mqtt://127.0.0.1:{port}"))
    assert (found["queue"].level, found["broker version"].level) == ("unknown", "unknown")
    assert "tanfeng access broker" in str(found["queue"].fix)


async def test_a_certificate_that_ends_in_three_days_is_an_error_and_an_untrusted_one_too(
    database: str, tmp_path: Path
) -> None:
    """Its end is read although nobody trusts it."""
    made(tmp_path, 3)
    files = (f"certfile {tmp_path}/server.crt", f"keyfile {tmp_path}/server.key")
    with broker(*files) as (_, port):
        found = await look(place(database, f"mqtts://127.0.0.1:{port}"))
    assert (found["trust"].level, found["certificate"].level) == ("error", "error")
    assert "in 3 days" in found["certificate"].what.en
    assert "self-signed" in found["trust"].what.en


@pytest.fixture
def own_postgres() -> Iterator[tuple[servers.Postgres, str]]:
    """A server of this test alone, of a build that knows TLS, and a migrated database in it."""
    programs = servers.timescale_programs()
    with servers.postgres_server(programs, servers.TIMESCALE) as server, server.database(server.make_template()) as dsn:
        yield server, dsn


async def test_the_databases_certificate_is_looked_at_too(
    own_postgres: tuple[servers.Postgres, str], tmp_path: Path, mosquitto: str
) -> None:
    """A real server with a certificate of its own that ends in 20 days; in clear text on this machine it has none."""
    made(tmp_path, 20)
    running, dsn = own_postgres
    assert "database certificate" not in await look(place(dsn, mosquitto))
    data, owner = running.server.data, running.server.data.stat()
    for name in ("server.crt", "server.key"):
        shutil.copy(tmp_path / name, data / name)
        os.chown(data / name, owner.st_uid, owner.st_gid)
        (data / name).chmod(0o600)
    async with connection(dsn) as con:
        await con.execute("ALTER SYSTEM SET ssl = on")
        await con.execute("SELECT pg_reload_conf()")
    found = await until(lambda: _certified(dsn, mosquitto))
    assert (found.level, "in 20 days" in found.what.en) == ("warning", True)
    assert "pg_reload_conf" in str(found.fix)


async def _certified(dsn: str, mosquitto: str) -> Finding | None:
    return (await look(place(dsn, mosquitto))).get("database certificate")


async def test_servers_that_are_away_are_errors_and_the_rest_is_checked() -> None:
    """Neither database nor broker."""
    dsn = f"postgresql://x@127.0.0.1:{free_port()}/x"
    found = await look(place(dsn, f"mqtt://127.0.0.1:{free_port()}", horizon_days=0))
    assert (found["database"].level, found["broker"].level, found["retention"].level) == ("error", "error", "warning")


async def test_an_empty_database_is_told_to_migrate(empty_database: str, mosquitto: str) -> None:
    """What needs tables is unknown, not a crash."""
    found = await look(place(empty_database, mosquitto))
    assert (found["schema"].level, found["sessions"].level) == ("error", "unknown")
    assert str(found["schema"].fix and found["schema"].fix.en) == "tanfeng migrate"


async def test_a_failed_job_of_timescaledb_is_an_error_until_maintenance_has_run_it(
    timescale_database: str, mosquitto: str
) -> None:
    """A row of TimescaleDB's own history of jobs."""
    async with connection(timescale_database) as con:
        await fail_job(con, 1001)
        found = await look(place(timescale_database, mosquitto))
        assert (found["jobs"].level, "24000" in found["jobs"].what.en) == ("error", True)
        await con.execute(SQL["maintenance_record"], "job 1001", time.time_ns() // 1000, "done", "")
    assert (await look(place(timescale_database, mosquitto)))["jobs"].level == "ok"


async def fail_job(con: Connection, number: int) -> None:
    """What the scheduler records of a job that ended with SQLSTATE 24000."""
    data = json.dumps({"error_data": {"sqlerrcode": "24000", "message": 'cannot drop portal ""'}})
    await con.execute(
        "INSERT INTO _timescaledb_internal.bgw_job_stat_history"
        " (job_id, pid, execution_start, execution_finish, succeeded, data) VALUES ($1, 1, now(), now(), false, $2)",
        number,
        data,
    )


async def test_a_slot_that_nobody_holds_is_an_orphaned_session(database: str, mosquitto: str) -> None:
    """Beside a worker that runs; it is told with its number."""
    async with connection(database) as con:
        await con.execute("INSERT INTO core.ingest_slot (slot, last_used_at) VALUES (7, now() - interval '1 hour')")
        found = await look(place(database, mosquitto))
        assert (found["ingest"].level, found["sessions"].level) == ("error", "error")
        assert "slots 7 (60 min)" in found["sessions"].what.en
        async with worker(settings_for(database, mosquitto, ingest_group="doctor", drain_s=0.1)):
            await until(lambda: forgotten(con, 7))
            found = await look(place(database, mosquitto))
            assert (found["ingest"].level, found["sessions"].level) == ("ok", "ok")
            assert "slots 0" in found["ingest"].what.en


async def forgotten(con: Connection, slot: int) -> bool:
    """Whether the slot's session was closed."""
    return not await con.fetchval("SELECT EXISTS (SELECT FROM core.ingest_slot WHERE slot = $1)", slot)


@pytest.mark.parametrize(("ahead", "level"), [(0, "ok"), (1, "warning"), (3, "error")])
async def test_readings_from_the_future_tell_whose_clock_is_wrong(
    database: str, mosquitto: str, ahead: int, level: str
) -> None:
    """One of four meters: its own; most of them: the machine's that ingests."""
    async with connection(database) as con:
        await make_fleet(con, 4)
        now = time.time_ns() // 60_000_000_000 * 60
        async with worker(settings_for(database, mosquitto, ingest_group=f"doctor{ahead}")):
            posts = [
                (f"keu/v1/works/m{meter}/readings", reading(now + (200 if meter < ahead else -300)))
                for meter in range(4)
            ]
            await publish(mosquitto, posts)
            await until(lambda: con.fetchval("SELECT count(*) = 4 FROM core.reading"))
    found = (await look(place(database, mosquitto)))["meter clocks"]
    assert found.level == level
    assert ("works/m0/import" in found.what.en) == (ahead == 1)


async def test_a_meter_whose_clock_is_steadily_behind_is_named_and_a_backlog_is_not(
    database: str, mosquitto: str
) -> None:
    """Readings of eight hours ago, one after the other; the other meter's old readings came all at once."""
    async with connection(database) as con:
        behind, backlog, *_ = (await make_fleet(con, 2)).registers
        await con.execute("UPDATE core.register_policy SET interval_s = 60")
        now = time.time_ns() // 60_000_000_000 * 60 * SECOND_US
        for minute in range(5):
            at = now - 8 * HOUR_US - minute * 60 * SECOND_US
            for register, received in ((behind, at + 8 * HOUR_US), (backlog, now)):
                await con.execute(
                    "INSERT INTO core.reading (register_id, read_at, value, lag_s) VALUES ($1, $2, 0, $3)",
                    register,
                    at,
                    (received - at) // SECOND_US,
                )
        await con.execute("UPDATE core.register_state SET newest_at = $1", now - 8 * HOUR_US)
    found = (await look(place(database, mosquitto)))["meters behind"]
    assert found.level == "warning"
    assert found.what.en == "Clocks of 1 meters are behind: works/m0 8 h behind (naive_zone?)."


def reading(at_s: int) -> bytes:
    """A reading of this second."""
    return json.dumps({"read_at": at_s, "registers": {"import": 1}}).encode()


async def test_disk_days_follow_from_what_a_day_of_readings_took(database: str, mosquitto: str) -> None:
    """Unknown before a day of ingest; then bytes a reading times readings a day against the room of the disk."""
    async with connection(database) as con:
        assert (await look(place(database, mosquitto)))["disk"].level == "unknown"
        (register,) = (await make_fleet(con, 1)).registers
        hour = time.time_ns() // 1000 // HOUR_US * HOUR_US
        await con.execute("INSERT INTO core.reading_day VALUES ($1, current_date, 1000)", register)
        await con.execute("INSERT INTO core.ingest_minute VALUES ($1, 0, 1, 1000, 0, 0, 0, 1)", hour - 48 * HOUR_US)
        assert (await look(place(database, mosquitto)))["disk"].level == "ok"
        # as if the same bytes were of one reading, and a day brought a hundred million
        await con.execute("UPDATE core.reading_day SET received = 1")
        await con.execute("UPDATE core.ingest_hour SET accepted = 200000000")
    assert (await look(place(database, mosquitto)))["disk"].level == "error"


def test_the_command_prints_the_fix_and_ends_with_1(database: str, mosquitto: str) -> None:
    """For people and for programs."""
    here = Site(database, mosquitto)
    said = here.tanfeng("doctor", code=1)
    assert "错误 error · ingest" in said
    assert "启动 tanfeng ingest" in said
    findings = json.loads(here.tanfeng("doctor", "--json", code=1))
    assert {"check", "level", "what", "fix"} == set(findings[0])
    assert {each["level"] for each in findings} <= {"ok", "warning", "error", "unknown"}
