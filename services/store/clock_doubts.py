"""The database's clock, asked beside our own, and the record of clocks that were not believed."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from services.clocks import ahead_us
from services.model import SECOND_US
from services.store.problems import PassedOnError
from services.store.queries import SQL

if TYPE_CHECKING:
    from services.clocks import Clock
    from services.store.pool import Connection


class ClockDoubtError(PassedOnError):
    """A clock is not believed, so that nothing may be decided by it: nothing is committed."""

    def __init__(self, kind: str, by_us: int) -> None:
        super().__init__(f"{kind}, by {by_us / SECOND_US:.0f} s")
        self.kind = kind
        self.by_us = by_us


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


async def version_in_time(con: Connection, clock: Clock) -> int:
    """The registry's version, if the database's clock and ours agree and ours was not set since it was last believed.

    Raises:
        ClockDoubtError: They do not, or it was.
    """
    before = clock.now_us()
    row = await con.fetchrow(SQL["clock_and_version"])
    assert row is not None  # noqa: S101 - there is always one row
    apart_us = -ahead_us(before, row["at"], clock.now_us())
    if abs(apart_us) > clock.limit_us:
        raise ClockDoubtError(DIFFERS, apart_us)
    if clock.jumped_us:
        raise ClockDoubtError(JUMPED, clock.jumped_us)
    version: int = row["version"]
    return version


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
