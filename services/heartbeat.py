"""A heartbeat to a dead man's switch: an address asked for while all is well, whose keeper alarms when it is not.

Nobody can be told by Tanfeng that Tanfeng is dead. The address is a secret: whoever has it can keep the switch quiet.
"""

from __future__ import annotations

import asyncio
import time
import urllib.error
import urllib.request
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import structlog

from services.errors import TanfengError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ANSWER_S: Final = 10.0
_log = structlog.get_logger("heartbeat")


def checked(url: str) -> str:
    """The address, if it is one of HTTP.

    Raises:
        TanfengError: It is not; the message does not repeat it.
    """
    parts = urlsplit(url)
    if url and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise TanfengError("the heartbeat's address is none of HTTP", "set TANFENG_HEARTBEAT_URL to https://…")
    return url


async def run(url: str, every_s: float, is_well: Callable[[], Awaitable[bool]], stop: asyncio.Event) -> None:
    """Ask for the address every so often while all is well; says when that begins and ends. No address: nothing."""
    was_sent: bool | None = None
    while url and not stop.is_set():
        started = time.monotonic()
        problem = await asyncio.to_thread(_beat, url) if await is_well() else "not well"
        if was_sent is not (not problem):
            told = _log.warning if problem else _log.info
            told("heartbeat", sent=not problem, problem=problem)
        was_sent = not problem
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), max(0.1, every_s - (time.monotonic() - started)))


def _beat(url: str) -> str:
    """The problem, without the address, or nothing."""
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_S):  # noqa: S310 - the scheme was checked
            return ""
    except urllib.error.HTTPError as refused:
        return f"the other side answered {refused.code}"
    except (OSError, ValueError) as problem:
        return f"it cannot be reached: {type(problem).__name__}"
