"""The supervisor keeps children running, and leaves none behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

import psutil
import pytest

from services.errors import TanfengError
from tanfeng.embedded import supervisor as supervisors
from tanfeng.embedded.child import Child
from tanfeng.embedded.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEADLINE_S = 20.0
SLEEPER = (sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)")


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until it holds; fail after a while."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it never came to hold"
        await asyncio.sleep(0.01)


def said_ready(log: Path, _pid: int) -> bool:
    """Whether the child has written that it is ready."""
    return "ready" in log.read_text()


async def test_a_killed_child_is_started_again(tmp_path: Path) -> None:
    """Kill -9 of a child brings a new process under the same name, and a person is told."""
    said: list[str] = []
    async with Supervisor(tmp_path, said.append) as supervisor:
        await supervisor.start(Child("sleeper", SLEEPER))
        first = supervisor.pid("sleeper")
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: supervisor.pid("sleeper") not in (None, first))
        assert supervisor.restarts("sleeper") == 1
        await eventually(lambda: any("runs again" in line for line in said))
    assert "SIGKILL" in said[0]


async def test_stop_ends_every_child_the_last_started_first(tmp_path: Path) -> None:
    """Each child writes when it is told to stop; the order is the reverse of the start."""
    order = tmp_path / "order"
    code = (
        "import signal, sys, time\n"
        f"signal.signal(signal.SIGTERM, lambda *_: (open({str(order)!r}, 'a').write(sys.argv[1]), sys.exit()))\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)"
    )
    pids = []
    async with Supervisor(tmp_path, print) as supervisor:
        for name in "abc":
            ready = partial(said_ready, tmp_path / f"{name}.log")
            await supervisor.start(Child(name, (sys.executable, "-c", code, name), ready=ready))
            pids.append(supervisor.pid(name))
    assert order.read_text() == "cba"
    assert not any(psutil.pid_exists(pid) for pid in pids if pid)


async def test_a_child_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    """After its time a child that does not stop is killed, and that is said."""
    said: list[str] = []
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
    async with Supervisor(tmp_path, said.append) as supervisor:
        child = Child(
            "deaf", (sys.executable, "-c", code), ready=partial(said_ready, tmp_path / "deaf.log"), stop_s=0.2
        )
        await supervisor.start(child)
        pid = supervisor.pid("deaf")
    assert pid is not None
    assert not psutil.pid_exists(pid)
    assert "killed" in said[-1]


async def test_a_child_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error carries the end of the child's log and where it lies."""
    monkeypatch.setattr(supervisors, "FIRST_PAUSE_S", 0.001)
    async with Supervisor(tmp_path, print) as supervisor:
        child = Child("broken", (sys.executable, "-c", "raise SystemExit('no such port')"), ready=lambda _: False)
        with pytest.raises(TanfengError, match=r"broken does not start: .*no such port.*broken\.log"):
            await supervisor.start(child)


async def test_a_missing_program_is_named(tmp_path: Path) -> None:
    """A program that is not there is an error a person can mend, not a traceback."""
    async with Supervisor(tmp_path, print) as supervisor:
        with pytest.raises(TanfengError, match="/no/such/program"):
            await supervisor.start(Child("absent", ("/no/such/program",)))


async def test_a_log_does_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log above the limit is kept once as .log.1 and begun anew."""
    monkeypatch.setattr(supervisors, "LOG_LIMIT_BYTES", 10)
    (tmp_path / "sleeper.log").write_text("what was said before\n")
    async with Supervisor(tmp_path, print) as supervisor:
        await supervisor.start(Child("sleeper", SLEEPER))
        assert (tmp_path / "sleeper.log.1").read_text() == "what was said before\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent died")
def test_children_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    """Kill -9 of the parent leaves no child running."""
    code = (
        "import asyncio, sys, pathlib\n"
        "from tanfeng.embedded.child import Child\n"
        "from tanfeng.embedded.supervisor import Supervisor\n"
        "async def main():\n"
        f"    async with Supervisor(pathlib.Path({str(tmp_path)!r}), print) as supervisor:\n"
        "        await supervisor.start(Child('sleeper', (sys.executable, '-c', 'import time; time.sleep(600)')))\n"
        "        print(supervisor.pid('sleeper'), flush=True)\n"
        "        await asyncio.sleep(600)\n"
        "asyncio.run(main())"
    )
    with subprocess.Popen((sys.executable, "-c", code), stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    asyncio.run(eventually(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE))
