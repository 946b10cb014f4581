"""Evaluators' turns and marks: who looks now, and what each rule has looked at already."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from services.store.queries import SQL

if TYPE_CHECKING:
    import asyncpg

    from services.store.pool import Connection

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
"""A connection of one's own."""


async def clock(con: Connection) -> int:
    """The database's time, in µs: the same for every evaluator."""
    now: int = await con.fetchval(SQL["alert_clock"])
    return now


async def lock_rule(con: Connection, rule: str) -> None:
    """Wait for the turn to look for a rule; it ends with the transaction."""
    await con.execute(SQL["alert_lock"], rule)


async def mark_of(con: Connection, rule: str) -> int:
    """When the rule was last looked at successfully; 1970 if never."""
    mark: int | None = await con.fetchval(SQL["evaluation_mark"], rule)
    return 0 if mark is None else mark


async def save_look(
    con: Connection, rule: str, at: int, seconds: float, observed: int, problem: str | None = None
) -> None:
    """Remember a look; one with a problem does not move the mark."""
    await con.execute(SQL["evaluation_save"], rule, at, seconds, observed, problem)


async def booked_times(con: Connection) -> int:
    """How often something was booked and committed so far: when it rises, there is news."""
    times: int = await con.fetchval(SQL["booked_times"])
    return times
