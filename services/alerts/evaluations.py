"""Evaluators' turns and marks: who looks now, and what each rule has looked at already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from services.store.leases import take_turn
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import asyncpg

    from services.store.pool import Connection

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
"""A connection of one's own."""

EVERY_AGE: Final = 2**31 - 1
"""In transactions: older than any row."""


async def clock(con: Connection) -> int:
    """The database's time, in µs: the same for every evaluator."""
    now: int = await con.fetchval(SQL["alert_clock"])
    return now


async def lock_rule(con: Connection, rule: str) -> None:
    """Wait for the turn to look for a rule; it ends with the transaction."""
    await take_turn(con, f"rule {rule}")


@dataclass(frozen=True, slots=True)
class Now:
    """A moment of the database: its time in µs, and the oldest transaction that was not over."""

    at: int
    xid: int | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """When a rule was last looked at successfully (µs; 1970 if never), and how many transactions ago that was.

    What older transactions wrote it has seen. Time alone does not tell: one commits later than the time it bears.
    """

    at: int = 0
    age: int = EVERY_AGE


async def moment(con: Connection) -> Now:
    """The present; what is looked at afterwards holds all that transactions before `xid` wrote."""
    row = await con.fetchrow(SQL["evaluation_now"])
    assert row is not None  # noqa: S101 - a statement without FROM has one row
    return Now(row["at"], row["xid"])


async def mark_of(con: Connection, rule: str) -> Mark:
    """What the rule's last successful look came to."""
    row = await con.fetchrow(SQL["evaluation_mark"], rule)
    return Mark() if row is None else Mark(row["at"], EVERY_AGE if row["age"] is None else row["age"])


async def save_look(
    con: Connection, rule: str, now: Now, seconds: float, observed: int, problem: str | None = None
) -> None:
    """Remember a look; one with a problem does not move the mark."""
    await con.execute(SQL["evaluation_save"], rule, now.at, seconds, observed, problem, now.xid)


async def window_backlog(con: Connection, rule: str) -> dict[str, int]:
    """By subject: windows of it that end later than this instant are still to be looked at."""
    return {row["subject"]: row["since_at"] for row in await con.fetch(SQL["window_backlog"], rule)}


async def save_backlog(con: Connection, rule: str, done: Sequence[str], rest: Mapping[str, int]) -> None:
    """Remember what is left of a rule's windows, and forget what is done."""
    if done:
        await con.execute(SQL["window_backlog_done"], rule, done)
    if rest:
        await con.execute(SQL["window_backlog_save"], rule, [*rest], [*rest.values()])


async def booked_times(con: Connection) -> int:
    """How often something was booked and committed so far: when it rises, there is news."""
    times: int = await con.fetchval(SQL["booked_times"])
    return times
