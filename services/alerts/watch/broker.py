"""What the broker tells of itself: messages that it dropped or denied, taken-over client ids, refused logins.

Each rule looks at the sums within its window, and ends when nothing new came for so long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.alerting.model import Sign
from services.model import SECOND_US
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.alerting.model import Observation
    from services.alerts.watch.look import Look
    from services.store.pool import Connection, Row

LOST: Final = {
    "denied": ("越权发布被拒（发布方收到确认）", "publications beyond a user's rights, acknowledged all the same"),
    "dropped": ("队列已满而丢弃", "messages of a queue that was full"),
    "session_lost": ("采集会话连同其队列丢失", "sessions of ingest, with what waited in them"),
}
TAKEN: Final = {
    "takeover": ("被另一用户接管", "was taken by another user"),
    "replaced": ("反复被同一用户顶替", "is used by several clients of one user"),
}


async def broker_drops(con: Connection, look: Look) -> list[Observation]:
    """Messages that never reach ingest, by why: denied, overflowed, lost with a session."""
    rows = await _told(con, look, list(LOST))
    return [_saw(look, row, row["kind"], LOST[row["kind"]]) for row in rows if row["seen"] > _above(look)]


async def session_takeover(con: Connection, look: Look) -> list[Observation]:
    """Client ids taken from another user, once is enough; and those that clients of one user take in turns."""
    rows = await _told(con, look, list(TAKEN))
    bad = [row for row in rows if row["kind"] == "takeover" or row["seen"] > _above(look)]
    return [_saw(look, row, f"{row['kind']} {row['subject']}", TAKEN[row["kind"]]) for row in bad]


async def login_refused(con: Connection, look: Look) -> list[Observation]:
    """More refused connections within the window than wrong configurations make."""
    rows = await _told(con, look, ["refused_login"])
    return [_saw(look, row, "broker", ("", "")) for row in rows if row["seen"] > _above(look)]


async def _told(con: Connection, look: Look, kinds: Sequence[str]) -> list[Row]:
    return await con.fetch(SQL["watch_broker"], look.now - look.version.seconds("window") * SECOND_US, list(kinds))


def _above(look: Look) -> int:
    return int(look.version.number("above"))


def _saw(look: Look, row: Row, subject: str, words: tuple[str, str]) -> Observation:
    return look.saw(
        subject,
        Sign.BAD,
        row["first_at"],
        evidence={
            "who": row["subject"],
            "what_zh": words[0],
            "what_en": words[1],
            "window": look.version.text("window"),
        },
        latest={"count": row["seen"]},
    )
