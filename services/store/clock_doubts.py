"""The database's clock, asked beside our own, and the record of clocks that were not believed."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from services.clocks import ahead_us
from services.model import SECOND_US
from services.store.queries import SQL

if TYPE_CHECKING:
    from services.clocks import Clock
    from services.store.pool import Connection

DIFFERS: Final = "differs"
JUMPED: Final = "jumped"
READINGS: Final = "readings"


@dataclass(frozen=True, slots=True)
class Asked:
    """The database's time (µs), how far our clock is ahead of it, and the newest stored reading of all."""

    at: int
    ahead_us: int
    newest_at: int | None


async def ask(con: Connection, clock: Clock) -> Asked:
    """Look at both clocks."""
    before = clock.now_us()
    row = await con.fetchrow(SQL["clock_witness"])
    assert row is not None  # noqa: S101 - an aggregate has one row
    return Asked(row["at"], -ahead_us(before, row["at"], clock.now_us()), row["newest_at"])


async def newest_commit(con: Connection) -> int | None:
    """When ingest last committed anything, to the minute (µs); None if it never did."""
    found: int | None = await con.fetchval(SQL["clock_newest_commit"])
    return found


async def doubt(con: Connection, program: str, kind: str, by_us: int) -> None:
    """Record that a program does not believe a clock, now; again and again while it does not."""
    await con.execute(SQL["clock_doubt_open"], program, kind, Decimal(by_us) / SECOND_US)


async def believe(con: Connection, program: str) -> None:
    """The doubt is over."""
    await con.execute(SQL["clock_doubt_end"], program)
