"""Telling systemd that a program is ready, alive and stopping (sd_notify), where it asked to be told.

`Type=notify` sets NOTIFY_SOCKET, `WatchdogSec=` sets WATCHDOG_USEC; without them nothing is sent. See systemd's
sd_notify(3).
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from services.model import SECOND_US

if TYPE_CHECKING:
    from collections.abc import Callable

READY: Final = "READY=1"
ALIVE: Final = "WATCHDOG=1"
STOPPING: Final = "STOPPING=1"


def tell(state: str) -> bool:
    """Send a state; whether anybody asked for it and could be told."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):  # a name in Linux's abstract space
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
        to.connect(address)
        to.sendall(state.encode())
        return True
    return False


def watchdog_s() -> float | None:
    """Within how many seconds systemd expects a sign of life of this process; None: it expects none."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    asked = os.environ.get("WATCHDOG_USEC", "")
    return int(asked) / SECOND_US if asked.isdecimal() and int(asked) > 0 else None


async def supervised(is_ready: Callable[[], bool], is_alive: Callable[[], bool], stop: asyncio.Event) -> None:
    """Tell of readiness once it is there, then at half the watchdog's time of life while there is any, then of the end.

    A program that hangs is not alive by its own account, sends nothing, and is started again.
    """
    period_s = (watchdog_s() or 2.0) / 2
    was_ready = False
    while not stop.is_set():
        if not was_ready and is_ready():
            was_ready = tell(READY)
        if watchdog_s() is not None and is_alive():
            tell(ALIVE)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), min(period_s, 1.0) if not was_ready else period_s)
    tell(STOPPING)
