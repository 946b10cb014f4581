"""The columnstore: chunks of raw readings that are old enough, days merged to weeks, then compressed.

Only TimescaleDB's community edition has one. Why weeks, why by register and why so late: docs/adr/0008.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from services.model import HOUR_US
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.store.pool import Connection

WEEK_US: Final = 7 * 24 * HOUR_US
"""What is compressed together: a batch of the columnstore holds up to 1,000 readings of one register."""


class Chunk(NamedTuple):
    """One chunk: [start, end) in µs; `has_more`: later readings lie beside its columns."""

    name: str
    start: int
    end: int
    is_compressed: bool = False
    has_more: bool = False


def plan(chunks: Iterable[Chunk], before_us: int) -> list[list[Chunk]]:
    """What to convert, given chunks in order: each group is merged first.

    Neighbours of one week go together, once the whole week is before `before_us`; what was compressed earlier and has
    readings beside it goes alone.
    """
    groups: list[list[Chunk]] = []
    last: Chunk | None = None
    for chunk in chunks:
        week_ends = (chunk.start // WEEK_US + 1) * WEEK_US
        if max(chunk.end, week_ends) > before_us or (chunk.is_compressed and not chunk.has_more):
            last = None
            continue
        is_next = last is not None and last.end == chunk.start and chunk.end <= week_ends
        same_week = last is not None and last.start // WEEK_US == chunk.start // WEEK_US
        if is_next and same_week and not chunk.is_compressed:
            groups[-1].append(chunk)
        else:
            groups.append([chunk])
        last = None if chunk.is_compressed else chunk
    return groups


async def compress_due(con: Connection, before_us: int) -> str:
    """Convert what is due, a transaction a week; says what was done, nothing where nothing was to do."""
    if not await con.fetchval(SQL["columnstore_offered"]):
        return ""
    if not await con.fetchval(SQL["columnstore_enabled"]):
        await con.execute(SQL["columnstore_enable"])
    chunks = [Chunk(*row.values()) for row in await con.fetch(SQL["raw_chunks"], before_us)]
    groups = plan(chunks, before_us)
    can_merge = await con.fetchval("SELECT EXISTS (SELECT FROM pg_proc WHERE proname = 'merge_chunks')")
    for group in groups:
        if can_merge and len(group) > 1:
            names = ", ".join(_quoted(chunk.name) for chunk in group)
            await con.execute(SQL["columnstore_merge"].format(chunks=f"ARRAY[{names}]"))
            del group[1:]  # the first has the others' rows now
        for chunk in group:
            await con.execute(SQL["columnstore_convert"].format(chunk=_quoted(chunk.name)))
    return f"{len(groups)} weeks to the columnstore" if groups else ""


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
