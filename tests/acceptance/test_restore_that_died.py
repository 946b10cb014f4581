"""A restore that died is told by migrate and doctor, whether scripts/restore ran it or somebody's own commands."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import asyncpg
import pytest

from services.store.pool import connect
from services.store.visit import visit
from tanfeng.doctor.examine import _schema
from tests.acceptance.test_backup import another, script
from tests.alert_rig import DAY_US, MINUTE_US, add_counter, take

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tanfeng.doctor.finding import Finding
    from tests import servers

DIES = """#!/bin/sh
# pg_restore that is killed after all rows have come, before constraints, indexes, triggers and rights
case "$1" in
*/pg_restore) "$@" --section=pre-data --section=data --no-privileges; kill -9 $$ ;;
*) exec "$@" ;;
esac
"""


@pytest.fixture(params=["postgres", "timescale"])
def source(request: pytest.FixtureRequest) -> Iterator[tuple[str, servers.Postgres]]:
    """A database with some books, on a server of each edition."""
    server: servers.Postgres = request.getfixturevalue(request.param)
    template = request.getfixturevalue("_migrated" if request.param == "postgres" else "_timescale_migrated")
    with server.database(template) as dsn:
        yield dsn, server


async def booked(dsn: str) -> None:
    """Three days of a register."""
    async with visit(dsn, name="test") as con:
        start = await con.fetchval("SELECT clock_timestamp()") - 4 * DAY_US
        await take(con, await add_counter(con), [(start + n * 15 * MINUTE_US, n * 1000) for n in range(3 * 96)])


def migrate_refuses(dsn: str) -> str:
    """Why `tanfeng migrate` ends with 2."""
    command = (sys.executable, "-m", "tanfeng", "migrate", "--dsn", dsn)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    return done.stdout + done.stderr


def run(program: Path, *arguments: str) -> None:
    """Run a program of PostgreSQL to its end, which must be a good one."""
    subprocess.run((str(program), *arguments), check=True)


async def doctor_says(dsn: str) -> Finding:
    """What `tanfeng doctor` finds of the schema."""
    async with visit(dsn, name="test") as con:
        return (await _schema(con, None))[0]  # type: ignore[arg-type]  # the place is that of other checks


async def test_a_restore_killed_before_its_constraints_is_marked_and_told(
    source: tuple[str, servers.Postgres], tmp_path: Path
) -> None:
    """By its mark; and where the mark is taken off, by what is missing."""
    dsn, server = source
    await booked(dsn)
    folder, wrapper = tmp_path / "backup", tmp_path / "dies"
    script("backup", dsn, folder, server.server.programs)
    wrapper.write_text(DIES)
    wrapper.chmod(0o755)
    with another(server) as target:
        script("restore", target.dsn(), folder, server.server.programs, code=137, run=str(wrapper))
        assert "a restore into this database has not ended" in migrate_refuses(target.dsn())
        said = await doctor_says(target.dsn())
        assert (said.level, "has not ended" in said.what.en) == ("error", True)
        await unmark(target.dsn())
        assert "is not whole" in (refused := migrate_refuses(target.dsn()))
        for kind in ("constraints", "grants", "indexes", "triggers"):
            assert kind in refused
        said = await doctor_says(target.dsn())
        assert (said.level, "constraints" in said.what.en) == ("error", True)
        assert "not empty" in script("restore", target.dsn(), folder, server.server.programs, code=1)


async def unmark(dsn: str) -> None:
    """As somebody does who wants to use the database all the same."""
    con = await connect(dsn, name="test")
    if await con.fetchval("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')"):
        await con.execute("SELECT timescaledb_post_restore()")
    await con.execute(f'ALTER DATABASE "{await con.fetchval("SELECT current_database()")}" RESET tanfeng.restoring')
    await con.close()


async def test_a_restore_that_left_the_rights_out_is_told(source: tuple[str, servers.Postgres], tmp_path: Path) -> None:
    """Of somebody's own pg_restore, which has no mark."""
    dsn, server = source
    programs = server.server.programs
    dump = tmp_path / "dump"
    run(programs / "pg_dump", "-Fc", "-d", dsn, "-f", str(dump))
    with another(server) as target:
        con = await asyncpg.connect(target.dsn())
        is_timescale = bool(server.server.settings and "timescaledb" in str(server.server.settings))
        if is_timescale:
            await con.execute("CREATE EXTENSION timescaledb")
            await con.execute("SELECT timescaledb_pre_restore()")
        run(programs / "pg_restore", "--no-owner", "--no-privileges", "-d", target.dsn(), str(dump))
        if is_timescale:
            await con.execute("SELECT timescaledb_post_restore()")
        await con.close()
        refused = migrate_refuses(target.dsn())
        assert "grants" in refused
        assert "constraints" not in refused
        assert (await doctor_says(target.dsn())).level == "error"
