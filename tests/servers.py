"""Real servers for tests: started on free loopback ports, stopped or killed at will, ended with the test run."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from tanfeng.embedded.broker import Broker, find_mosquitto
from tanfeng.embedded.ports import free_port
from tanfeng.embedded.postgres import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Mapping

    from tanfeng.embedded.child import Child

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
TEMPLATE = "tanfeng_template"
MEMORY = Path("/dev/shm")  # noqa: S108 - folders with names of their own
ROOM_BYTES = 6 * 2**30

FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "max_connections": "60",
    "max_wal_size": "512MB",
    "statement_timeout": "120s",
}
"""No waiting for the disk: a commit still survives kill -9 of the server, if not of the machine. A query that does not
end fails its test instead of the run."""
TIMESCALE = {
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
    "timescaledb.max_background_workers": "0",
}


class Running:
    """A server process of the embedded default, run by the test itself."""

    def __init__(self, child: Child, log: Path) -> None:
        self.child = child
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process; fails when it is not running."""
        assert self._process is not None, "not started"
        return self._process.pid

    def start(self) -> None:
        """Start and wait until ready; a start that fails is tried again for some seconds, as after a kill -9."""
        deadline = time.monotonic() + 20
        while not self._tried(deadline):
            if time.monotonic() > deadline:
                pytest.fail(f"{self.child.name} does not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.05)

    def _tried(self, deadline: float) -> bool:
        self.child.before()
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(self.child.argv, **self.child.options(output.fileno()))
        while self._process.poll() is None and time.monotonic() < deadline:
            if self.child.ready(self._process.pid):
                return True
            time.sleep(0.01)
        return False

    def stop(self) -> None:
        """Stop as the supervisor would."""
        self.end(self.child.stop_signal)

    def kill(self) -> None:
        """Kill -9."""
        self.end(signal.SIGKILL)

    def end(self, number: signal.Signals) -> None:
        """Send this signal and wait for the end."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(30)
            self._process = None


class Postgres(Running):
    """A PostgreSQL server whose databases are made and dropped by tests."""

    def __init__(self, server: PostgresServer, log: Path) -> None:
        super().__init__(server.child(), log)
        self.server = server
        self._made = 0

    def dsn(self, database: str = "tanfeng") -> str:
        """Where to connect, as owner."""
        return self.server.dsn(database)

    def execute(self, statement: str) -> None:
        """Run one statement on the server's own database."""
        run(_execute(self.dsn("postgres"), statement))

    def create(self, template: str = "template1") -> str:
        """A new database, by name."""
        self._made += 1
        name = f"{os.environ.get('PYTEST_XDIST_WORKER', 'test')}_{self._made}"
        # copying the files costs a tenth of writing each page to the log, which without fsync nobody needs
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return name

    def drop(self, name: str) -> None:
        """Remove a database with all its connections."""
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def make_template(self) -> str:
        """The migrated database that tests clone."""
        self.execute(f"CREATE DATABASE {TEMPLATE}")
        run(_migrate(self.dsn(TEMPLATE)))
        return TEMPLATE

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """The dsn of a database that goes when left."""
        name = self.create(template)
        try:
            yield self.dsn(name)
        finally:
            self.drop(name)


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run it on a loop of its own, so that fixtures leave the loop of the test alone."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(coroutine)
    finally:
        loop.close()


async def _execute(dsn: str, statement: str) -> None:
    con = await asyncpg.connect(dsn)
    try:
        await con.execute(statement)
    finally:
        await con.close()


async def _migrate(dsn: str) -> None:
    from services.store.migrate import migrate  # noqa: PLC0415 - servers alone do not need the store
    from services.store.pool import connect  # noqa: PLC0415

    con = await connect(dsn, name="tests")
    try:
        await migrate(con)
    finally:
        await con.close()


@contextmanager
def scratch(name: str, base: Path | None = None) -> Iterator[Path]:
    """A folder for a server's data, open to the unprivileged user that servers of root run as."""
    folder = Path(tempfile.mkdtemp(prefix=f"tanfeng-{name}-{os.getpid()}-", dir=base))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def memory() -> Path | None:
    """The file system in memory where there is room: databases are cloned several times faster there than on disk.

    Folders that killed runs left there are removed first.
    """
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ROOM_BYTES:
        return None
    for left in MEMORY.glob("tanfeng-*-*-*"):
        if not Path(f"/proc/{left.name.split('-')[2]}").exists():
            shutil.rmtree(left, ignore_errors=True)
    return MEMORY


@contextmanager
def postgres_server(bin_dir: Path | None = None, settings: Mapping[str, str] | None = None) -> Iterator[Postgres]:
    """A running PostgreSQL, stopped and removed when left."""
    with scratch("postgres", memory()) as folder:
        server = PostgresServer(folder, free_port(), bin_dir=bin_dir, settings={**FAST, **(settings or {})})
        server.prepare()
        running = Postgres(server, folder / "log")
        running.start()
        try:
            yield running
        finally:
            running.end(signal.SIGQUIT)  # at once: nobody reads this data again


class MqttBroker(Running):
    """A Mosquitto with the settings of the embedded default."""

    def __init__(self, broker: Broker, log: Path) -> None:
        super().__init__(broker.child(), log)
        self.broker = broker
        self.url = broker.url


@contextmanager
def mosquitto_broker(
    passwords: Mapping[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
    program: Path | None = None,
) -> Iterator[MqttBroker]:
    """A running Mosquitto, stopped and removed when left; skips where there is none."""
    program = program or mosquitto_program()
    with scratch("mosquitto") as folder:
        broker = Broker(folder, free_port(), program=program, passwords=passwords or {}, settings=settings or {})
        broker.prepare()
        running = MqttBroker(broker, folder / "log")
        running.start()
        try:
            yield running
        finally:
            running.stop()


def mosquitto_program() -> Path:
    """The Mosquitto that tests use: of scripts/servers, else the installed one; skips where there is none."""
    extracted = ROOT / ".local" / "servers" / "mosquitto"
    found = extracted if extracted.exists() else find_mosquitto()
    if found is None:
        pytest.skip("no Mosquitto: scripts/servers could not provide one and none is installed")
    return found


def timescale_programs() -> Path:
    """PostgreSQL 17 with TimescaleDB, fetched by scripts/servers if need be; skips where it cannot be had."""
    done = subprocess.run((ROOT / "scripts" / "servers",), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no TimescaleDB: {done.stderr.strip().splitlines()[0]}")
    return ROOT / ".local" / "servers" / "postgres-bin"
