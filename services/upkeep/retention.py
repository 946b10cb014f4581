"""Retention of raw readings. The ledger, its rollups and their revisions stay for ever; so do two readings a register.

A late reading is folded from the sound reading before it and the baseline before that. So the first two sound readings
of what is kept stay with every register, and nothing older than the second is accepted any more (`kept_from`); a
register that has been silent for longer keeps its last two, however old.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from services.model import HOUR_US, iso
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.store.pool import Connection

DAY_US: Final = 24 * HOUR_US
REGISTERS: Final = 500
"""Whose state rows are locked at a time."""
ROWS: Final = 20_000
"""Deleted at a time where there are no chunks."""
CHUNKS: Final = 30
"""Dropped at a time: each takes some locks."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Readings before `before_us` go; `reason` says what holds it back, where it is not the setting alone."""

    before_us: int
    reason: str = ""


async def limit(con: Connection, now_us: int, raw_days: int, horizon_days: int) -> Limit | None:
    """What may go now; None: nothing ever does.

    Raw readings outlive the backfill horizon, for whatever is accepted must find its neighbours, and the oldest open
    held run, which may still become the truth.
    """
    if raw_days == 0 or horizon_days == 0:
        return None
    found = Limit(now_us - raw_days * DAY_US)
    if horizon_days > raw_days:
        found = Limit(now_us - horizon_days * DAY_US, f"the horizon of {horizon_days} days")
    held_us: int | None = await con.fetchval(SQL["oldest_held"])
    if held_us is not None and held_us < found.before_us:
        found = Limit(held_us, f"a reading held since {iso(held_us)}")
    return found


async def drop_old(con: Connection, found: Limit) -> str:
    """Drop what may go; says what was done, nothing where nothing was to do."""
    if await con.fetchval(SQL["hypertable_offered"]):
        dropped = await _drop_chunks(con, found.before_us)
    else:
        dropped = await _delete(con, found.before_us // DAY_US * DAY_US)
    if not dropped:
        return ""
    held = f", held back by {found.reason}" if found.reason else ""
    return f"{dropped} raw readings before {iso(found.before_us)} dropped{held}"


async def _drop_chunks(con: Connection, before_us: int) -> int:
    ends = [row["range_end"] for row in await con.fetch(SQL["raw_chunks"], before_us)]
    if not ends:
        return 0
    for registers in _some(await _registers(con)):
        await _keep(con, registers, max(ends))
    # bounded transactions: each chunk dropped takes its locks
    return sum([await _drop_before(con, max(some)) for some in _slices(sorted(ends), CHUNKS)])


async def _drop_before(con: Connection, boundary: int) -> int:
    """Drop the chunks before the boundary in one transaction; what registers still need of them is put back."""
    async with con.transaction():
        await con.fetch(SQL["retention_lock"], boundary)
        droppable = await _stage(con, boundary)
        if droppable:
            await con.fetch(SQL["retention_drop"], boundary)
            await con.execute(SQL["retention_restore"])
            await con.execute(SQL["retention_doubts"], boundary)
    return droppable


async def _stage(con: Connection, boundary: int) -> int:
    """Put aside what is needed of the time before the boundary; gives how many readings are not."""
    await con.execute(SQL["retention_stage"])
    await con.execute(SQL["retention_carry"], boundary)
    droppable: int = await con.fetchval(SQL["retention_droppable"], boundary)
    return droppable


async def _delete(con: Connection, before_us: int) -> int:
    dropped = 0
    for registers in _some(await _registers(con)):
        await _keep(con, registers, before_us)
        while gone := int((await con.execute(SQL["retention_delete"], registers, before_us, ROWS)).split()[-1]):
            dropped += gone
    if dropped:
        await con.execute(SQL["retention_doubts"], before_us)
    return dropped


async def _registers(con: Connection) -> list[int]:
    return [row["register_id"] for row in await con.fetch(SQL["retention_registers"])]


async def _keep(con: Connection, registers: Sequence[int], before_us: int) -> None:
    async with con.transaction():
        await con.fetch(SQL["lock_states"], registers)
        await con.execute(SQL["retention_keep"], registers, before_us)


def _some(registers: Sequence[int]) -> Iterator[Sequence[int]]:
    return _slices(registers, REGISTERS)


def _slices(whole: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (whole[start : start + size] for start in range(0, len(whole), size))
