"""`scripts/backup` and `scripts/restore`: the restored database has the books, figures and logins of its source."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from services.figures import access
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


def script(name: str, dsn: str, folder: Path, programs: Path, code: int = 0, run: str = "env LC_ALL=C") -> str:
    """Run scripts/backup or scripts/restore; `RUN` as docker compose exec would be, only that it stays here."""
    more = {"TANFENG_DATABASE_DSN": dsn, "PG_BIN": str(programs), "RUN": run}
    more["TANFENG"] = f"{sys.executable} -m tanfeng"
    command = ("bash", "-c", documented(name, folder))
    environment = {**os.environ, **more}
    done = subprocess.run(command, env=environment, cwd=servers.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def documented(name: str, folder: Path) -> str:
    """The command as docs/operations/backup.md writes it, of another folder."""
    page = (servers.ROOT / "docs" / "operations" / "backup.md").read_text("utf-8")
    (line,) = re.findall(rf"^scripts/{name} /backup/.*$", page, re.MULTILINE)
    command, number = re.subn(r"/backup/(?:\$\([^)]*\)|\S+)", shlex.quote(str(folder)), line)
    assert number == 1
    return command


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
        await same_past(here, there)
        login = await asyncpg.connect(as_login(there.dsn, role, "old-secret"))
        assert {row[0] for row in await login.fetch("SELECT enterprise FROM report.enterprises")} == {"steel"}
        await login.close()
        assert "not empty" in script("restore", there.dsn, folder, programs, code=1)
        await goes_on(there, tmp_path / "next")
    async with visit(here.dsn, name="test") as con:
        await con.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def same_past(here: Site, there: Site) -> None:
    """Every figure with a past, as of the first and the last change of closed rows and the middle, is the source's."""
    moments = [at for (at,) in await here.rows("SELECT DISTINCT recorded_until FROM core.energy_revision ORDER BY 1")]
    views = [
        name
        for (name,) in await here.rows(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = 'report' AND column_name IN ('recorded_from', 'recorded_until')"
            " GROUP BY 1 HAVING count(*) = 2 ORDER BY 1"
        )
    ]
    assert len(moments) > 2
    assert {"energy_15m_history", "energy_1d_history", "emissions_1d_history", "coal_1d_history"} <= set(views)
    seen = set()
    for view in views:
        for at in (moments[0] - 1, moments[len(moments) // 2], moments[-1]):
            query = (
                "SELECT count(*), coalesce(md5(string_agg(t::text, ',' ORDER BY t::text)), '')"
                f" FROM report.{view} AS t WHERE recorded_from <= $1 AND $1 < recorded_until"
            )
            rows = await here.report(query, at)
            assert await there.report(query, at) == rows, f"{view} as of {at}"
            if view == "energy_15m_history":
                seen.add(rows[0])
    assert len(seen) == 3


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
