"""Who is at fault when a lot does not commit: a row of it, or the store. See docs/adr/0015.

A row is blamed only if it fails alone, again and again, while a transaction with other rows commits on the same
connection just after each time. Everything else means that the store is away, and the lot is kept.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from services.store.problems import RefusedRowsError, StoreAwayError

if TYPE_CHECKING:
    from services.ledger.intake import Intake
    from services.ledger.lot import Lot
    from services.ledger.outcome import Outcome

LIKELY_PAUSES_S: Final = (0.0,)
"""How long to wait before each further proof against a row, where the error is of a kind that rows cause: …"""
UNLIKELY_PAUSES_S: Final = (0.5, 1.0, 2.0)
"""… and of a kind that they seldom do, as a full disk or a statement that took too long."""
_log = structlog.get_logger("ingest")


async def commit(intake: Intake, lot: Lot, *, messages: int, now_us: int, oldest_us: int) -> Outcome:
    """Commit a lot; if it fails while others do not, halve it until each bad row stands alone and is rejected.

    Parts are committed one by one: when this raises, some may be, and booking them again changes nothing. `oldest_us`:
    when the message that has waited longest was received.

    Raises:
        StaleDirectoryError, StoreAwayError: the lot is to be tried again.
    """
    try:
        return await intake.commit(lot, messages=messages, now_us=now_us, oldest_us=oldest_us)
    except RefusedRowsError as refused:
        problem = refused
    if not lot.size:
        raise StoreAwayError(str(problem))
    await intake.control(lot, now_us)
    if lot.size == 1:
        return await _try_alone(intake, lot, problem, messages=messages, now_us=now_us, oldest_us=oldest_us)
    first, second = lot.halves()
    outcome = await commit(intake, first, messages=messages, now_us=now_us, oldest_us=oldest_us)
    outcome.add(await commit(intake, second, messages=0, now_us=now_us, oldest_us=oldest_us))
    return outcome


async def _try_alone(
    intake: Intake, lot: Lot, problem: RefusedRowsError, *, messages: int, now_us: int, oldest_us: int
) -> Outcome:
    """Commit a single row after all, or reject it once all proofs are against it."""
    for pause_s in LIKELY_PAUSES_S if problem.is_likely else UNLIKELY_PAUSES_S:
        await asyncio.sleep(pause_s)
        try:
            return await intake.commit(lot, messages=messages, now_us=now_us, oldest_us=oldest_us)
        except RefusedRowsError as again:
            problem = again
        await intake.control(lot, now_us)
    _log.error("row refused", problem=str(problem), registers=[each.register_id for each in lot.arrivals])
    try:
        return await intake.commit(lot.alone(str(problem)), messages=messages, now_us=now_us, oldest_us=oldest_us)
    except RefusedRowsError as refused:  # it can be neither stored nor recorded as refused
        raise StoreAwayError(str(refused)) from refused
