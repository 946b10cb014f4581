"""What bounds a tenant's SQL, though its login may change its own settings: docs/adr/0016."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.store.queries import SQL

if TYPE_CHECKING:
    from services.store.pool import Connection, Row


async def apply(con: Connection) -> None:
    """Take from tenants what no dashboard needs, and bound their logins; what is so already is left alone."""
    await con.execute(SQL["limits_functions"])
    await con.execute(SQL["limits_roles"])


async def found(con: Connection) -> Row | None:
    """How it stands, for `tanfeng doctor`."""
    return await con.fetchrow(SQL["limits_found"])
