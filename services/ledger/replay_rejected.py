"""Replay of rejections: the stored message is decoded again, and booked the way a new one is."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import structs

from services.ledger.booking import Books
from services.ledger.directory import load_directory
from services.ledger.lot import Lot, place_of
from services.ledger.rejections import write_rejections
from services.store.problems import RefusedRowsError, commit_problems
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.model import MeterRef
    from services.store.pool import Connection, Row
    from services.wire import Limits

_OF_THE_STORE: Final = frozenset({"conflict", "before_kept", "store_error"})


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of one replay; `still` says why the rejection stands, '' if it does not."""

    rejection_id: int
    still: str
    accepted: int = 0
    duplicates: int = 0
    held: int = 0


class _Stored(NamedTuple):
    """A stored message, as received now, or when it was first rejected if our clock says that this is later."""

    topic: str
    payload: bytes
    received_us: int
    retained: bool = False  # whoever replays a retained message means it


async def replay(con: Connection, ids: Sequence[int], limits: Limits, author: str) -> list[Replayed]:
    """Replay each rejection in a transaction of its own; those that no longer are one are marked as replayed.

    Other readings of the message are booked too, or found again: sending twice is harmless. What else turns out to be
    wrong inside the rejected part becomes a rejection of its own.
    """
    version, directory = await load_directory(con)
    books = Books()
    results = []
    for each in ids:
        async with con.transaction():
            row = await con.fetchrow(SQL["rejection_get"], each)
            if row is None or row["is_cut"]:
                results.append(Replayed(each, "no such rejection" if row is None else "its bytes are not kept in full"))
                continue
            lot = Lot(version)
            _add(lot, row, directory, limits)
            results.append(await _try(con, row, lot, books))
            await con.execute(SQL["write_audit"], author, "rejection replayed", _detail(results[-1]))
    return results


def _add(lot: Lot, row: Row, directory: Mapping[tuple[str, str], MeterRef], limits: Limits) -> None:
    """Decode the message again; it may be as late as it was when it came, and no later than now.

    Whatever clock judged it first, it came before now: what was ahead of a clock that was behind is not any more.
    """
    first_us = row["first_at"]
    now_us = max(first_us, time.time_ns() // 1000)
    grown = limits.horizon_us + now_us - first_us if limits.horizon_us else 0
    lot.add(_Stored(row["topic"], row["payload"], now_us), directory, replace(limits, horizon_us=grown))
    lot.arrivals = [structs.replace(each, received_us=max(first_us, each.at)) for each in lot.arrivals]


async def _try(con: Connection, row: Row, lot: Lot, books: Books) -> Replayed:
    try:
        with commit_problems():
            async with con.transaction():
                return await _book(con, row, lot, books)
    except RefusedRowsError as problem:
        return Replayed(row["rejection_id"], str(problem))


async def _book(con: Connection, row: Row, lot: Lot, books: Books) -> Replayed:
    booked = await books.book(con, lot.arrivals) if lot.arrivals else None
    found = [*lot.rejections, *(lot.refused_by_store(booked) if booked else ())]
    within = [each for each in found if each.pointer.startswith(row["pointer"])]
    same = [each for each in within if (each.code, each.pointer) == (row["code"], row["pointer"])]
    await write_rejections(con, [each for each in within if each not in same])
    still = f"{same[0].code}: {same[0].detail}" if same else _lost(row, lot)
    if not still:
        await con.execute(SQL["rejection_replayed"], row["rejection_id"])
    counts = (booked.accepted, booked.duplicates, booked.held) if booked else ()
    return Replayed(row["rejection_id"], still, *counts)


def _lost(row: Row, lot: Lot) -> str:
    """Why a reading that the store refused is not in the message any more; '' if it is, or was no such reading."""
    if row["code"] not in _OF_THE_STORE or any(place_of(each) == row["pointer"] for each in lot.arrivals):
        return ""
    return "; ".join(f"{each.code}: {each.detail}" for each in lot.rejections) or "its register is another now"


def _detail(result: Replayed) -> str:
    return json.dumps({"rejection": result.rejection_id, "still": result.still, "accepted": result.accepted})
