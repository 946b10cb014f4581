"""The outbox's two halves: what is due is put in, and each target's messages are sent by a loop of its own.

A target that is down keeps its messages, waits longer and longer, and holds up nobody else. A message is marked
delivered after the other side has taken it: after a crash in between it is sent again, never lost.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog

from services.alerts.evaluations import clock
from services.alerts.silences import sites_silenced
from services.notify import outbox
from services.notify.channel import AppriseChannel, DeliveryError
from services.notify.config import MQTT
from services.notify.message import content, digest, text
from services.notify.mqtt import MqttChannel
from services.notify.routes import Sent, due, matches
from services.store.pool import open_pool
from services.store.problems import StoreAwayError, away_problems
from services.waiting import Backoff

if TYPE_CHECKING:
    from services.notify.channel import Channel
    from services.notify.config import Config, Target
    from services.store.pool import Connection

EVERY_S: Final = 1.0
FIRST_PAUSE_S: Final = 1.0
"""After a failure; twice as long after each that follows, up to the longest."""
LONGEST_PAUSE_S: Final = 60.0
LONGEST_S: Final = 30.0
"""A statement that takes longer is ended; a server that does not end it is lost."""
_log = structlog.get_logger("notify")


async def run(dsn: str, config: Config, stop: asyncio.Event) -> None:
    """Fill and empty the outbox until told to stop; a database that is away is waited for."""
    away = Backoff(EVERY_S, LONGEST_PAUSE_S)
    while not stop.is_set():
        try:
            with away_problems():
                async with await open_pool(dsn, name="tanfeng-notify", size=2, longest_s=LONGEST_S) as pool:
                    await _serve(pool, config, stop)
        except* StoreAwayError as problem:
            pause = away.next_s()
            _log.warning("database away", problem=str(problem.exceptions[0]), retry_s=round(pause, 1))
            await _sleep(stop, pause)


async def _serve(pool: outbox.Pool, config: Config, stop: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_fill(pool, config, stop))
        for target in config.targets.values():
            tasks.create_task(_empty(pool, target, _channel(config, target), stop))


def _channel(config: Config, target: Target) -> Channel:
    if target.kind == MQTT:
        return MqttChannel(config.broker_url, config.broker_ca)
    return AppriseChannel(target, config.allowed)


async def _fill(pool: outbox.Pool, config: Config, stop: asyncio.Event) -> None:
    while not stop.is_set():
        with away_problems():
            async with pool.acquire() as con:
                await outbox.bound(con, list(config.targets))
                await enqueue(con, config)
        await _sleep(stop, EVERY_S)


async def enqueue(con: Connection, config: Config, now: int | None = None) -> int:
    """Put into the outbox what is due; gives how many notifications are new. `now`: default: the database's clock."""
    at = await clock(con) if now is None else now
    candidates = [(alert, [Sent(*each) for each in sent]) for alert, sent in await outbox.candidates(con, at)]
    wanted = due(config, candidates, await sites_silenced(con, at), at)
    added = 0
    for each in wanted:
        sent = text(content(each.alert, each.kind))
        added += await outbox.put(con, each.target, each.alert.alert_id, each.kind, each.once, sent)
    return added + await _enqueue_digests(con, config, at)


async def _enqueue_digests(con: Connection, config: Config, now: int) -> int:
    """Once a day at most, an hour after the first of them was found: the historical alerts since the last digest."""
    added = 0
    for name, target in config.targets.items():
        if target.kind == MQTT:
            continue
        undigested = await outbox.undigested(con, name, now)
        routes = [route for route in config.routes if name in route.targets]
        alerts = [each for each in undigested if any(matches(route, each) for route in routes)]
        if alerts:
            once = f"digest:{max(each.alert_id or 0 for each in undigested)}"
            added += await outbox.put(con, name, None, "digest", once, text(digest(alerts)))
    return added


async def _empty(pool: outbox.Pool, target: Target, channel: Channel, stop: asyncio.Event) -> None:
    """Send message after message; after a failure pause, but not for what is more severe than what failed."""
    pause, resumes_at, below = FIRST_PAUSE_S, 0.0, outbox.RANKS
    try:
        while not stop.is_set():
            if time.monotonic() >= resumes_at:
                below = outbox.RANKS
            with away_problems():
                message = await _claim(pool, target, below)
                went = None if message is None else await _send(pool, target, channel, message)
            if message is None:
                await _sleep(stop, EVERY_S)
            elif went:
                pause, resumes_at = FIRST_PAUSE_S, 0.0
            else:
                resumes_at, below = time.monotonic() + pause, min(below, message.rank)
                pause = min(2 * pause, LONGEST_PAUSE_S)
    finally:
        await channel.close()


async def send_next(pool: outbox.Pool, target: Target, channel: Channel) -> bool | None:
    """Send the target's next message: whether it was taken; None if none is due, or the minute's share is used up."""
    message = await _claim(pool, target, outbox.RANKS)
    return None if message is None else await _send(pool, target, channel, message)


async def _claim(pool: outbox.Pool, target: Target, below: int) -> outbox.Message | None:
    async with pool.acquire() as con:
        return await outbox.claim(con, target.name, target.per_minute, below)


async def _send(pool: outbox.Pool, target: Target, channel: Channel, message: outbox.Message) -> bool:
    problem = ""
    try:
        await channel.send(message.content)
    except DeliveryError as refused:
        problem = str(refused)
    except Exception as fault:  # noqa: BLE001 - one odd message or answer must not end the loop; its text may hold the address
        problem = f"unexpected {type(fault).__name__}"
    async with pool.acquire() as con:
        await (outbox.failed(con, message, problem) if problem else outbox.delivered(con, message))
    if problem:
        _log.warning("not delivered", target=target.name, notification=message.number, problem=problem)
    else:
        _log.info("delivered", target=target.name, notification=message.number, attempts=message.attempts + 1)
    return not problem


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
