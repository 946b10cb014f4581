"""A district's days and months on the city's server by logical replication, as docs/operations tell it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests import servers
from tests.ingest_rig import until
from tests.programs import Site, site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXAMPLE = servers.ROOT / "examples" / "district.yaml"
FIRST = ("simulate", "fast", "--start", "2026-03-01T00:00:00+08:00", "--days", "1", "--seed", "7")
SECOND = ("simulate", "fast", "--start", "2026-03-02T00:00:00+08:00", "--days", "1", "--seed", "8")
VIEWS = ("energy_1d", "energy_site_1d", "emissions_1mo", "emissions_enterprise_1mo", "completeness")


def psql(programs: Path, dsn: str, *words: str) -> None:
    """Run a script of deploy/sql."""
    command = (str(programs / "psql"), "-qX", "-v", "ON_ERROR_STOP=1", "-d", dsn, *words)
    done = subprocess.run(command, env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


async def figures(here: Site) -> list[list[tuple[str, ...]]]:
    """Rows of the views that the city shows."""
    return [await here.report(f"SELECT t::text FROM report.{view} AS t ORDER BY 1") for view in VIEWS]


@pytest.fixture
def pair() -> Iterator[tuple[Site, Site]]:
    """A district with ingest and the example's registry, and the city's server with an empty migrated database."""
    programs = servers.timescale_programs()
    settings = {**servers.TIMESCALE, "wal_level": "logical"}
    with (
        servers.postgres_server(programs, settings) as district,
        servers.postgres_server(programs, servers.TIMESCALE) as city,
        site(district, district.make_template(), EXAMPLE) as here,
    ):
        yield here, Site(city.dsn(city.make_template()), here.broker)


async def test_the_city_follows_a_districts_days_months_and_registry(pair: tuple[Site, Site], tmp_path: Path) -> None:
    """What was there before, what is booked later, and a registry that changes: the same figures at both ends."""
    here, there = pair
    programs, sql = servers.timescale_programs(), servers.ROOT / "deploy" / "sql"
    here.tanfeng(*FIRST, "--truth", str(tmp_path / "first"))
    psql(programs, here.dsn, "-f", str(sql / "district-publishes.sql"))
    psql(programs, there.dsn, "-v", "name=shili", "-v", f"district={here.dsn}", "-f", f"{sql}/city-subscribes.sql")

    async def is_alike() -> bool:
        ours, theirs = await figures(here), await figures(there)
        return all(ours) and ours == theirs

    await until(is_alike)
    here.tanfeng(*SECOND, "--truth", str(tmp_path / "second"))
    changed = tmp_path / "changed.yaml"
    changed.write_text(EXAMPLE.read_text("utf-8").replace("示例钢铁厂", "示例钢铁公司"), "utf-8")
    here.tanfeng("registry", "apply", str(changed), "--yes", "--as", "li")
    await until(is_alike)
    assert "示例钢铁公司" in str(await figures(there))
    psql(programs, there.dsn, "-c", "DROP SUBSCRIPTION shili")
    assert await here.rows("SELECT slot_name FROM pg_replication_slots") == []  # the district keeps nothing for it
