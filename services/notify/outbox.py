"""The outbox at rest: notifications waiting, claimed, delivered. It knows targets by name, never by address."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from services.alerts.rows import alert_of
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from services.alerting.model import Alert
    from services.store.pool import Connection, Row

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
"""Connections to take turns on."""

LEASE_S: Final = 120.0
"""A message claimed for longer belongs to a sender that died."""
LONGEST_RETRY_S: Final = 300.0
STUCK_S: Final = 900.0
"""A message that waits longer is not behind others of its minute: its target does not take it."""
RANKS: Final = 3
"""Severities, from critical (0) on; a digest counts as the least."""


@dataclass(frozen=True, slots=True)
class Message:
    """A claimed notification; `attempts` failed before this one."""

    number: int
    content: dict[str, Any]
    attempts: int

    @property
    def rank(self) -> int:
        """How severe it is; 0 is critical."""
        severities = ("critical", "warning", "notice")
        severity = self.content.get("severity")
        return severities.index(severity) if severity in severities else RANKS - 1


async def candidates(con: Connection, now: int) -> list[tuple[Alert, list[tuple[str, str, str, int | None]]]]:
    """Alerts that notifications may be due of, each with (target, kind, once, delivered_at) of those there are."""
    sent: dict[int, list[tuple[str, str, str, int | None]]] = {}
    rows = await con.fetch(SQL["outbox_candidates"], now)
    for row in await con.fetch(SQL["outbox_sent"], [row["alert_id"] for row in rows]):
        sent.setdefault(row["alert_id"], []).append((row["target"], row["kind"], row["once"], row["delivered_at"]))
    return [(alert_of(row), sent.get(row["alert_id"], [])) for row in rows]


async def undigested(con: Connection, target: str, now: int) -> list[Alert]:
    """Historical alerts for a target's digest, if one is due: a day since the last, an hour since the first of them."""
    return [alert_of(row) for row in await con.fetch(SQL["outbox_undigested"], target, now)]


async def put(con: Connection, target: str, alert_id: int | None, kind: str, once: str, content: str) -> int:
    """Put a notification in; 0 if the same one is there already."""
    return len(await con.fetch(SQL["outbox_put"], target, alert_id, kind, once, content))


async def bound(con: Connection, targets: Sequence[str]) -> None:
    """Correct what was dated in the future by a clock that was ahead: it would hold up pace and repeats until then."""
    await con.execute(SQL["outbox_bound"], targets)


async def claim(con: Connection, target: str, per_minute: int, below: int = RANKS) -> Message | None:
    """The target's next message of a rank below `below`, claimed; None if none is due or its minute's share is used up.

    Of one alert the earlier message goes first, so that nothing is over before it was told; else the more severe.
    """
    row = await con.fetchrow(SQL["outbox_claim"], target, per_minute, LEASE_S, LONGEST_RETRY_S, below)
    return None if row is None else Message(row["notification_id"], json.loads(row["content"]), row["attempts"])


async def delivered(con: Connection, message: Message) -> None:
    """The other side has taken it."""
    await con.execute(SQL["outbox_delivered"], message.number)


async def failed(con: Connection, message: Message, problem: str) -> None:
    """It was not taken: try again, later each time."""
    retry_s = min(LONGEST_RETRY_S, 2.0 ** min(message.attempts, 10))
    await con.execute(SQL["outbox_failed"], message.number, problem, retry_s)


async def is_moving(con: Connection) -> bool:
    """Whether every target takes its messages."""
    moving: bool = await con.fetchval(SQL["outbox_is_moving"], STUCK_S)
    return moving


async def waiting(con: Connection) -> list[Row]:
    """By target: how many wait, since when, and the last problem."""
    return await con.fetch(SQL["outbox_waiting"])
