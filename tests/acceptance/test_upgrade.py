"""An upgrade with a new accounting rule: the command rebuilds the books while meters send, and may be killed."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from services.ledger.booking import Books
from services.ledger.verify import verify
from services.model import Arrival
from tests.ingest_rig import (
    START,
    STEP_US,
    command,
    connection,
    counted,
    environment,
    make_fleet,
    settings_for,
    until,
    worker,
)
from tests.mqtt import publish
from tests.older_books import an_older_rule, older

if TYPE_CHECKING:
    from services.store.pool import Connection
    from tests.ingest_rig import Fleet

METERS = 40
BOOKED = 200
"""Readings of each meter that an older rule has booked."""
SENT = 5
"""Readings of each meter that come during the upgrade."""
MIGRATE = (sys.executable, "-m", "tanfeng", "migrate")


async def old_books(con: Connection) -> Fleet:
    """A fleet whose books an older rule made: a jump of 9 kWh a minute was beyond its bounds."""
    fleet = await make_fleet(con, METERS)
    async with an_older_rule(con, "200"), con.transaction():
        arrivals = [
            Arrival(register, START + n * STEP_US, n * 1000 + n // 50 * 8000, None, START + n * STEP_US)
            for register in fleet.registers
            for n in range(BOOKED)
        ]
        await Books().book(con, arrivals)
    return fleet


def migrated(dsn: str) -> str:
    """What `tanfeng migrate` says, run to its end."""
    done = subprocess.run(MIGRATE, env=environment(dsn, ""), capture_output=True, text=True, check=True)
    return done.stdout


async def differences(con: Connection) -> list[str]:
    """Where the books are not what the readings say."""
    return [finding.place async for finding in verify(con)]


async def test_readings_that_come_during_an_upgrade_wait_at_the_broker_and_are_booked_after_it(
    database: str, mosquitto: str
) -> None:
    """Ingest holds them unacknowledged and says what to run; once the books are rebuilt it goes on by itself."""
    async with connection(database) as con:
        fleet = await old_books(con)
        async with worker(settings_for(database, mosquitto)) as running:
            first = BOOKED + BOOKED // 50 * 8
            await publish(mosquitto, fleet.posts(METERS * SENT, first=first))
            await until(lambda: "tanfeng migrate" in running.metrics.database.problem)
            assert await counted(con, "messages") == 0
            assert await older(con) == METERS
            assert f"{METERS} registers" in migrated(database)
            await until(lambda: handled(con, METERS * SENT))
        assert await counted(con, "accepted") == METERS * SENT
        assert await differences(con) == []
        assert "registers" not in migrated(database)


async def handled(con: Connection, messages: int) -> bool:
    """Whether ingest has committed so many messages."""
    return await counted(con, "messages") == messages


@pytest.mark.parametrize("place", [1, METERS // 2, METERS - 1])
async def test_a_rebuild_killed_in_the_midst_of_a_register_goes_on_where_it_was(database: str, place: int) -> None:
    """Those before it are done, its own books are as they were, and a second run ends with books that verify."""
    async with connection(database) as con, connection(database) as other:
        fleet = await old_books(con)
        await stop_at(other, fleet.registers[place])
        with command("migrate", env=environment(database, "")) as process:
            await until(lambda: waits(con))
            assert process.poll() is None
            process.kill()
        await other.execute("ROLLBACK")
        await until(lambda: is_gone(con))
        assert await older(con) == METERS - place
        wrong = {name.split()[0] for name in await differences(con)}
        assert wrong == {f"works/m{n}/import" for n in range(place, METERS)}
        assert f"{METERS - place} registers" in migrated(database)
        assert await differences(con) == []


async def stop_at(con: Connection, register_id: int) -> None:
    """Keep a row that the rebuild of this register writes last."""
    await con.execute("BEGIN")
    await con.execute(
        "SELECT FROM core.energy_scope_day d JOIN core.register_scope s USING (site_id)"
        f" WHERE s.register_id = {register_id} FOR UPDATE OF d"
    )


async def waits(con: Connection) -> bool:
    """Whether the rebuild stands still in the midst of a register."""
    return bool(
        await con.fetchval(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'tanfeng-migrate'"
            " AND datname = current_database() AND wait_event_type = 'Lock')"
        )
    )


async def is_gone(con: Connection) -> bool:
    """Whether the server has noticed that the rebuild was killed."""
    return not await con.fetchval(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'tanfeng-migrate'"
        " AND datname = current_database())"
    )
