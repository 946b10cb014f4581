"""What the supervisor needs to know of a program it runs."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tanfeng.embedded.identity import Identity

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


def _started(_pid: int) -> bool:
    return True


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Child:
    """A program to run: its command, how to see that it is ready, how to stop it.

    `before` runs before each start; `ready` is asked with the process id until true, at most `ready_s`;
    the first start is given up after `tries`; `stop_signal` asks it to end, and after `stop_s` it is killed.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    identity: Identity | None = None
    before: Callable[[], None] = _nothing
    ready: Callable[[int], bool] = _started
    ready_s: float = 30
    tries: int = 6
    stop_signal: signal.Signals = signal.SIGTERM
    stop_s: float = 20

    @property
    def argv(self) -> tuple[str, ...]:
        """The command with what its identity needs before it."""
        return (*(self.identity.prefix if self.identity else ()), *self.command)

    def options(self, output: int) -> dict[str, Any]:
        """Keywords for `subprocess.Popen`.

        Its output goes to a file, the terminal's signals do not reach it, and on Linux it is asked to stop when the
        thread that starts it ends, however it ends.
        """
        options: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": output,
            "stderr": output,
            "cwd": self.folder,
            "env": {**os.environ, **self.environment},
            "start_new_session": True,
        }
        if self.identity and not self.identity.prefix:
            options |= {"user": self.identity.uid, "group": self.identity.gid, "extra_groups": []}
        if _LIBC is not None:
            options["preexec_fn"] = partial(_end_with_parent, os.getpid(), self.stop_signal)
        return options


def _end_with_parent(parent: int, stop: signal.Signals) -> None:
    """In the child, between fork and exec: have the kernel send `stop` when the parent dies."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(stop), 0, 0, 0)
    if os.getppid() != parent:  # it died before the call
        os.kill(os.getpid(), signal.SIGKILL)
