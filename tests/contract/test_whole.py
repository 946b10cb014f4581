"""A schema that lost a part, as a restore that died leaves it, is told by migrate and refused, on every edition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.errors import TanfengError
from services.store.migrate import Script, migrate, scripts
from services.store.pool import connect
from services.store.whole import missing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A migrated database."""
    opened = await connect(edition_database, name="test")
    yield opened
    await opened.close()


async def test_a_migrated_database_is_whole(con: Connection) -> None:
    """Every kind of part is remembered, and all are there."""
    kinds = {row["kind"] for row in await con.fetch("SELECT DISTINCT kind FROM core.schema_object")}
    assert kinds == {"table", "view", "function", "closed", "constraint", "index", "trigger", "grant"}
    assert await missing(con) == []


@pytest.mark.parametrize(
    ("harm", "lost"),
    [
        ("ALTER TABLE core.doubt DROP CONSTRAINT doubt_pkey", "core.doubt doubt_pkey"),
        ("ALTER TABLE core.doubt DROP CONSTRAINT doubt_outcome_check", "core.doubt doubt_outcome_check"),
        ("DROP INDEX core.event_open", "core.event_open"),
        ("DROP TRIGGER energy_day_added ON core.energy_day", "core.energy_day energy_day_added"),
        ("ALTER TABLE core.energy_day DISABLE TRIGGER ALL", "core.energy_day energy_day_changed"),
        ("REVOKE INSERT ON core.reading FROM tanfeng_ingest", "core.reading INSERT to tanfeng_ingest"),
        ("REVOKE USAGE ON SCHEMA report FROM tanfeng_reader", "schema report USAGE to tanfeng_reader"),
        ("GRANT EXECUTE ON FUNCTION core.keep_months_added() TO PUBLIC", "core.keep_months_added()"),
        ("DROP VIEW report.rejections", "report.rejections"),
    ],
)
async def test_a_part_that_is_lost_is_named_and_stops_the_migration(con: Connection, harm: str, lost: str) -> None:
    """Also where there would be something to apply, which would then be taken for whole."""
    await con.execute(harm)
    assert lost in {part.name for part in await missing(con)}
    more = Script("9000_more.sql", "CREATE TABLE core.more (a int)")
    with pytest.raises(TanfengError, match=r"not whole.*scripts/restore"):
        await migrate(con, migrations=[*scripts("migrations"), more])
    assert await con.fetchval("SELECT to_regclass('core.more')") is None


async def test_what_a_later_version_adds_and_drops_is_remembered(con: Connection) -> None:
    """A part that a migration dropped is not missed, one that it made is."""
    more = Script("9000_more.sql", "DROP INDEX core.event_open; CREATE INDEX event_later ON core.event (recorded_at)")
    shipped = [*scripts("migrations"), more]
    await migrate(con, migrations=shipped)
    assert await missing(con) == []
    await con.execute("DROP INDEX core.event_later")
    with pytest.raises(TanfengError, match=r"1 indexes \(core.event_later\) missing"):
        await migrate(con, migrations=shipped)


async def test_an_index_of_the_operators_own_is_no_matter(con: Connection) -> None:
    """What is there beside ours may stay."""
    await con.execute("CREATE INDEX own ON core.event (kind)")
    assert await migrate(con) == []


async def test_tables_without_a_record_of_migrations_are_half_a_restore(con: Connection) -> None:
    """The rows of that table come last of all rows."""
    await con.execute("DELETE FROM public.schema_migration")
    with pytest.raises(TanfengError, match="no migration is recorded: a restore died"):
        await migrate(con)


async def test_a_migration_killed_before_it_could_remember_is_gone_on_with(con: Connection) -> None:
    """Nothing is remembered yet, and nothing is missed."""
    await con.execute("DELETE FROM core.schema_object")
    assert await migrate(con) == []
    assert await con.fetchval("SELECT count(*) FROM core.schema_object") > 0
