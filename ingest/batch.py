"""A batch: messages decoded together, committed in one transaction, and only then acknowledged."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ingest.deferred import Registry
from services.ledger.lot import Lot
from services.ledger.shares import SMALL_BYTES, sender_of

if TYPE_CHECKING:
    from ingest.inbox import Inbox
    from ingest.packets import Message
    from services.ledger.intake import Intake
    from services.ledger.shares import Shares
    from services.wire import Limits

_LONG_BYTES: Final = 64 * 1024
"""After a message of such a size the transaction before gets its turn too."""
_STRETCH: Final = 500
"""Readings decoded at a stretch: in between the transaction before goes on, which keeps the database busy."""


@dataclass(slots=True)
class Batch:
    """Messages held until their lot is committed; `unread` are those refused as they came, by their place."""

    lot: Lot
    messages: list[Message] = field(default_factory=list)
    unread: set[int] = field(default_factory=set)


async def fill(inbox: Inbox, intake: Intake, limits: Limits, *, messages: int, readings: int) -> Batch:
    """Take and decode what waits, up to `messages` messages or about `readings` register values."""
    batch = Batch(Lot(intake.version))
    registry = Registry(intake.version, intake.directory, limits)
    lot, rest = batch.lot, _STRETCH
    while len(batch.messages) < messages and len(lot.arrivals) + len(lot.rejections) < readings:
        message = inbox.take()
        if message is None:
            break
        is_long = len(message.payload) > SMALL_BYTES
        waits = is_long and bool(inbox.deferred) and inbox.deferred.holds(message.topic)
        if waits or not lot.add_flawless(message, registry.directory, limits):
            _take_faulty(message, batch, inbox, registry, intake.shares, is_long=is_long)
        else:
            batch.messages.append(message)
        if len(lot.arrivals) + len(lot.rejections) >= rest or len(message.payload) > _LONG_BYTES:
            await asyncio.sleep(0)
            rest = len(lot.arrivals) + len(lot.rejections) + _STRETCH
    if inbox.deferred:
        for message, decoded in inbox.deferred.take(registry, intake.shares):
            batch.messages.append(message)
            lot.add_decoded(message, decoded)
    return batch


def decode_again(batch: Batch, intake: Intake, limits: Limits) -> None:
    """Decode the batch under the registry as it is now."""
    batch.lot = Lot(intake.version)
    for index, message in enumerate(batch.messages):
        if index in batch.unread:
            batch.lot.refuse_unread(message)
        else:
            batch.lot.add(message, intake.directory, limits)


def _take_faulty(
    message: Message, batch: Batch, inbox: Inbox, registry: Registry, shares: Shares, *, is_long: bool
) -> None:
    """Judge a small message within its sender's share, put others off, and refuse what there is no room for."""
    if is_long or (shares.over and shares.is_over(sender_of(message.topic))):
        if inbox.deferred.put(message):
            return
        batch.unread.add(len(batch.messages))
        batch.lot.refuse_unread(message)
    else:
        batch.lot.judge(message, registry.directory, registry.limits, shares)
    batch.messages.append(message)
