"""A batch: messages decoded together, committed in one transaction, and only then acknowledged."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from services.store.lot import Lot

if TYPE_CHECKING:
    from ingest.inbox import Inbox
    from ingest.packets import Message
    from services.store.intake import Intake
    from services.wire import Limits

_LONG_BYTES: Final = 64 * 1024
"""After a message of such a size the transaction before gets its turn too."""
_STRETCH: Final = 500
"""Readings decoded at a stretch: in between the transaction before goes on, which keeps the database busy."""


@dataclass(slots=True)
class Batch:
    """Messages held until their lot is committed."""

    lot: Lot
    messages: list[Message] = field(default_factory=list)


async def fill(inbox: Inbox, intake: Intake, limits: Limits, *, messages: int, readings: int) -> Batch:
    """Take and decode what waits, up to `messages` messages or about `readings` register values."""
    batch = Batch(Lot(intake.version))
    directory, rest = intake.directory, _STRETCH
    while len(batch.messages) < messages and len(batch.lot.arrivals) + len(batch.lot.rejections) < readings:
        message = inbox.take()
        if message is None:
            break
        batch.messages.append(message)
        batch.lot.add(message, directory, limits, intake.shares)
        if len(batch.lot.arrivals) + len(batch.lot.rejections) >= rest or len(message.payload) > _LONG_BYTES:
            await asyncio.sleep(0)
            rest = len(batch.lot.arrivals) + len(batch.lot.rejections) + _STRETCH
    return batch


def decode_again(batch: Batch, intake: Intake, limits: Limits) -> None:
    """Decode the batch under the registry as it is now."""
    batch.lot = Lot(intake.version)
    for message in batch.messages:
        batch.lot.add(message, intake.directory, limits, intake.shares)
