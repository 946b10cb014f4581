"""The one folder in which the embedded default keeps everything: database, broker, logs, ports, passwords."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from services.errors import TanfengError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import TextIO

_PRIVATE = 0o600


class State:
    """A locked state folder; two `tanfeng up` never share one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.ports = folder / "ports.json"
        self.settings = folder / "settings.json"

    def part(self, name: str) -> Path:
        """The folder of one server, created if missing."""
        folder = self.folder / name
        folder.mkdir(mode=0o755, exist_ok=True)
        return folder

    def secret(self, name: str) -> str:
        """A password of this installation: made once, kept in a file only its owner reads."""
        file = self.folder / "secrets.json"
        known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
        if name not in known:
            known[name] = secrets.token_urlsafe(24)
            write_private(file, json.dumps(known, indent=1) + "\n")
        return known[name]

    def tell(self, settings: Mapping[str, str]) -> None:
        """Leave the settings of our programs to whoever looks at this stack while it runs, see `running`."""
        write_private(self.settings, json.dumps(dict(settings), indent=1) + "\n")


def running(folder: Path) -> dict[str, str] | None:
    """The settings of the programs of the `tanfeng up` that has this folder; None: none has."""
    try:
        with (folder / "lock").open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        file = folder / "settings.json"
        return dict(json.loads(file.read_text())) if file.exists() else None
    return None


def write_private(file: Path, text: str) -> None:
    """Replace a file in one step by one that only its owner reads."""
    draft = file.with_name(f"{file.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE), "w") as out:
        out.write(text)
    draft.replace(file)


@contextmanager
def opened(folder: Path) -> Iterator[State]:
    """The state folder, created if missing and locked until left; the lock ends with the process, however it ends.

    Raises:
        TanfengError: It cannot be written, or is in use.
    """
    folder = folder.absolute()
    with _lock_file(folder) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            raise TanfengError(
                f"{folder} is in use by another tanfeng up", "stop that one, or choose another --state DIR"
            ) from problem
        yield State(folder)


def _lock_file(folder: Path) -> TextIO:
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        (folder / "logs").mkdir(mode=0o755, exist_ok=True)
        return (folder / "lock").open("a+")
    except OSError as problem:
        raise TanfengError(
            f"the state cannot be kept in {folder}: {problem.strerror}",
            "choose a folder that this user may write by --state DIR or TANFENG_STATE_DIR",
        ) from problem
