"""systemd is told what it asked for, by the datagrams that it expects."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING

import pytest

from services import sd_notify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket on which systemd would listen, named in the environment."""
    is_abstract = request.param == "abstract"
    name = f"tanfeng-test-{os.getpid()}" if is_abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + name if is_abstract else name)
        listening.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name if is_abstract else name)
        yield listening


async def test_it_is_told_of_readiness_of_life_while_there_is_any_and_of_the_end(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readiness once; signs of life only while the program says that it is alive."""
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    stop, alive = asyncio.Event(), [True]
    task = asyncio.create_task(sd_notify.supervised(lambda: True, lambda: alive[0], stop))
    heard = [await asyncio.to_thread(_heard, systemd) for _ in range(3)]
    assert heard == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]
    alive[0] = False
    stop.set()
    await task
    rest = [await asyncio.to_thread(_heard, systemd)]
    while rest[-1] != "STOPPING=1":
        rest.append(await asyncio.to_thread(_heard, systemd))
    assert set(rest[:-1]) <= {"WATCHDOG=1"}


def _heard(systemd: socket.socket) -> str:
    return systemd.recv(100).decode()


def test_without_systemd_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor where its socket is gone; a watchdog of another process is not ours."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not sd_notify.tell(sd_notify.READY)
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/notify")
    assert not sd_notify.tell(sd_notify.READY)
    monkeypatch.setenv("WATCHDOG_USEC", "20000000")
    assert sd_notify.watchdog_s() == 20.0
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert sd_notify.watchdog_s() is None
