"""Worker processes of one command: started together, restarted when they end, stopped together."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from services import sd_notify
from tanfeng.embedded.child import Child

if TYPE_CHECKING:
    from asyncio.subprocess import Process

UNMENDABLE: Final = 2
"""The exit code of a wrong setting: starting again would not help."""
STOP_S: Final = 30.0
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 10.0
_SETTLED_S: Final = 30.0


async def run_workers(command: tuple[str, ...], number: int) -> int:
    """Run `command` with 0 … number - 1 as its last argument until SIGTERM or SIGINT; returns the exit code.

    A worker that ends is started again with growing pauses; one that complains about a setting ends them all.
    """
    stop = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    telling = asyncio.create_task(sd_notify.supervised(lambda: True, lambda: True, stop))
    keepers = [asyncio.create_task(_keep((*command, str(index)), stop)) for index in range(number)]
    codes = await asyncio.gather(*keepers)
    stop.set()
    await telling
    return max(codes)


async def _keep(command: tuple[str, ...], stop: asyncio.Event) -> int:
    """Keep one worker running until stopped; the exit code of the last one if it did not end in order, else 0."""
    pause = _FIRST_PAUSE_S
    while True:
        since = time.monotonic()
        # its own group, and told to stop should this process die
        process = await asyncio.create_subprocess_exec(
            *command, **Child("worker", command).options(sys.stderr.fileno())
        )
        code = await _ended(process, stop)
        if code == UNMENDABLE:
            stop.set()
        if stop.is_set():
            return code
        pause = _FIRST_PAUSE_S if time.monotonic() - since > _SETTLED_S else pause
        sys.stderr.write(f"tanfeng: worker {command[-1]} ended with {code}, starting it again in {pause:.1f} s\n")
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)
        if stop.is_set():
            return 0
        pause = min(2 * pause, _LONGEST_PAUSE_S)


async def _ended(process: Process, stop: asyncio.Event) -> int:
    """Wait for its end, asking for it when stopped."""
    ending, stopping = asyncio.create_task(process.wait()), asyncio.create_task(stop.wait())
    await asyncio.wait({ending, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not ending.done():
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(asyncio.shield(ending), STOP_S)
        except TimeoutError:
            process.kill()
    return await ending
