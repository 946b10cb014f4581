"""What a tenant's SQL cannot do though its login may change its own settings, tried function by function."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from services.errors import TanfengError
from services.figures import access
from services.store import limits
from services.store.migrate import migrate
from services.store.pool import connect
from tanfeng.doctor import tenants
from tests.access_world import FOREIGN, World, as_login, open_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HARMLESS: Final = re.compile(
    r"""^(?:
    .*handler|amvalidate|bernoulli|system|plpgsql_\w+|dsnowball_\w+          # of the planner; not callable with meaning
    |binary_upgrade_\w+|pg_stop_making_pinned_objects|pg_nextoid             # only in an upgrade, or as superuser
    |array_sample|array_shuffle|random|random_normal|setseed|gen_random_uuid|uuidv[47]
    |clock_timestamp|timeofday|current_query|set_config                      # one's own session
    |currtid2|currval|lastval|nextval|setval|pg_sequence_last_value|pg_get_sequence_data   # rights of the relation
    |brin_\w+|gin_clean_pending_list|pg_(?:restore|clear)_\w+_stats          # the owner of the index or table
    |\w+_to_xml\w*|ts_rewrite|ts_stat                                        # a query, with the caller's rights
    |pg_\w*replication_slot\w*|pg_logical_slot_\w+|pg_sync_replication_slots # the attribute REPLICATION
    |pg_advisory_unlock\w*|pg_cancel_backend|pg_terminate_backend                                  # one's own sessions
    |pg_stat_\w+|pg_\w+_size|pg_partition_\w+|pg_control_\w+|pg_extension_config_dump|pg_import_system_collations
    |pg_(?:database_)?collation_actual_version|pg_jit_available|pg_prepared_xact|pg_notification_queue_usage
    |pg_xact_\w+|txid_status|pg_get_multixact_members|pg_last_\w+|pg_current_wal_\w+|pg_is_\w+
    |pg_get_wal_\w+|pg_get_wait_events|pg_get_loaded_modules|pg_available_wal_summaries|pg_wal_summary_contents
    )$""",
    re.VERBOSE,
)
"""Volatile functions of PostgreSQL 17 and 18 that a tenant may call and that do nothing to others: each was looked at.
One that a new release brings fails the test until it has been."""
CALLABLE: Final = """
SELECT p.proname::text AS name FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.provolatile = 'v'
AND has_function_privilege(current_user, p.oid, 'EXECUTE')
AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
"""


@pytest.fixture
async def world(edition_database: str) -> AsyncIterator[World]:
    """Two enterprises and a tenant of one, whose session has put off its own bounds."""
    async with open_world(edition_database) as opened:
        await opened.tenant.execute("SET default_transaction_read_only = off; SET statement_timeout = 0")
        yield opened


@pytest.mark.two_connections
async def test_each_forbidden_function_is_refused(world: World) -> None:
    """Called with nulls of its own types, hidden from the planner: the right is asked before anything is done."""
    functions = await world.owner.fetch(
        "SELECT p.pronamespace::regnamespace || '.' || p.proname AS name, p.proargtypes::regtype[]::text[] AS types"
        " FROM core.forbidden_function f JOIN pg_proc p USING (oid) WHERE f.signature LIKE 'pg_catalog.%'"
    )
    names = {row["name"] for row in functions}
    assert names >= {f"pg_catalog.{name}" for name in ("pg_notify", "pg_advisory_lock", "lo_create", "pg_sleep")}
    for row in functions:
        nulls = ", ".join(f"NULL::{each} AS a{n}" for n, each in enumerate(row["types"]))
        given = ", ".join(f"a{n}" for n in range(len(row["types"])))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await world.tenant.execute(f"SELECT {row['name']}({given}) FROM (SELECT {nulls} OFFSET 0) AS x")
    rest = await world.owner.fetch(
        "SELECT signature FROM core.forbidden_function WHERE has_function_privilege($1, oid, 'EXECUTE')", world.role
    )
    assert rest == []


@pytest.mark.two_connections
async def test_every_other_function_that_does_something_was_looked_at(world: World) -> None:
    """Found in the catalogue by what it may do, not by memory."""
    callable_ = {row["name"] for row in await world.tenant.fetch(CALLABLE)}
    assert "clock_timestamp" in callable_
    assert sorted(name for name in callable_ if not HARMLESS.match(name)) == []


@pytest.mark.two_connections
async def test_a_tenant_runs_no_program_and_reaches_no_other_database(world: World, edition_database: str) -> None:
    """A DO block would loop in the server; in another database nothing was taken away."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await world.tenant.execute("DO $$ BEGIN LOOP END LOOP; END $$")
    there = urlsplit(as_login(edition_database, world.role, "pw"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(urlunsplit(there._replace(path="/postgres")))


@pytest.mark.two_connections
async def test_the_bound_of_temporary_files_is_out_of_its_login_s_reach(world: World) -> None:
    """Set for the role by its owner: the session shows it and cannot change it."""
    assert await world.tenant.fetchval("SHOW temp_file_limit") == "1GB"
    for statement in ("SET temp_file_limit = -1", f"ALTER ROLE {world.role} SET temp_file_limit = -1"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await world.tenant.execute(statement)
    await world.tenant.execute(f"ALTER ROLE {world.role} RESET ALL; RESET ALL")
    assert await world.tenant.fetchval("SHOW temp_file_limit") == "1GB"


async def test_migrating_takes_away_again_what_an_upgrade_gave_back(world: World) -> None:
    """A major release, an update of TimescaleDB or a restore may bring the old grants; doctor tells until then."""
    await world.owner.execute("GRANT EXECUTE ON FUNCTION pg_notify(text, text), pg_sleep(double precision) TO PUBLIC")
    await world.owner.execute(f"GRANT USAGE ON LANGUAGE plpgsql TO PUBLIC; ALTER ROLE {world.role} CONNECTION LIMIT -1")
    found = await limits.found(world.owner)
    told = {finding.check: finding for finding in tenants.tenants(found, 170_012)}
    assert told["tenants' rights"].level == "error"
    assert "pg_notify" in told["tenants' rights"].what.en
    assert world.role in told["tenants' logins"].what.en
    assert await migrate(world.owner) == []
    told = {finding.check: finding for finding in tenants.tenants(await limits.found(world.owner), 170_012)}
    assert (told["tenants' rights"].level == "error", told["tenants' logins"].level) == (False, "ok")
    assert await world.owner.fetchval("SELECT rolconnlimit FROM pg_roles WHERE rolname = $1", world.role) == 25


@pytest.mark.two_connections
async def test_names_of_roles_tell_a_tenant_nothing(world: World) -> None:
    """Everybody sees them: a name that tells an enterprise is found, and renamed it keeps rights and tokens."""
    old = f"tenant_rival_{world.role}"[:60]
    await access.create_tenant(world.owner, old, "secret", "rival", author="li")
    token = await access.create_token(world.owner, old, "grid", author="li")
    seen = "SELECT string_agg(oid::regrole::text, ' ') FROM pg_roles"
    assert "rival" in await world.tenant.fetchval(seen)
    telling = {each.check: each for each in tenants.tenants(await limits.found(world.owner), 170_012)}["tenants' names"]
    assert (telling.level, old in telling.what.en) == ("warning", True)
    name = access.opaque_name()
    await access.rename(world.owner, old, name, author="li")
    try:
        assert not [word for word in FOREIGN if word in await world.tenant.fetchval(seen)]
        assert await access.role_of_token(world.owner, token) == name
        rows = await world.owner.fetch("SELECT role_name::text FROM core.login_scope WHERE role_name = $1", name)
        assert len(rows) == 1
        for wrong in (world.role, "tanfeng_ingest", "nobody"):
            with pytest.raises(TanfengError):
                await access.rename(world.owner, wrong, name, author="li")
    finally:
        await world.owner.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


@pytest.mark.two_connections
async def test_a_renamed_login_keeps_its_password(world: World, edition_database: str) -> None:
    """And its connection goes on reading what it read."""
    name = access.opaque_name()
    await access.rename(world.owner, world.role, name, author="li")
    try:
        assert await world.tenant.fetchval("SELECT count(*) FROM report.enterprises") == 1
        again = await connect(as_login(edition_database, name, "pw"), name="tenant")
        assert await again.fetchval("SELECT enterprise FROM report.enterprises") == "works"
        await again.close()
    finally:
        await access.rename(world.owner, name, world.role, author="li")
