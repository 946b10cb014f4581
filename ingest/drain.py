"""Empties the queues of workers that are gone: their sessions go on receiving their share of the messages.

A slot beyond the configured number of workers is also closed: unsubscribed first, so that nothing new comes; emptied;
then its session is removed. A slot within the number is only emptied, for its worker will be back.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from ingest.clients import connect
from ingest.connection import BrokerError
from ingest.subscriber import TOPICS
from services.store.problems import StoreAwayError

if TYPE_CHECKING:
    from ingest.clients import AnyConnection
    from ingest.connection import Broker
    from ingest.inbox import Inbox
    from ingest.subscriber import Group
    from services.store.intake import Intake

VISIT_S: Final = 20.0
"""A queue that is still being filled is left after this long; its worker may want the slot."""
_CALM_S: Final = 0.2
_log = structlog.get_logger("ingest")


@dataclass(slots=True)
class Drainer:
    """Looks for abandoned slots every `every_s` and delivers what waits there to the worker's own inbox."""

    broker: Broker
    group: Group
    workers: int
    every_s: float
    inbox: Inbox
    intake: Intake

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self.every_s)
            try:
                slot = await self.intake.claim_left_over(self.every_s)
                if slot is not None:
                    await self._visit(slot)
            except StoreAwayError as problem:
                _log.warning("drain interrupted", problem=str(problem))

    async def _visit(self, slot: int) -> None:
        closes = slot >= self.workers
        epoch, is_gone = self.intake.epoch, False
        try:
            await self._empty(slot, epoch, closes=closes)
            if closes:
                await self._remove(slot)
                is_gone = True
        except (BrokerError, TimeoutError) as problem:
            _log.warning("drain interrupted", slot=slot, problem=str(problem) or "the queue does not end")
        finally:
            if epoch == self.intake.epoch:  # else the lock went with its connection
                await self.intake.release(slot, forget=is_gone)

    async def _empty(self, slot: int, epoch: int, *, closes: bool) -> None:
        connection, has_session = await connect(self.broker, self.group.client_id(slot), self.inbox)
        try:
            if closes:
                await self.intake.subscribed(slot, None)
                for topic_filter in (self.group.shared_filter, TOPICS):  # whichever it was
                    await connection.unsubscribe(topic_filter)
            if has_session:
                async with asyncio.timeout(VISIT_S):
                    await self._until_empty(connection, epoch)
            _log.info("drained", slot=slot, messages=connection.received)
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

    async def _remove(self, slot: int) -> None:
        """Replace the session by one that ends with its connection."""
        connection, _ = await connect(self.broker, self.group.client_id(slot), self.inbox, clean=True)
        await connection.disconnect()
