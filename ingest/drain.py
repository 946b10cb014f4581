"""Empties the queues of sessions that nobody reads any more: they go on receiving their share of the messages.

Of a worker that is gone: a slot beyond the configured number of workers is also closed: unsubscribed first, so that
nothing new comes; emptied; then its session is removed. A slot within the number is only emptied, for its worker will
be back. And of our own slot: sessions that a new one has replaced are ended in the same way once that is subscribed.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from ingest.broker_watch import of_meters
from ingest.clients import connect
from ingest.connection import BrokerError
from ingest.subscriber import TOPICS
from services.store.problems import StoreAwayError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.clients import AnyConnection
    from ingest.connection import Broker
    from ingest.inbox import Inbox
    from ingest.subscriber import Group, Subscriber
    from services.ledger.intake import Intake

VISIT_S: Final = 20.0
"""A queue that is still being filled is left after this long; its worker may want the slot."""
_CALM_S: Final = 0.2
_log = structlog.get_logger("ingest")


@dataclass(slots=True)
class Drainer:
    """Looks for such sessions every `every_s` and delivers what waits there to the worker's own inbox."""

    broker: Broker
    group: Group
    workers: int
    every_s: float
    inbox: Inbox
    intake: Intake
    subscriber: Subscriber

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._look_after_own()
                await asyncio.sleep(self.every_s)
                slot = await self.intake.claim_left_over(self.every_s)
                if slot is not None:
                    await self._visit(slot)
            except StoreAwayError as problem:
                _log.warning("drain interrupted", problem=str(problem))
                await asyncio.sleep(self.every_s)

    async def _look_after_own(self) -> None:
        """Follow to a new session, and end those before it once it is subscribed: nothing falls between them."""
        secret, retired = await self.intake.own_sessions()
        if secret != self.subscriber.secret and self.subscriber.secret:
            await self.subscriber.renew()
        if not retired:
            return
        await self.subscriber.subscribed.wait()
        slot, epoch = self.intake.slot, self.intake.epoch
        with _interruptions(slot):
            for each in retired:
                await self._end(slot, each, epoch)

    async def _visit(self, slot: int) -> None:
        epoch, is_gone = self.intake.epoch, False
        try:
            with _interruptions(slot):
                async with asyncio.timeout(VISIT_S):
                    is_gone = await self._leave_nothing(slot, epoch)
        finally:
            if epoch == self.intake.epoch:  # else the lease went with its connection
                await self.intake.release(slot, forget=is_gone)

    async def _leave_nothing(self, slot: int, epoch: int) -> bool:
        """Empty an abandoned slot; whether it is closed, all its sessions removed."""
        secret, retired = await self.intake.left_sessions(slot)
        for each in retired:
            await self._end(slot, each, epoch)
        if slot < self.workers:
            if secret is not None:
                await self._empty(slot, secret, epoch, ends=False)
            return False
        if secret is not None:
            await self.intake.subscribed(slot, None)
            await self._end(slot, secret, epoch)
        return True

    async def _end(self, slot: int, secret: str, epoch: int) -> None:
        """Empty a session and replace it by one that ends with its connection."""
        await self._empty(slot, secret, epoch, ends=True)
        connection, _ = await connect(self.broker, self.group.client_id(slot, secret), self.inbox, clean=True)
        await connection.disconnect()
        await self.intake.session_ended(slot, secret)

    async def _empty(self, slot: int, secret: str, epoch: int, *, ends: bool) -> None:
        client_id = self.group.client_id(slot, secret)
        connection, has_session = await connect(self.broker, client_id, self.inbox, aside=of_meters)
        try:
            if has_session:
                for topic_filter in (self.group.shared_filter, TOPICS) if ends else ():  # whichever it was
                    await connection.unsubscribe(topic_filter)
                await self._until_empty(connection, epoch)
            _log.info("drained", slot=slot, messages=connection.received, ends=ends)
        finally:
            await connection.disconnect()

    async def _until_empty(self, connection: AnyConnection, epoch: int) -> None:
        seen = -1
        while connection.received != seen or connection.unacked:
            if epoch != self.intake.epoch:
                raise BrokerError("the slot was lost with the database connection")
            seen = connection.received
            await asyncio.sleep(_CALM_S)
            await connection.barrier()


@contextmanager
def _interruptions(slot: int) -> Iterator[None]:
    """What is not done now is done at the next look."""
    try:
        yield
    except (BrokerError, TimeoutError) as problem:
        _log.warning("drain interrupted", slot=slot, problem=str(problem) or "the queue does not end")
