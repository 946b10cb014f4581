"""`tanfeng up` on a disk that fills: it says which, stops cleanly, and has everything once there is room again."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import partial
from typing import TYPE_CHECKING

import pytest

from services.ledger.verify import verify
from tanfeng.embedded.reserve import HELD_BYTES, Reserve
from tests import servers
from tests.acceptance.test_up import Up, eventually
from tests.ingest_rig import connection, energy, make_fleet, stored, until
from tests.mqtt import publish

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.store.pool import Connection

DISK_MB = 480
METERS = 20


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A folder whose `state` is a file system of its own; skips where none may be mounted."""
    with servers.scratch("full") as folder:
        state = folder / "state"
        state.mkdir()
        mount = ("mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=755", "tmpfs", str(state))
        if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            pytest.skip("a small file system needs the right to mount one")
        try:
            yield folder
        finally:
            subprocess.run(("umount", "-l", str(state)), check=True)


def fill(folder: Path, leaving: int = 0) -> None:
    """Leave so many bytes."""
    with (folder / "filler").open("ab") as filler:
        while (room := shutil.disk_usage(folder).free - leaving) > 0:
            filler.write(bytes(min(room, 1 << 20)))
            filler.flush()


async def test_a_full_disk_is_said_and_stopped_on_cleanly(small_disk: Path) -> None:
    """What was acknowledged before and while it was full is booked after the next start."""
    state, mosquitto = small_disk / "state", servers.mosquitto_program()
    with Up(small_disk, mosquitto=mosquitto).ready() as up:
        eventually((state / "reserve").exists, up.said)
        url = f"mqtt://127.0.0.1:{up.port('broker')}"
        async with connection(up.dsn()) as con:
            fleet = await make_fleet(con, METERS)
            await publish(url, fleet.posts(1000))
            await until(partial(holds, con, 1000))
        fill(state)
        eventually(lambda: f"the disk of {state} is full" in up.said(), up.said)
        await publish(url, fleet.posts(1000, first=50))
        assert up.stop() == 0
    logs = {file.name: file.read_text(errors="replace") for file in (state / "logs").glob("*.log")}
    assert "database system is shut down" in logs["postgres.log"]
    assert {name: "Traceback" in text for name, text in logs.items()} == dict.fromkeys(logs, False)
    assert "Traceback" not in up.said()
    (state / "filler").unlink()
    with Up(small_disk, mosquitto=mosquitto).ready() as again:
        async with connection(again.dsn()) as con:
            await until(partial(holds, con, 2000))
            assert await energy(con) == METERS * 99 * 1000
            assert not [finding async for finding in verify(con)]
        assert again.stop() == 0


def test_the_reserve_is_held_where_there_is_room_and_given_up_where_there_is_none(small_disk: Path) -> None:
    """And held again; a person hears of it once."""
    state, said = small_disk / "state", list[str]()
    reserve = Reserve(state, said.append)
    reserve.look()
    assert (state / "reserve").stat().st_blocks * 512 >= HELD_BYTES
    fill(state)
    reserve.look()
    reserve.look()
    assert not reserve.is_held
    assert len(said) == 1
    assert os.fspath(state) in said[0]
    (state / "filler").unlink()
    reserve.look()
    assert reserve.is_held


async def holds(con: Connection, count: int) -> bool:
    """Whether so many readings are stored."""
    return await stored(con) == count
