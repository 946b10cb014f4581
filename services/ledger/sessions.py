"""The broker's sessions of ingest: each slot has a current one, under a client id with a secret part, and retired ones.

The secret is known to the database alone, to ingest's login and to the broker: any user of Mosquitto may connect under
any client id, and who does owns the session and all that waits in it.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Final

from services.store.queries import SQL

if TYPE_CHECKING:
    from services.store.pool import Connection

SECRET_BYTES: Final = 16
"""128 bits: guessing it takes longer than anything lasts."""


async def current(con: Connection, slot: int) -> str:
    """The secret of a slot's session; made when first asked for, and after `retire`. The caller holds the slot."""
    if (secret := await find(con, slot)) is None:
        secret = secrets.token_hex(SECRET_BYTES)
        await con.execute(SQL["session_make"], slot, secret)
    return secret


async def find(con: Connection, slot: int) -> str | None:
    """The secret of a slot's session; None: it has none, or its worker is to make a new one."""
    secret: str | None = await con.fetchval(SQL["session_current"], slot)
    return secret


async def retired(con: Connection, slot: int) -> list[str]:
    """Secrets of the slot's sessions that are to be emptied and ended; '' is that of an earlier release."""
    return [row["secret"] for row in await con.fetch(SQL["sessions_retired"], slot)]


async def ended(con: Connection, slot: int, secret: str) -> None:
    """The session was removed at the broker: nothing can wait there any more."""
    await con.execute(SQL["session_ended"], slot, secret)


async def retire(con: Connection, *, author: str) -> list[int]:
    """Give every slot a new session, as after a leak of the broker's log; workers follow within `drain_s`.

    Gives the slots. The queue of each old session is emptied and the session ended once the new one is subscribed.
    """
    async with con.transaction():
        slots = sorted(row["slot"] for row in await con.fetch(SQL["sessions_retire"]))
        await con.execute(SQL["audit_add"], author, "ingest sessions retired", json.dumps({"slots": slots}))
    return slots


async def guessable(con: Connection) -> list[int]:
    """Slots that still have a session under an id that can be guessed."""
    return [row["slot"] for row in await con.fetch(SQL["sessions_guessable"])]
