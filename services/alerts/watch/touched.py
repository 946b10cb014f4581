"""Which part of the ledger changed since a rule last looked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.alerts.evaluations import EVERY_AGE
from services.store.queries import SQL

if TYPE_CHECKING:
    from services.store.pool import Connection


async def touched_registers(con: Connection, since: int, age: int = EVERY_AGE) -> dict[int, int]:
    """Registers with rows recorded after `since`, and the start of the earliest such quarter-hour (µs).

    Those of transactions more than `age` transactions ago are left out. Of a rule that never looked it is every
    register's first day, without reading the rest.
    """
    rows = await (con.fetch(SQL["watch_booked"]) if since <= 0 else con.fetch(SQL["watch_touched"], since, age))
    return {row["register_id"]: row["since"] for row in rows}


async def touched_sites(con: Connection, since: int) -> dict[str, int]:
    """The same by site's code, the earliest of its registers."""
    registers = await touched_registers(con, since)
    sites: dict[str, int] = {}
    for row in await con.fetch(SQL["watch_sites_of"], list(registers)):
        at = registers[row["register_id"]]
        sites[row["site"]] = min(at, sites.get(row["site"], at))
    return sites
