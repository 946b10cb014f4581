"""`tanfeng migrate`, `factors` and `access` from the shell."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

from services.store.pool import connect
from tests.figure_world import add_district, add_enterprise

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def tanfeng(*arguments: str, dsn: str, code: int = 0) -> str:
    """Run the command against this database; what it printed, errors too."""
    done = subprocess.run(
        [sys.executable, "-m", "tanfeng", *arguments, "--dsn", dsn],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"COLUMNS": "200", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def prepared(dsn: str, prepare: Callable[..., Awaitable[None]], *arguments: str) -> None:
    """Change the database directly."""

    async def change() -> None:
        con = await connect(dsn, name="test")
        await prepare(con, *arguments)
        await con.close()

    asyncio.run(change())


def test_a_new_database_is_made_and_made_again(empty_database: str) -> None:
    """The first run names what it applied, the second has nothing to do."""
    first, second = (tanfeng("migrate", dsn=empty_database) for _ in range(2))
    assert "applied 0001_registry.sql" in first
    assert "applied" not in second
    assert "The database is up to date." in second


def test_factors_are_listed_added_enabled_and_disabled(database: str) -> None:
    """An operator's factor needs its source and a name for the audit log."""
    assert tanfeng("factors", "list", "electricity", dsn=database).count("停用 disabled · unverified") == 3
    key = ("electricity", "--region", "CN", "--method", "grid_average", "--data-year", "2021", "--as", "li")
    tanfeng("factors", "enable", *key, dsn=database)
    assert tanfeng("factors", "list", "electricity", dsn=database).count("停用 disabled") == 2
    tanfeng("factors", "disable", *key, dsn=database)
    assert "no factor to disable" in tanfeng("factors", "disable", *key, dsn=database, code=2)
    tanfeng("factors", "add", "lignite", "1.4", "--source", "lab report 7", "--as", "li", dsn=database)
    assert "lab report 7" in tanfeng("factors", "list", "lignite", dsn=database)
    wrong = tanfeng("factors", "add", "lignite", "many", "--source", "x", "--as", "li", dsn=database, code=2)
    assert "'many' is no number" in wrong


def test_access_is_granted_listed_and_revoked(database: str) -> None:
    """A role reads one enterprise; its token is shown once; the audit log has the name."""
    prepared(database, add_district)
    prepared(database, add_enterprise, "works")
    role = f"shell_{database.rsplit('/', maxsplit=1)[1].split('?', maxsplit=1)[0]}"
    tanfeng("access", "grant", role, "--enterprise", "works", "--as", "li", dsn=database)
    token = tanfeng("access", "token", role, "--label", "grid", "--as", "li", dsn=database).strip()
    assert len(token) > 40
    listed = tanfeng("access", "list", dsn=database)
    assert role in listed
    assert "grid" in listed
    assert token not in listed
    assert "no enterprise 'nobody'" in tanfeng(
        "access", "grant", role, "--enterprise", "nobody", "--as", "li", dsn=database, code=2
    )
    tanfeng("access", "revoke-token", "grid", "--as", "li", dsn=database)
    tanfeng("access", "revoke", role, "--enterprise", "works", "--as", "li", dsn=database)
    assert role not in tanfeng("access", "list", dsn=database)
    assert "name an enterprise or the district" in tanfeng("access", "grant", role, "--as", "li", dsn=database, code=2)
