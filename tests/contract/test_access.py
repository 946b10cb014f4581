"""No one reads another's rows: every relation a tenant's login can read, on every edition, by every way round."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING

import asyncpg
import pytest

from services.errors import TanfengError
from services.figures import access
from services.model import QUARTER_US
from services.store.scram import verifier
from tests.access_world import FILLED, FOREIGN, JAN_1, World, open_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

READABLE = """
SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
  AND has_schema_privilege(current_user, n.oid, 'USAGE')
  AND (has_table_privilege(current_user, c.oid, 'SELECT') OR has_any_column_privilege(current_user, c.oid, 'SELECT'))
ORDER BY 1
"""


@pytest.fixture
async def world(edition_database: str) -> AsyncIterator[World]:
    """Rows of both enterprises in every table that report shows anything of."""
    async with open_world(edition_database) as opened:
        yield opened


async def all_text(con: Connection, relation: str) -> str:
    """Every row of a relation, whole, as JSON; nothing where a function inside it is refused (TimescaleDB's sizes)."""
    statement = f"SELECT coalesce(string_agg(row_to_json(r)::text, ' '), '') FROM {relation} AS r"
    try:
        text: str = await con.fetchval(statement)
    except asyncpg.InsufficientPrivilegeError:
        return ""
    return text


@pytest.mark.two_connections
async def test_no_relation_a_tenant_can_read_has_a_foreign_row(world: World) -> None:
    """Enumerated from the catalogue as the tenant itself, so that a new relation cannot be forgotten."""
    names = [row["name"] for row in await world.tenant.fetch(READABLE)]
    ours = [name for name in names if not name.startswith(("timescaledb_", "_timescaledb_"))]
    reports = await world.owner.fetch("SELECT viewname::text AS name FROM pg_views WHERE schemaname = 'report'")
    assert set(ours) == {row["name"] for row in reports}
    filled = set()
    for name in names:
        text = await all_text(world.tenant, name)
        assert not [word for word in FOREIGN if word in text], name
        filled |= {name} if "works" in text else set()
    assert filled >= FILLED


async def test_the_owner_does_see_the_foreign_rows_in_each_of_these_relations(world: World) -> None:
    """The test above is no proof unless the rows are there to be seen."""
    for name in FILLED | {"ingest_minute"}:
        text = await all_text(world.owner, f"report.{name}")
        assert [word for word in FOREIGN if word in text], name


async def test_a_tenant_has_no_right_on_any_table_nor_in_the_schema_of_tables(world: World) -> None:
    """Not by name, not by chunk, not for writing, not through the catalogue's statistics."""
    await refused(world.tenant, "SELECT * FROM core.energy_day")
    assert not await world.tenant.fetchval("SELECT has_schema_privilege('core', 'USAGE')")
    rights = await world.owner.fetch(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'report')"
        " AND n.nspname !~ 'timescaledb' AND c.relkind IN ('r', 'v', 'm', 'p', 'f')"
        " AND has_table_privilege($1, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')",
        world.role,
    )
    assert rights == []
    writes = await world.owner.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'report'::regnamespace"
        " AND has_table_privilege($1, oid, 'INSERT, UPDATE, DELETE')",
        world.role,
    )
    assert writes == []
    await world.owner.execute("ANALYZE")
    assert await world.tenant.fetchval("SELECT count(*) FROM pg_stats WHERE schemaname = 'core'") == 0


async def test_no_function_lends_a_tenant_its_owners_rights(world: World) -> None:
    """A SECURITY DEFINER function would read tables for whoever may call it: there is none of ours."""
    functions = await world.owner.fetch(
        "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
        " WHERE p.prosecdef AND n.nspname <> 'pg_catalog' AND has_function_privilege($1, p.oid, 'EXECUTE')"
        " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')",
        world.role,
    )
    assert functions == []
    await refused(world.tenant, "SELECT core.year_of('2026-01-01')")


async def refused(con: Connection, statement: str) -> None:
    """It fails for want of a right."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await con.fetch(statement)


async def test_a_chunk_of_a_hypertable_is_no_way_round(world: World) -> None:
    """Chunks are tables of their own in a schema that everybody may use."""
    chunks = await world.owner.fetch(
        "SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = '_timescaledb_internal' AND c.relkind = 'r' AND c.relname LIKE '\\_hyper%'"
    )
    has_timescale = await world.owner.fetchval("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')")
    assert bool(chunks) == has_timescale
    for chunk in chunks:
        await refused(world.tenant, f"SELECT * FROM {chunk['name']}")


LEAKY = [
    "1 / (amount - 8641.973) IS NOT NULL",  # an error that tells of a row
    "enterprise LIKE '%rival%'",
    "enterprise = 'rival' OR true",
    "row_to_json(v)::text LIKE '%rival%'",
    "pg_size_pretty(amount) IS NULL",
]


async def test_a_condition_that_leaks_runs_on_own_rows_only(world: World) -> None:
    """A function that would raise or print on a foreign row never gets to see one."""
    for condition in LEAKY:
        rows = await world.tenant.fetch(f"SELECT row_to_json(v)::text AS v FROM report.energy_15m v WHERE {condition}")
        assert not [row for row in rows if any(word in row["v"] for word in FOREIGN)]


async def test_an_error_names_own_values_only(world: World) -> None:
    """A cast that fails tells the value it failed on, so it must be one of the caller's own."""
    for column in ("enterprise", "site", "meter_zh", "amount::text || 'x'"):
        with pytest.raises(asyncpg.InvalidTextRepresentationError) as caught:
            await world.tenant.fetch(f"SELECT 1 FROM report.energy_1d WHERE ({column})::int > 0")
        assert not [word for word in FOREIGN if word in str(caught.value)]


async def test_a_function_of_ones_own_cannot_spy(world: World) -> None:
    """The classic leak: a cheap function below the filter. A tenant can make none, and it would see nothing."""
    for schema in ("public", "report", "pg_temp"):
        await world.tenant.execute("SET default_transaction_read_only = off")
        await refused(
            world.tenant,
            f"CREATE FUNCTION {schema}.spy(text) RETURNS bool COST 0.0000001 LANGUAGE plpgsql AS"
            " $$BEGIN RAISE NOTICE '%', $1; RETURN true; END$$",
        )
    await world.owner.execute(
        "CREATE FUNCTION public.spy(text) RETURNS bool COST 0.0000001 LANGUAGE plpgsql AS"
        " $$BEGIN RAISE NOTICE '%', $1; RETURN true; END$$"
    )
    heard: list[str] = []
    world.tenant.add_log_listener(lambda _, message: heard.append(str(message)))
    views = await world.owner.fetch("SELECT viewname::text AS name FROM pg_views WHERE schemaname = 'report'")
    for view in views:
        await world.tenant.fetch(f"SELECT count(*) FROM report.{view['name']} AS v WHERE public.spy(v::text)")
    assert any("works" in message for message in heard)
    assert not [message for message in heard if any(word in message for word in FOREIGN)]


async def test_explain_shows_no_foreign_value(world: World) -> None:
    """Plans name tables and counts, never another's codes or amounts."""
    for view in await world.owner.fetch("SELECT viewname::text AS name FROM pg_views WHERE schemaname = 'report'"):
        rows = await world.tenant.fetch(f"EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM report.{view['name']}")
        assert not [row for row in rows if any(word in row[0] for word in FOREIGN)]


FORBIDDEN = [
    "SET ROLE {owner}",
    "SET ROLE tanfeng_district",
    "SET SESSION AUTHORIZATION {owner}",
    "SELECT pg_read_file('/etc/passwd')",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "CREATE TABLE public.mine (a int)",
    "CREATE TEMPORARY TABLE mine (a int)",
    "INSERT INTO core.login_scope (role_name) VALUES (current_user)",
    "SELECT lo_get(1)",
]


@pytest.mark.two_connections
async def test_a_tenant_cannot_become_or_reach_anything_else(world: World) -> None:
    """No role, file, program or table."""
    await world.tenant.execute("SET default_transaction_read_only = off")
    owner = await world.owner.fetchval("SELECT current_user")
    for statement in FORBIDDEN:
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedObjectError)):
            await world.tenant.execute(statement.format(owner=owner))


async def test_settings_a_caller_can_change_have_no_part_in_it(world: World) -> None:
    """Search path, zone, application name and row security change nothing about which rows are seen."""
    for setting in ("row_security = off", "search_path = core, report", "application_name = 'postgres'", "role = none"):
        await world.tenant.execute(f"SET {setting}")
        assert "rival" not in await all_text(world.tenant, "report.energy_1d")


async def test_a_revoked_login_reads_nothing(world: World) -> None:
    """From the next statement on; and without any scope there are no rows, not all rows."""
    await access.revoke(world.owner, world.role, "works", author="li")
    for row in await world.tenant.fetch(READABLE):
        if row["name"] in FILLED:
            assert await world.tenant.fetchval(f"SELECT count(*) FROM {row['name']}") == 0, row["name"]
    with pytest.raises(TanfengError, match="no right"):
        await access.revoke(world.owner, world.role, "works", author="li")


async def test_a_corrected_membership_shows_nothing_of_the_past_to_the_wrong_one(world: World) -> None:
    """A site that stood under the wrong enterprise for an hour is not readable there as of that hour."""
    wrong = await world.owner.fetchval(
        "INSERT INTO core.site_membership (site_id, enterprise_id, recorded_at, recorded_until)"
        " SELECT s.site_id, e.enterprise_id, '-infinity', now() + interval '1 day' FROM core.site s, core.enterprise e"
        " WHERE s.code = 'rival-1' AND e.code = 'works' RETURNING site_id"
    )
    await world.owner.execute(
        "UPDATE core.site_membership SET recorded_at = now() WHERE site_id = $1 AND recorded_until = 'infinity'", wrong
    )
    for view in ("energy_1d_history", "energy_15m_history", "emissions_1mo_history", "energy_site_1d_history"):
        assert "8641" not in await all_text(world.tenant, f"report.{view}")


NO_TENANTS = ["{owner}", "tanfeng_ingest", "Robert'); DROP TABLE", "pg_read_all_data", ""]


async def test_a_mighty_or_odd_name_is_no_tenant(world: World) -> None:
    """Neither a program's role, nor a superuser, nor what is no name."""
    owner = await world.owner.fetchval("SELECT current_user")
    for role in NO_TENANTS:
        with pytest.raises(TanfengError):
            await access.create_tenant(world.owner, role.replace("{owner}", owner), None, "works", author="li")


async def test_a_password_is_kept_as_the_server_would_keep_it(world: World) -> None:
    """The verifier computed here is the one PostgreSQL computes from the same password and salt."""
    role = f"{world.role}_scram"
    await world.owner.execute("SET password_encryption = 'scram-sha-256'")
    await world.owner.execute(f"CREATE ROLE {role} PASSWORD 'p\"en cil'")
    kept: str = await world.owner.fetchval("SELECT rolpassword FROM pg_authid WHERE rolname = $1", role)
    salt = b64decode(kept.split("$")[1].split(":")[1])
    assert verifier('p"en cil', salt) == kept
    await world.owner.execute(f"DROP ROLE {role}")


@pytest.mark.two_connections
async def test_ingest_can_book_and_nothing_more(world: World) -> None:
    """The role of ingest writes readings, ledger and books, and cannot touch registry, factors or access."""
    await world.owner.execute("SET ROLE tanfeng_ingest")
    at = JAN_1 + 9 * QUARTER_US
    await world.owner.copy_records_to_table("reading", records=[(1, at, 1, 0, None)], schema_name="core")
    await world.owner.execute("INSERT INTO core.energy_15m VALUES (1, $1, 1, 0, 900, 0)", at)
    await world.owner.fetch("SELECT * FROM core.register_state ORDER BY register_id FOR UPDATE")
    for statement in (
        "DELETE FROM core.reading",
        "UPDATE core.reading SET value = 0",
        "UPDATE core.emission_factor SET enabled = true",
        "INSERT INTO core.login_scope (role_name) VALUES ('tanfeng_ingest')",
        "UPDATE core.register SET multiplier = 2",
        "SELECT * FROM core.api_token",
        "UPDATE core.energy_revision SET amount = 0",
    ):
        await refused(world.owner, statement)
    await world.owner.execute("RESET ROLE")
