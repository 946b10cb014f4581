"""`tanfeng migrate`, `factors` and `access` from the shell."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

from services.store.pool import connect
from tests.figure_world import Quarter, add_district, add_enterprise, add_register, book, instant

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from services.store.pool import Connection


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
    lignite = ("factors", "add", "lignite", "1.4", "--source", "lab report 7", "--as", "li")
    assert "Nothing was recorded, --yes does it." in tanfeng(*lignite, dsn=database)
    assert "lab report 7" not in tanfeng("factors", "list", "lignite", dsn=database)
    assert "Recorded." in tanfeng(*lignite, "--yes", dsn=database)
    assert "lab report 7" in tanfeng("factors", "list", "lignite", dsn=database)
    wrong = tanfeng("factors", "add", "lignite", "many", "--source", "x", "--as", "li", dsn=database, code=2)
    assert "'many' is no number" in wrong


def test_a_factor_a_thousand_times_too_large_is_shown_with_what_it_restates_and_needs_its_own_word(
    database: str,
) -> None:
    """558.1 for 0.5581: --yes alone records nothing; the value replaced, the ratio and the years stand before it."""

    async def used(con: Connection) -> None:
        await add_district(con)
        await add_enterprise(con, "works", "works-1")
        register = await add_register(con, "works-1", "main")
        await book(con, register, [Quarter(instant("2023-03-01T00:00+08:00"), 2_000_000)])

    prepared(database, used)
    slip = ("factors", "add", "electricity", "558.1", "--region", "CN-CQ", "--method", "grid_average",
            "--data-year", "2023", "--scope", "2", "--source", "slip", "--as", "li")  # fmt: skip
    for more in ((), ("--yes",)):
        told = tanfeng(*slip, *more, dsn=database, code=2)
        assert "替换 replaces: electricity CN-CQ grid_average 2023: 0.5581 (× 1,000)" in told
        assert "示例works厂 works" in told
        assert "1.1162 (0.5581, 2023)" in told
        assert "1,116.2 (558.1, 2023)" in told
        assert "1,115.0838" in told
        assert "add --confirm-ratio" in told
        assert "slip" not in tanfeng("factors", "list", "electricity", dsn=database)
    assert "Nothing was recorded, --yes does it." in tanfeng(*slip, "--confirm-ratio", dsn=database)
    assert "Recorded." in tanfeng(*slip, "--confirm-ratio", "--yes", dsn=database)
    assert "558.1/kWh" in tanfeng("factors", "list", "electricity", dsn=database)


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
