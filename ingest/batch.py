"""A batch: messages decoded together, committed in one transaction, and only then acknowledged."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import structlog

from services.store.lot import Lot
from services.store.problems import RefusedRowsError

if TYPE_CHECKING:
    from ingest.inbox import Inbox
    from ingest.packets import Message
    from services.store.intake import Intake, Outcome
    from services.wire import Limits

_STRETCH: Final = 500
"""Readings decoded at a stretch: in between the transaction before goes on, which keeps the database busy."""
_log = structlog.get_logger("ingest")


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
        batch.lot.add(message, directory, limits)
        if len(batch.lot.arrivals) + len(batch.lot.rejections) >= rest:
            await asyncio.sleep(0)
            rest += _STRETCH
    return batch


def decode_again(batch: Batch, intake: Intake, limits: Limits) -> None:
    """Decode the batch under the registry as it is now."""
    batch.lot = Lot(intake.version)
    for message in batch.messages:
        batch.lot.add(message, intake.directory, limits)


async def commit(intake: Intake, lot: Lot, *, messages: int, now_us: int, oldest_us: int) -> Outcome:
    """Commit a lot; if its rows are refused, halve it until each bad row stands alone and is rejected.

    Parts are committed one by one: when this raises, some may be, and booking them again changes nothing. `oldest_us`:
    when the message that has waited longest was received.

    Raises:
        StaleDirectoryError, StoreAwayError: the lot is to be tried again.
    """
    try:
        return await intake.commit(lot, messages=messages, now_us=now_us, oldest_us=oldest_us)
    except RefusedRowsError as refused:
        problem = str(refused)
    if len(lot.arrivals) <= 1 and len(lot.rejections) <= 1:
        _log.error("row refused", problem=problem, registers=[each.register_id for each in lot.arrivals])
        return await intake.commit(lot.alone(problem), messages=messages, now_us=now_us, oldest_us=oldest_us)
    first, second = lot.halves()
    outcome = await commit(intake, first, messages=messages, now_us=now_us, oldest_us=oldest_us)
    outcome.add(await commit(intake, second, messages=0, now_us=now_us, oldest_us=oldest_us))
    return outcome
