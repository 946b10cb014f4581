"""Our own programs as processes: a database, a broker and ingest between them, as an operator runs them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.error import URLError

from services.figures.access import act_as
from services.store.visit import visit
from tanfeng.embedded.ports import free_port
from tests import servers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PATIENCE_S = 60.0


@dataclass(frozen=True)
class Site:
    """A database with a registry, a broker, and ingest between them."""

    dsn: str
    broker: str
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The settings of our programs."""
        own = {
            "TANFENG_DATABASE_DSN": self.dsn,
            "TANFENG_BROKER_URL": self.broker,
            "TANFENG_HORIZON_DAYS": "0",
        }
        return {**os.environ, **own, **self.more}

    def tanfeng(self, *arguments: str, code: int = 0) -> str:
        """Run a command to its end, which is this exit code; its output."""
        command = (sys.executable, "-m", "tanfeng", *arguments)
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done.stdout

    async def committed(self, messages: int) -> None:
        """Wait until ingest has committed so many messages in all."""
        deadline = time.monotonic() + PATIENCE_S
        query = "SELECT coalesce(sum(messages), 0)::bigint FROM core.ingest_minute"
        while (found := (await self.rows(query))[0][0]) < messages:
            assert time.monotonic() < deadline, f"{found} of {messages} messages committed"
            await asyncio.sleep(0.05)

    async def rows(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Rows as the owner sees them."""
        async with visit(self.dsn, name="test") as con:
            return [tuple(row) for row in await con.fetch(query, *arguments)]

    async def report(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Rows as the district sees them."""
        async with visit(self.dsn, name="test") as con, con.transaction():
            await act_as(con, "tanfeng_district")
            return [tuple(row) for row in await con.fetch(query, *arguments)]


@contextmanager
def site(postgres: servers.Postgres, template: str, *registries: Path, workers: int = 1) -> Iterator[Site]:
    """Everything up, the registry files applied, ingest subscribed."""
    with ExitStack() as stack:
        dsn = stack.enter_context(postgres.database(template))
        here = Site(dsn, stack.enter_context(servers.mosquitto_broker()).url)
        for registry in registries:
            here.tanfeng("registry", "apply", str(registry), "--yes", "--as", "test")
        stack.enter_context(ingesting(here, workers))
        yield here


@contextmanager
def ingesting(here: Site, workers: int) -> Iterator[None]:
    """A running ingest; must end in order."""
    port = free_port()
    command = (sys.executable, "-m", "tanfeng", "ingest", "--workers", str(workers))
    environment = here.environment | {"TANFENG_INGEST_PORT": str(port)}
    with subprocess.Popen(command, env=environment) as process:
        try:
            for worker in range(workers):
                wait_healthy(port + worker, process)
            yield
        finally:
            process.terminate()
    assert process.returncode == 0


def wait_healthy(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until a worker has its database and its broker."""
    deadline = time.monotonic() + PATIENCE_S
    while not healthy(port):
        assert process.poll() is None, f"ingest ended with {process.returncode}"
        assert time.monotonic() < deadline, "ingest does not get healthy"
        time.sleep(0.05)


def healthy(port: int) -> bool:
    """Whether a worker says so."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return b'"connected": false' not in answer.read()
    except (URLError, OSError):
        return False
