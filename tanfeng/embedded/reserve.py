"""Room on the disk that is held back, so that servers whose disk is full can still write what a clean stop needs."""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HELD_BYTES: Final = 64 * 1024**2
"""A segment of PostgreSQL's log, its last checkpoint, and the broker's sessions."""
LOW_BYTES: Final = 16 * 1024**2
"""Less free than this is a full disk: the next segment of the log may not fit."""
ROOMY_BYTES: Final = 4 * HELD_BYTES
"""With so much free the reserve is held back again."""
LOOK_S: Final = 2.0


class Reserve:
    """A file of `HELD_BYTES` in the state folder, given up when its disk is full."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.folder = folder
        self._file = folder / "reserve"
        self._say = say

    @property
    def is_held(self) -> bool:
        """Whether it is there."""
        return self._file.exists()

    async def watch(self) -> None:
        """Hold it back, give it up, and say so, as the disk fills and empties; until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Once."""
        free = shutil.disk_usage(self.folder).free
        if self.is_held and free < LOW_BYTES:
            self.give_up()
            held, left = HELD_BYTES // 1024**2, free // 1024**2
            self._say(
                f"磁盘已满 the disk of {self.folder} is full ({left} MB left): "
                f"{held} MB held back are given up for a clean stop; make room, nothing acknowledged is lost"
            )
        elif not self.is_held and free > ROOMY_BYTES:
            self._hold()

    def give_up(self) -> None:
        """Let the servers have it."""
        self._file.unlink(missing_ok=True)

    def _hold(self) -> None:
        try:
            with self._file.open("wb") as held:
                os.posix_fallocate(held.fileno(), 0, HELD_BYTES)
        except OSError:  # no room after all, or no such call on this file system
            with suppress(OSError):
                self.give_up()
