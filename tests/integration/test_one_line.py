"""What a person got wrong, or a database that goes away, is one line with the fix and exit code 2: no traceback."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import asyncpg
import pytest

from services.errors import TanfengError
from services.settings import Settings
from services.store.pool import connect, open_pool
from services.store.visit import told
from tests import servers
from tests.ingest_rig import until

if TYPE_CHECKING:
    from pathlib import Path

WRONG = {
    "a DSN without scheme": (("migrate", "--dsn", "localhost:5432/tanfeng"), {}, "postgresql://user"),
    "a DSN with a bad port": (("migrate", "--dsn", "postgresql://u:se/cret@h:x/db"), {}, "postgresql://user"),
    "a DSN setting without scheme": (("ingest",), {"TANFENG_DATABASE_DSN": "localhost"}, "TANFENG_DATABASE_DSN"),
    "a port that is no number": (("api",), {"TANFENG_API_PORT": "abc"}, "TANFENG_API_PORT"),
    "a state folder in a file": (("up", "--state", "/etc/hostname/state"), {}, "--state DIR"),
    "a state folder that cannot be": (("up", "--state", "/proc/tanfeng/state"), {}, "--state DIR"),
    "an API without database": (("api", "--dsn", "postgresql://u@127.0.0.1:1/db"), {}, "that the server runs"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_setting_is_one_line_with_its_fix(name: str, tmp_path: Path) -> None:
    """Nothing of a password in it."""
    arguments, settings, fix = WRONG[name]
    done = subprocess.run(
        (sys.executable, "-m", "tanfeng", *arguments),
        cwd=tmp_path,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert done.stderr.startswith("tanfeng: ")
    assert fix in done.stderr
    assert "cret" not in done.stderr


async def test_a_database_that_is_shutting_down_is_told_in_a_line() -> None:
    """A session that stays keeps the server in its shutdown; others are told so, a pool too."""
    with servers.postgres_server() as running:
        last = await asyncpg.connect(running.dsn("postgres"))
        os.kill(running.pid, signal.SIGTERM)
        while True:
            try:
                await (await connect(running.dsn("postgres"), name="test")).close()
            except TanfengError as problem:
                assert "shutting down" in problem.message  # noqa: PT017 - until then it answers
                break
        with pytest.raises(TanfengError, match="shutting down"):
            await open_pool(running.dsn("postgres"), name="test")
        await last.close()
        await asyncio.to_thread(running.end, signal.SIGTERM)


async def test_a_session_that_the_database_ended_is_told_in_a_line(database: str) -> None:
    """In the middle of a command; any other error keeps its traceback."""
    con, other = await connect(database, name="test"), await connect(database, name="test")
    pid = con.get_server_pid()
    waiting = asyncio.ensure_future(con.execute("SELECT pg_sleep(60)"))
    sleeps = "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = $1"
    await until(lambda: other.fetchval(sleeps, pid))
    await other.execute("SELECT pg_terminate_backend($1)", pid)
    with pytest.raises((asyncpg.AdminShutdownError, asyncpg.ConnectionDoesNotExistError)) as ended:
        await waiting
    assert "went away" in str(told(ended.value))
    with pytest.raises(asyncpg.UndefinedTableError) as wrong:
        await other.execute("SELECT * FROM nothing")
    assert told(wrong.value) is None
    con.terminate()
    await other.close()


def test_settings_name_every_variable_that_is_wrong() -> None:
    """All of them at once, without their values."""
    with pytest.raises(TanfengError, match=r"TANFENG_LINGER_S: .*; TANFENG_API_PORT: ") as caught:
        Settings(api_port="abc", linger_s=-1)
    assert "abc" not in str(caught.value)
