"""Slots of ingest workers: numbers claimed by lease, each the client ids of one slot's sessions at the broker.

A slot is held as long as the connection that claimed it lives, so a dead worker frees it by dying; one whose connection
is dead without the server knowing loses it when it has not renewed its lease for `LEASE_S`.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final

from services.store import leases
from services.store.queries import SQL

if TYPE_CHECKING:
    from services.store.pool import Connection

LEASE_S: Final = 360.0
"""More than the longest transaction takes: a worker at work cannot renew."""


def lease_name(slot: int) -> str:
    """The name of the slot's lease."""
    return f"ingest {slot}"


async def try_claim(con: Connection, slot: int, holder: str) -> bool:
    """Claim this slot unless somebody else holds it."""
    if not await leases.claim(con, lease_name(slot), holder, LEASE_S):
        return False
    await con.execute(SQL["slot_used"], slot)
    return True


async def claim(con: Connection, holder: str) -> int:
    """Claim the lowest slot that is free."""
    for slot in count():
        if await try_claim(con, slot, holder):
            return slot
    raise AssertionError("count() does not end")


async def renew(con: Connection, slot: int, holder: str) -> bool:
    """Go on holding the slot; False: it is another's."""
    return await leases.renew(con, lease_name(slot), holder, LEASE_S)


async def release(con: Connection, slot: int, holder: str) -> None:
    """Free the slot; its session at the broker stays, and so does the slot's row."""
    await leases.release(con, lease_name(slot), holder)


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
