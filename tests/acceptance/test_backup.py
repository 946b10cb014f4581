"""`scripts/backup` and `scripts/restore`: the restored database has the books, figures and logins of its source."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from services.store import access
from services.store.visit import visit
from tests import servers
from tests.access_world import as_login
from tests.programs import Site, ingesting, site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXAMPLE = servers.ROOT / "examples" / "district.yaml"
STRETCH = ("--start", "2026-03-01T00:00:00+08:00", "--days", "1", "--incidents", "60", "--apart", "4")
FIGURES = ("energy_1d", "emissions_1mo", "pue_1d", "completeness", "data_events", "budget_status", "registers")


def script(name: str, dsn: str, folder: Path, programs: Path, code: int = 0) -> str:
    """Run scripts/backup or scripts/restore; `RUN` as docker compose exec would be, only that it stays here."""
    more = {"TANFENG_DATABASE_DSN": dsn, "PG_BIN": str(programs), "RUN": "env LC_ALL=C"}
    more["TANFENG"] = f"{sys.executable} -m tanfeng"
    command = (str(servers.ROOT / "scripts" / name), str(folder))
    done = subprocess.run(command, env={**os.environ, **more}, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(params=["postgres", "timescale"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Site, servers.Postgres]]:
    """A day of the example district with every ordinary fault, on a server of each edition."""
    server: servers.Postgres = request.getfixturevalue(request.param)
    template = request.getfixturevalue("_migrated" if request.param == "postgres" else "_timescale_migrated")
    with site(server, template, EXAMPLE) as here:
        here.tanfeng("simulate", "fast", *STRETCH, "--seed", "7", "--truth", str(tmp_path / "truth"))
        yield here, server


def another(server: servers.Postgres) -> Any:
    """A new server of the same programs, with nothing in it."""
    settings = servers.TIMESCALE if "timescaledb" in str(server.server.settings) else {}
    return servers.postgres_server(server.server.bin_dir, settings)


async def test_a_restored_database_has_the_books_figures_and_logins_of_its_source(
    source: tuple[Site, servers.Postgres], tmp_path: Path
) -> None:
    """By hash and by rows; after the restore ingest goes on, and a second restore into it is refused."""
    here, server = source
    programs = server.server.programs
    role = "tenant_backup"
    async with visit(here.dsn, name="test") as con:
        await access.create_tenant(con, role, "old-secret", "steel", author="li")
    script("backup", here.dsn, folder := tmp_path / "backup", programs)
    assert "is there already" in script("backup", here.dsn, folder, programs, code=2)
    with another(server) as target:
        there = Site(target.dsn(), here.broker)
        assert "restored, the books equal the source" in script("restore", there.dsn, folder, programs)
        assert there.tanfeng("verify", "--hash") == here.tanfeng("verify", "--hash")
        for view in FIGURES:
            query = f"SELECT t::text FROM report.{view} AS t ORDER BY 1"
            rows = await here.report(query)
            assert rows or view == "budget_status"
            assert await there.report(query) == rows
        login = await asyncpg.connect(as_login(there.dsn, role, "old-secret"))
        assert {row[0] for row in await login.fetch("SELECT enterprise FROM report.enterprises")} == {"steel"}
        await login.close()
        assert "not empty" in script("restore", there.dsn, folder, programs, code=1)
        await goes_on(there, tmp_path / "next")
    async with visit(here.dsn, name="test") as con:
        await con.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def goes_on(there: Site, truth: Path) -> None:
    """Ingest books the next day into the restored database, rightly."""
    before = (await there.rows("SELECT count(*) FROM core.reading"))[0][0]
    with servers.mosquitto_broker() as broker:
        moved = Site(there.dsn, broker.url)
        with ingesting(moved, 1):
            moved.tanfeng(
                "simulate",
                "fast",
                "--start",
                "2026-03-02T00:00:00+08:00",
                "--days",
                "1",
                "--seed",
                "8",
                "--truth",
                str(truth),
            )
        assert (await moved.rows("SELECT count(*) FROM core.reading"))[0][0] > before
        moved.tanfeng("verify")


def test_a_backup_under_load_is_of_one_moment(source: tuple[Site, servers.Postgres], tmp_path: Path) -> None:
    """Readings go on coming while it is made; its hash is that of its dump all the same."""
    here, server = source
    words = (
        "simulate",
        "fast",
        "--start",
        "2026-03-02T00:00:00+08:00",
        "--days",
        "2",
        "--seed",
        "9",
        "--truth",
        str(tmp_path / "more"),
    )
    with subprocess.Popen((sys.executable, "-m", "tanfeng", *words), env=here.environment) as load:
        script("backup", here.dsn, tmp_path / "backup", server.server.programs)
    assert load.returncode == 0
    assert here.tanfeng("verify", "--hash") != (tmp_path / "backup" / "ledger.hash").read_text()
    with another(server) as target:
        script("restore", target.dsn(), tmp_path / "backup", server.server.programs)


def test_a_damaged_backup_is_refused(source: tuple[Site, servers.Postgres], tmp_path: Path) -> None:
    """One byte of the dump, and books that are not those of the hash."""
    here, server = source
    script("backup", here.dsn, folder := tmp_path / "backup", server.server.programs)
    dump = folder / "database.dump"
    whole = dump.read_bytes()
    dump.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with another(server) as target:
        assert "is damaged" in script("restore", target.dsn(), folder, server.server.programs, code=1)
        dump.write_bytes(whole)
        (folder / "ledger.hash").write_text("core.reading 0 0\n")
        sums = subprocess.run(
            ("sha256sum", "database.dump", "roles.sql", "ledger.hash", "versions"),
            cwd=folder,
            capture_output=True,
            check=True,
        )
        (folder / "SHA256SUMS").write_bytes(sums.stdout)
        said = script("restore", target.dsn(), folder, server.server.programs, code=1)
        assert "differ from the backup's" in said
