"""Slots of ingest workers: numbers claimed by advisory lock, each the client id of one session at the broker.

A slot is held exactly as long as the connection that claimed it lives, so a dead worker frees it by dying.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from services.store.queries import SQL

if TYPE_CHECKING:
    from services.store.pool import Connection


async def try_claim(con: Connection, slot: int) -> bool:
    """Claim this slot unless somebody holds it; claiming it twice on one connection holds it twice."""
    if not await con.fetchval(SQL["slot_try"], slot):
        return False
    await con.execute(SQL["slot_used"], slot)
    return True


async def claim(con: Connection) -> int:
    """Claim the lowest slot that is free."""
    for slot in count():
        if await try_claim(con, slot):
            return slot
    raise AssertionError("count() does not end")


async def release(con: Connection, slot: int) -> None:
    """Free the slot; its session at the broker stays, and so does the slot's row."""
    await con.execute(SQL["slot_release"], slot)


async def left_over(con: Connection, idle_s: float) -> list[int]:
    """Slots used before that nobody holds; those claimed within `idle_s` are left to their returning worker."""
    return [row["slot"] for row in await con.fetch(SQL["slots_left"], idle_s)]


async def subscription(con: Connection, slot: int) -> str | None:
    """What the slot's session is known to be subscribed to; None if that is not known."""
    known: str | None = await con.fetchval(SQL["slot_subscription"], slot)
    return known


async def subscribed(con: Connection, slot: int, known: str | None) -> None:
    """Remember what the slot's session is subscribed to."""
    await con.execute(SQL["slot_subscribe"], slot, known)


async def forget(con: Connection, slot: int) -> None:
    """The slot's session was removed at the broker: nothing can wait there any more."""
    await con.execute(SQL["slot_forget"], slot)
