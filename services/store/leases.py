"""What only one may do at a time: leases, which a session holds, and turns, which a transaction holds.

Both are rows that only the product can touch; advisory locks can be taken by every login that may connect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.store.queries import SQL

if TYPE_CHECKING:
    from services.store.pool import Connection


async def claim(con: Connection, name: str, holder: str, seconds: float) -> bool:
    """Take a lease that nobody holds, or that we do, from this session on; False: somebody else holds it.

    It ends with the session, and unless it is renewed after `seconds`.
    """
    return bool(await con.fetchval(SQL["lease_claim"], name, holder, seconds))


async def renew(con: Connection, name: str, holder: str, seconds: float) -> bool:
    """Hold a lease for longer; False: it is another's, or nobody's."""
    return bool(await con.fetchval(SQL["lease_renew"], name, holder, seconds))


async def release(con: Connection, name: str, holder: str) -> None:
    """Give a lease back, if it is ours still."""
    await con.execute(SQL["lease_release"], name, holder)


async def take_turn(con: Connection, name: str) -> None:
    """Wait for the turn of this name; it ends with the transaction that we are in."""
    if not await con.fetchval(SQL["turn_take"], name):
        await con.execute(SQL["turn_make"], name)
        await con.fetchval(SQL["turn_take"], name)
