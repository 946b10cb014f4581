"""What the broker tells of itself, kept by the minute: denied, dropped, taken over, refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.store.pool import Connection

DROPPED: Final = "dropped"


async def tells(con: Connection) -> bool:
    """Whether a broker has ever told what it drops."""
    return bool(await con.fetchval(SQL["broker_tells"]))


async def tell(con: Connection, counts: Mapping[tuple[str, str], int], dropped: int | None) -> None:
    """Add counts by kind and subject to this minute, in one transaction.

    `dropped`: the broker's own counter since its start, which also ran while nobody looked; None: not told. One below
    the last known means that the broker was started anew. What it dropped before it was first looked at is not ours.
    """
    async with con.transaction():
        told = dict(counts)
        if dropped is not None:
            before: int | None = await con.fetchval(SQL["broker_counter"], DROPPED, dropped)
            grown = 0 if before is None else dropped - before if dropped >= before else dropped
            told[DROPPED, ""] = told.get((DROPPED, ""), 0) + grown
        rows = [(kind, subject, seen) for (kind, subject), seen in sorted(told.items()) if seen]
        if rows:
            await con.execute(SQL["broker_tell"], *(list(column) for column in zip(*rows, strict=True)))
