"""What benchmarks of ingest stand on: a durable PostgreSQL and a broker with the settings of the embedded default."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import psutil

from tanfeng.embedded.broker import Broker, find_mosquitto
from tanfeng.embedded.ports import free_port
from tanfeng.embedded.postgres import PostgresServer
from tests import servers
from tests.ingest_rig import environment

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[1]


class Stand(NamedTuple):
    """Servers that run, and a folder for what is written beside them."""

    postgres: servers.Postgres
    broker: servers.MqttBroker
    folder: Path

    @property
    def log(self) -> Path:
        """Where `ingest_process` writes."""
        return self.folder / "worker.log"


def ingest_process(on: Stand) -> subprocess.Popen[bytes]:
    """`tanfeng ingest` on these servers; whoever starts it ends it."""
    command = (sys.executable, "-m", "tanfeng", "ingest")
    with on.log.open("wb") as log:
        return subprocess.Popen(command, env=environment(on.postgres.dsn(), on.broker.url), stdout=log, stderr=log)


@contextmanager
def stand(postgres_bin: Path | None = None) -> Iterator[Stand]:
    """Both servers, on free ports; `postgres_bin` names the programs of another PostgreSQL, with TimescaleDB."""
    with tempfile.TemporaryDirectory(prefix="tanfeng-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for part in ("postgres", "broker"):
            (folder / part).mkdir()
            (folder / part).chmod(0o755)
        settings = servers.TIMESCALE if postgres_bin else {}
        server = PostgresServer(folder / "postgres", free_port(), bin_dir=postgres_bin, settings=settings)
        extracted = ROOT / ".local" / "servers" / "mosquitto"
        broker = Broker(folder / "broker", free_port(), program=extracted if extracted.exists() else find_mosquitto())
        server.prepare()
        broker.prepare()
        made = Stand(
            servers.Postgres(server, folder / "postgres.log"), servers.MqttBroker(broker, folder / "broker.log"), folder
        )
        made.postgres.start()
        made.broker.start()
        try:
            yield made
        finally:
            made.broker.stop()
            made.postgres.stop()


def cpu_s(pid: int) -> float:
    """CPU seconds so far of a process and its children; 0 of one that has ended."""
    try:
        main = psutil.Process(pid)
        times = [each.cpu_times() for each in (main, *main.children(recursive=True))]
    except psutil.NoSuchProcess:
        return 0.0
    return sum(each.user + each.system for each in times)
