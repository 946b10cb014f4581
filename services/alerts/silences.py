"""Planned maintenance of a site: it silences what would be sent, is listed, and ends by itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from services.errors import TanfengError
from services.model import iso
from services.store.queries import SQL

if TYPE_CHECKING:
    from services.store.pool import Connection, Row


async def plan(con: Connection, site: str, starts_at: int, ends_at: int, *, reason: str, author: str) -> int:
    """Enter a maintenance in the caller's transaction; gives its number.

    Raises:
        TanfengError: There is no such site, or it would end before it begins or before now.
    """
    if ends_at <= starts_at or ends_at <= await con.fetchval(SQL["alert_clock"]):
        raise TanfengError("the maintenance would be over already", "give an end after its start and after now")
    number: int | None = await con.fetchval(SQL["maintenance_add"], site, starts_at, ends_at, reason, author)
    if number is None:
        raise TanfengError(f"there is no site {site!r}", "see `tanfeng registry show`")
    detail = {"maintenance": number, "site": site, "from": iso(starts_at), "until": iso(ends_at), "reason": reason}
    await con.execute(SQL["write_audit"], author, "maintenance planned", json.dumps(detail, ensure_ascii=False))
    return number


async def cancel(con: Connection, number: int, *, author: str) -> None:
    """End a maintenance now, in the caller's transaction.

    Raises:
        TanfengError: There is none of this number that is planned or active.
    """
    if await con.fetchval(SQL["maintenance_cancel"], number, author) is None:
        raise TanfengError(f"maintenance {number} is not planned or active", "see `tanfeng maintenance list`")
    await con.execute(SQL["write_audit"], author, "maintenance cancelled", json.dumps({"maintenance": number}))


async def listed(con: Connection, *, everything: bool) -> list[Row]:
    """Maintenances as the role in force sees them; those that are over only if `everything`."""
    return await con.fetch(SQL["maintenance_list"], everything)


async def sites_silenced(con: Connection, at: int) -> frozenset[str]:
    """The codes of sites under maintenance at an instant."""
    return frozenset(row["code"] for row in await con.fetch(SQL["maintenance_sites"], at))
