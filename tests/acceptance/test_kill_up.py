"""`kill -9` of all of `tanfeng up` at once, under load, again and again; TANFENG_KILL_UP_ROUNDS sets how often."""

from __future__ import annotations

import asyncio
import contextlib
import os
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import psutil
import pytest

from services.ledger.verify import verify
from tests import servers
from tests.acceptance.test_kill import METERS, SEED, Load, ends, has_more
from tests.acceptance.test_up import Up, all_gone, eventually
from tests.ingest_rig import connection, energy, make_fleet, stored, until
from tests.mqtt import publish

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.store.pool import Connection

ROUNDS = int(os.environ.get("TANFENG_KILL_UP_ROUNDS", "2"))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for state and output."""
    with servers.scratch("up") as made:
        yield made


async def test_kill_9_of_everything_at_once_loses_and_doubles_nothing(folder: Path) -> None:
    """What was committed is there after each start, and once each meter has sent again the energy is exact."""
    rnd, mosquitto = Random(SEED), servers.mosquitto_program()
    load, before = None, 0
    for _ in range(ROUNDS):
        with Up(folder, mosquitto=mosquitto).ready() as up:
            async with connection(up.dsn()) as con:
                if load is None:
                    load = await first_load(con, broker_of(up))
                assert await stored(con) >= before
                task = asyncio.create_task(load.run())
                await until(partial(has_more, con, await stored(con)))
                await asyncio.sleep(rnd.uniform(0, 1.0))  # the moment of the kill is the experiment
                before = await stored(con)
            kill_all(up)
            task.cancel()
            await asyncio.wait([task])
    assert load is not None
    with Up(folder, mosquitto=mosquitto).ready() as up:
        last = (load.acked // METERS + 2) * METERS
        await publish(broker_of(up), [load.post(n) for n in range(last - METERS, last)])
        async with connection(up.dsn()) as con:
            await until(partial(ends, con, last // METERS - 1))
            assert await stored(con) >= before
            assert await energy(con) == METERS * (last // METERS - 1) * 1000
            assert not [finding async for finding in verify(con)]
        assert up.stop() == 0


async def first_load(con: Connection, url: str) -> Load:
    """A load whose first reading of each meter is stored: energy counts from there."""
    fleet = await make_fleet(con, METERS)
    load = Load(url, fleet)
    await publish(url, fleet.posts(METERS))
    await until(partial(holds, con, METERS))
    load.acked = METERS
    return load


async def holds(con: Connection, count: int) -> bool:
    """Whether so many readings are stored."""
    return await stored(con) == count


def broker_of(up: Up) -> str:
    """Where its broker is; the ports stay from start to start."""
    return f"mqtt://127.0.0.1:{up.port('broker')}"


def kill_all(up: Up) -> None:
    """Kill -9 the supervisor and everything below it, and wait until it is gone."""
    children = up.children()
    for process in (psutil.Process(up.process.pid), *children):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    up.process.wait()
    eventually(lambda: all_gone(children), lambda: f"still there: {children}")
