"""How far ingest has got: what a replay waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.store.pool import Connection


async def handled(con: Connection) -> int:
    """Register values ingest has decided on so far: stored, found again or rejected."""
    count: int = await con.fetchval(SQL["progress_handled"])
    return count


async def stored(con: Connection, enterprise: str, meter: str, register: str, moments: Sequence[int]) -> int:
    """How many of these moments (µs) of one register are stored."""
    count: int = await con.fetchval(SQL["progress_stored"], enterprise, meter, register, moments)
    return count
