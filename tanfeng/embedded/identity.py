"""Whom the embedded servers run as: PostgreSQL refuses to run as root, so as root they get an unprivileged user."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from services.errors import TanfengError

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNSHARE: Final = ("--user", "--map-user=1000", "--map-group=1000", "--")
_CANDIDATES: Final = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Identity:
    """A user for a child process: another one, or (with `prefix`) our own seen as a plain one in a user namespace."""

    uid: int
    gid: int
    prefix: tuple[str, ...] = ()

    def own(self, folder: Path) -> None:
        """Give the folder itself to this user."""
        if not self.prefix:
            os.chown(folder, self.uid, self.gid)


def unprivileged(reached: Sequence[Path], kept: Path) -> Identity | None:
    """The user the servers run as, who must be able to reach these paths; None if we are not root ourselves.

    Where `kept` exists, its owner. Else first another user: the one who called sudo, `postgres` or `nobody`. Where a
    parent folder is closed to it (a checkout under /root), a user namespace in which root is a plain user.
    """
    if os.geteuid() != 0:
        return None
    uid, gid = _owner(kept) if kept.exists() else _other_user()
    if uid and all(_reachable(path, uid) for path in reached):
        return Identity(uid, gid)
    if (unshare := shutil.which("unshare")) and _works((unshare, *_UNSHARE)):
        return Identity(0, 0, (unshare, *_UNSHARE))
    raise TanfengError(
        "PostgreSQL does not run as root, and an unprivileged user cannot reach the state folder or the programs",
        "choose --state in a folder open to others (such as /var/lib/tanfeng), or run tanfeng as a plain user",
    )


def _owner(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_uid, status.st_gid


def _other_user() -> tuple[int, int]:
    if (uid := int(os.environ.get("SUDO_UID", "0"))) > 0:
        return uid, int(os.environ.get("SUDO_GID", uid))
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in _CANDIDATES:
        if name in names:
            return names[name].pw_uid, names[name].pw_gid
    raise TanfengError("there is no unprivileged user here", "create a user named postgres, or run as a plain user")


def _reachable(path: Path, uid: int) -> bool:
    for folder in filter(Path.exists, path.resolve().parents):
        status = folder.stat()
        if not status.st_mode & (0o100 if status.st_uid == uid else 0o001):
            return False
    return True


def _works(prefix: tuple[str, ...]) -> bool:
    return subprocess.run((*prefix, "true"), check=False, capture_output=True).returncode == 0  # noqa: S603 - unshare
