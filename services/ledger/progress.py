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


async def messages(con: Connection) -> int:
    """Messages ingest has decided on so far."""
    count: int = await con.fetchval(SQL["progress_messages"])
    return count


async def stored(con: Connection, enterprise: str, meter: str, register: str, moments: Sequence[int]) -> int:
    """How many of these moments (µs) of one register are stored."""
    count: int = await con.fetchval(SQL["progress_stored"], enterprise, meter, register, moments)
    return count


async def register_ids(con: Connection, meters: Sequence[str], register: str) -> dict[int, str]:
    """Register ids → meter codes, of meters whose code is unique."""
    rows = await con.fetch(SQL["progress_registers"], meters, register)
    return {row["register_id"]: row["meter"] for row in rows}


async def newest(con: Connection, registers: Sequence[int]) -> dict[int, int]:
    """The moment (µs) of the newest stored reading of each register that has one."""
    rows = await con.fetch(SQL["progress_newest"], registers)
    return {row["register_id"]: row["newest_at"] for row in rows}
