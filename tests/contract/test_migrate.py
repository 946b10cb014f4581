"""Migrations: once each, in turns, and never against a database of another history."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

from services.errors import TanfengError
from services.store.migrate import Script, _migrations, migrate, scripts
from services.store.pool import connect
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from services.store.pool import Connection
    from tests import servers


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A migrated database."""
    opened = await connect(edition_database, name="test")
    yield opened
    await opened.close()


async def test_migrating_again_changes_nothing(con: Connection) -> None:
    """All of it is idempotent: migrations, views, facts, grants."""
    before = await con.fetch("SELECT oid FROM pg_class ORDER BY oid")
    assert await migrate(con) == []
    assert await con.fetch("SELECT oid FROM pg_class ORDER BY oid") == before


async def test_a_newer_database_is_refused(con: Connection) -> None:
    """A database with a migration this code does not have stays as it is."""
    await con.execute("INSERT INTO public.schema_migration (name, sha256) VALUES ('9999_later.sql', 'x')")
    with pytest.raises(TanfengError, match=r"newer than this code.*9999_later"):
        await migrate(con)


async def test_a_changed_migration_is_refused(con: Connection) -> None:
    """What was applied is history: a change belongs into a new file."""
    await con.execute("UPDATE public.schema_migration SET sha256 = 'x' WHERE name = '0001_registry.sql'")
    with pytest.raises(TanfengError, match=r"0001_registry.sql was changed"):
        await migrate(con)


async def test_a_failing_migration_leaves_nothing_behind(con: Connection) -> None:
    """Each is one transaction, and the error names the file."""
    broken = Script("9000_broken.sql", "CREATE TABLE core.half (a int); SELECT 1/0;")
    with pytest.raises(asyncpg.DivisionByZeroError) as caught:
        await migrate(con, migrations=[*scripts("migrations"), broken])
    assert caught.value.__notes__ == ["in 9000_broken.sql"]
    assert await con.fetchval("SELECT to_regclass('core.half')") is None
    assert await migrate(con) == []


async def test_changed_views_are_replaced_and_keep_their_grants(con: Connection) -> None:
    """A deploy replaces the views; readers keep their right to them."""
    more = Script(
        "999_more.sql", "CREATE VIEW core.more AS SELECT 1 AS one; GRANT SELECT ON core.more TO tanfeng_reader;"
    )
    assert "999_more.sql" in await migrate(con, objects=[*scripts("objects"), more])
    assert await con.fetchval("SELECT has_table_privilege('tanfeng_reader', 'report.energy_1d', 'SELECT')")
    assert "999_more.sql" not in await migrate(con)
    assert await con.fetchval("SELECT to_regclass('core.more')") is None


async def test_formulas_of_a_former_release_are_replaced(con: Connection) -> None:
    """Those that took whole thousandths called one another, and go with what called them."""
    await con.execute(
        "CREATE FUNCTION core.emitted(amount bigint, has_exempt boolean, per_unit numeric) RETURNS numeric"
        " LANGUAGE sql IMMUTABLE RETURN amount * per_unit;"
        "CREATE FUNCTION core.budget_value(measure text, used_amount bigint, emitting_amount bigint,"
        " has_exempt boolean, per_unit numeric) RETURNS numeric"
        " LANGUAGE sql IMMUTABLE RETURN core.emitted(emitting_amount, has_exempt, per_unit);"
        "CREATE TYPE core.pue_quarter AS (amount bigint);"
        "UPDATE public.schema_migration SET sha256 = 'x' WHERE name = 'objects'"
    )
    assert "150_formulas.sql" in await migrate(con)
    for former in ("emitted(bigint, boolean, numeric)", "budget_value(text, bigint, bigint, boolean, numeric)"):
        assert await con.fetchval("SELECT to_regprocedure($1)", f"core.{former}") is None
    assert await con.fetchval("SELECT to_regtype('core.pue_quarter')") is None


async def test_a_view_of_somebody_else_is_not_dropped(con: Connection) -> None:
    """It stops the replacement and is named."""
    await con.execute("CREATE VIEW public.mine AS SELECT * FROM report.energy_1d")
    await con.execute("UPDATE public.schema_migration SET sha256 = 'x' WHERE name = 'objects'")
    with pytest.raises(TanfengError, match=r"views of others.*mine"):
        await migrate(con)
    assert await con.fetchval("SELECT to_regclass('report.energy_1d')") is not None


@pytest.fixture(params=["postgres", "timescale"])
def fresh(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database with nothing in it."""
    server: servers.Postgres = request.getfixturevalue(request.param)
    with server.database() as dsn:
        yield dsn


async def test_concurrent_migrations_take_turns(fresh: str) -> None:
    """Of four programs that start at once on an empty database one applies each script, the others find it done."""
    cons = [await connect(fresh, name="test") for _ in range(4)]
    try:
        done = await asyncio.gather(*(migrate(con) for con in cons))
        applied = sorted(script for each in done for script in each if script.endswith(".sql"))
        assert applied == sorted(each.name for folder in ("migrations", "objects") for each in scripts(folder))
        assert [await migrate(con) for con in cons] == [[], [], [], []]
    finally:
        for con in cons:
            await con.close()


async def test_timescale_makes_the_growing_tables_hypertables(timescale_database: str) -> None:
    """Readings in chunks of a day, the ledger in chunks of a week, keys unchanged."""
    con = await connect(timescale_database, name="test")
    rows = await con.fetch(
        "SELECT hypertable_name::text, time_interval::text FROM timescaledb_information.dimensions ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [("energy_15m", "7 days"), ("reading", "1 day")]
    await con.close()


async def test_an_unreachable_database_is_named_with_its_fix() -> None:
    """One line for a person, not a traceback of sockets."""
    with pytest.raises(TanfengError, match="cannot open the database"):
        await connect("postgresql://nobody@127.0.0.1:1/none", name="test")


FILES = """
SELECT c.oid::regclass::text AS name, pg_relation_filenode(c.oid) AS file FROM pg_class c
WHERE c.relkind = 'r' AND (c.oid::regclass::text LIKE 'core.energy%' OR c.oid::regclass::text LIKE '%_hyper_%')
"""


async def test_rests_come_to_a_database_without_writing_its_rows_anew(con: Connection) -> None:
    """Every table and chunk keeps its file; what was booked has no rest, and the months go on following the days."""
    await con.execute("DROP SCHEMA core, report CASCADE; DROP TABLE public.schema_migration")
    await con.execute(SQL["migrate_ledger"])
    await _migrations(con, [each for each in scripts("migrations") if each.name < "0060"])
    await con.execute(
        "INSERT INTO core.energy_15m SELECT 1, timestamptz '2026-01-01Z' + n * interval '1 day', 5, 1, 900, 0"
        " FROM generate_series(0, 40) AS n"
    )
    await con.execute(
        "INSERT INTO core.energy_day SELECT 1, date '2026-01-01' + n, 5, 1, 900, 0 FROM generate_series(0, 40) AS n"
    )
    files = await con.fetch(FILES)
    assert "0060_rests.sql" in await migrate(con)
    assert set(files) <= set(await con.fetch(FILES))
    assert await con.fetchval("SELECT sum(amount + rest + estimated_rest) FROM core.energy_15m") == 41 * 5
    await con.execute("UPDATE core.energy_day SET rest = core.parts() - 1 WHERE day <= '2026-01-02'")
    rows = await con.fetch("SELECT amount, rest FROM core.energy_month ORDER BY month")
    parts = await con.fetchval("SELECT core.parts()")
    assert [tuple(row) for row in rows] == [(31 * 5 + 1, parts - 2), (10 * 5, 0)]
