"""TimescaleDB's community edition for contract tests: PostgreSQL in WebAssembly under node, one session, no COPY.

`scripts/community` fetches it. Between tests the rows are put back; where a test changed the schema or the roles, the
database is loaded again as it was after the migrations.
"""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import asyncpg
import pytest

from services.store.migrate import migrate
from services.store.pool import connect
from tanfeng.embedded.ports import free_port
from tests.servers import ROOT, run

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = ROOT / ".local" / "community"

_KEEP = """
CREATE SCHEMA kept;
DO $$
DECLARE
    t regclass;
    rows bigint;
BEGIN
    FOR t IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'core'::regnamespace AND c.relkind = 'r' LOOP
        EXECUTE format('SELECT count(*) FROM %s', t) INTO rows;
        IF rows > 0 THEN
            EXECUTE format('CREATE TABLE kept.%I AS TABLE %s', (SELECT relname FROM pg_class WHERE oid = t), t);
        END IF;
    END LOOP;
END $$;
CREATE TABLE kept."sequences" AS
SELECT format('%I.%I', schemaname, sequencename) AS name, last_value FROM pg_sequences WHERE schemaname = 'core';
"""
_RESTORE = """
DO $$
DECLARE
    t text;
    names text;
BEGIN
    SET LOCAL session_replication_role = replica;
    EXECUTE (SELECT 'TRUNCATE ' || string_agg(c.oid::regclass::text, ', ') FROM pg_class c
             WHERE c.relnamespace = 'core'::regnamespace AND c.relkind = 'r');
    FOR t IN SELECT relname FROM pg_class WHERE relnamespace = 'kept'::regnamespace AND relkind = 'r'
             AND relname <> 'sequences' LOOP
        SELECT string_agg(quote_ident(attname), ', ') INTO names FROM pg_attribute
        WHERE attrelid = format('core.%I', t)::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
        EXECUTE format('INSERT INTO core.%1$I (%2$s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM kept.%1$I', t, names);
    END LOOP;
    PERFORM setval(name::regclass, coalesce(last_value, 1), last_value IS NOT NULL) FROM kept."sequences";
END $$;
"""
_SHAPE = """
SELECT md5(string_agg(line, ' ' ORDER BY line)) FROM (
    SELECT format('%s %s %s', relnamespace, relname, relacl) AS line FROM pg_class
    WHERE relnamespace IN ('core'::regnamespace, 'report'::regnamespace, 'public'::regnamespace)
    UNION ALL SELECT format('%s %s', sha256, name) FROM public.schema_migration
    UNION ALL SELECT nspname FROM pg_namespace
    UNION ALL SELECT proname || proacl::text FROM pg_proc WHERE pronamespace = 'core'::regnamespace
    UNION ALL SELECT rolname FROM pg_roles) AS x
"""


class Community:
    """The running database; `fresh` gives it as it was after the migrations."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.dsn = f"postgresql://postgres:none@127.0.0.1:{port}/postgres"
        self._process = process
        self._shape = ""
        self._is_new = True

    def prepare(self) -> None:
        """Migrate, and keep what is there then."""
        self.wait()
        run(self._migrate())
        self._tell("keep")

    def fresh(self) -> str:
        """The dsn of the database, emptied; the connections of the test before are closed by now."""
        if not self._is_new:
            run(self._reset())
        self._is_new = False
        return self.dsn

    def wait(self) -> None:
        """Until it has done what it was told."""
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            pytest.fail("the community edition under node has ended; its last words are above")

    def _tell(self, command: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        self.wait()

    async def _migrate(self) -> None:
        con = await connect(self.dsn, name="tests")
        await migrate(con)
        await con.execute(_KEEP)
        self._shape = await con.fetchval(_SHAPE)
        await con.close()

    async def _reset(self) -> None:
        con = await asyncpg.connect(self.dsn)
        is_same = await con.fetchval(_SHAPE) == self._shape
        if is_same:
            await con.execute(_RESTORE)
        await con.close()
        if not is_same:
            self._tell("reload")


@contextmanager
def community_server() -> Iterator[Community]:
    """The running community edition; skips where node or the package is missing."""
    node = shutil.which("node")
    if node is None or not (FOLDER / "node_modules").is_dir():
        pytest.skip("no community edition: scripts/community fetches it")
    port = free_port()
    process = subprocess.Popen(
        (node, "serve.mjs", str(port)), cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        running = Community(process, port)
        running.prepare()
        yield running
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()
