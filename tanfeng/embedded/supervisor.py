"""Runs the child processes of `tanfeng up`: in order, restarted when they end, stopped in reverse order."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from services.errors import TanfengError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tanfeng.embedded.child import Child

FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 10.0
SETTLED_S: Final = 30.0
"""A child that ran this long starts again with the first pause."""
LOG_LIMIT_BYTES: Final = 50_000_000
_POLL_S: Final = 0.02
_TRIM_EVERY_S: Final = 60.0


class Supervisor:
    """Starts children one after the other and keeps them running until stopped; use as `async with`.

    Must run in the main thread: on Linux a child is told to stop when the thread that started it ends.
    """

    def __init__(self, logs: Path, say: Callable[[str], None]) -> None:
        self._logs = logs
        self._say = say
        self._keepers: dict[str, _Keeper] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, child: Child) -> None:
        """Start it and wait until it is ready.

        Raises:
            TanfengError: it ended or did not get ready in several tries; the message carries the end of its log.
        """
        keeper = _Keeper(child, self._logs / f"{child.name}.log", self._say)
        self._keepers[child.name] = keeper
        await keeper.start()

    async def stop(self) -> None:
        """Stop all, the last started first; each gets its time to finish."""
        while self._keepers:
            _, keeper = self._keepers.popitem()
            await keeper.stop()

    def pid(self, name: str) -> int | None:
        """The process of a child now; None between two starts."""
        return self._keepers[name].pid

    def restarts(self, name: str) -> int:
        """How often a child was started again."""
        return self._keepers[name].restarts


class _Keeper:
    """Keeps one child running."""

    def __init__(self, child: Child, log: Path, say: Callable[[str], None]) -> None:
        self.restarts = 0
        self._child = child
        self._log = log
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        pause = FIRST_PAUSE_S
        for _ in range(self._child.tries):
            process = await self._spawn()
            if await self._gets_ready(process):
                self._task = asyncio.create_task(self._keep(process), name=f"keep {self._child.name}")
                return
            await asyncio.sleep(pause)
            pause *= 2
        raise TanfengError(f"{self._child.name} does not start: {self._last_words()}", f"its log is {self._log}")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._process is not None:
            await self._end(self._process)

    async def _keep(self, process: asyncio.subprocess.Process) -> None:
        pause = FIRST_PAUSE_S
        while True:
            since = time.monotonic()
            code = await self._ended(process)
            pause = FIRST_PAUSE_S if time.monotonic() - since > SETTLED_S else pause
            self.restarts += 1
            self._say(
                f"{self._child.name} 已退出，正在重启 ended ({_how(code)}), starting it again; its log is {self._log}"
            )
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
            process = await self._again(pause)
            if await self._gets_ready(process):
                self._say(f"{self._child.name} 已恢复 runs again")

    async def _ended(self, process: asyncio.subprocess.Process) -> int:
        while process.returncode is None:
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _TRIM_EVERY_S)
            self._trim_log()
        return process.returncode

    async def _again(self, pause: float) -> asyncio.subprocess.Process:
        while True:
            try:
                return await self._spawn()
            except TanfengError as problem:
                self._say(f"{self._child.name} 无法启动，重试中 {problem}; trying again")
                await asyncio.sleep(pause)

    async def _spawn(self) -> asyncio.subprocess.Process:
        try:
            await asyncio.to_thread(self._child.before)
            self._trim_log()
            output = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        except OSError as problem:
            raise TanfengError(
                f"{self._child.name} cannot be started: {problem.strerror}: {problem.filename or self._log}",
                f"make room on the disk of {self._log.parent.parent}, and see that it can be written",
            ) from problem
        try:
            self._process = await asyncio.create_subprocess_exec(*self._child.argv, **self._child.options(output))
        except OSError as problem:
            raise TanfengError(f"{self._child.command[0]} cannot be run: {problem.strerror}") from problem
        finally:
            os.close(output)
        return self._process

    async def _gets_ready(self, process: asyncio.subprocess.Process) -> bool:
        """Whether it is ready in its time; one that is not is ended, so that the next try starts clean."""
        deadline = time.monotonic() + self._child.ready_s
        while process.returncode is None and time.monotonic() < deadline:
            if await asyncio.to_thread(self._child.ready, process.pid):
                return True
            await asyncio.sleep(_POLL_S)
        await self._end(process)
        return False

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(self._child.stop_signal)
            try:
                await asyncio.wait_for(process.wait(), self._child.stop_s)
            except TimeoutError:
                self._say(
                    f"{self._child.name} 未按时停止，已强制结束 did not stop in {self._child.stop_s:.0f} s: killed"
                )
                os.killpg(process.pid, signal.SIGKILL)  # it leads its own process group
                await process.wait()

    def _trim_log(self) -> None:
        """Keep the log bounded: the child appends, so it can be cut under it."""
        if self._log.exists() and self._log.stat().st_size > LOG_LIMIT_BYTES:
            with suppress(OSError):  # a full disk: what was said is worth less than the room
                shutil.copyfile(self._log, self._log.with_suffix(".log.1"))
            os.truncate(self._log, 0)

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines() if self._log.exists() else []
        return " / ".join(lines[-3:]) or "it said nothing"


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
