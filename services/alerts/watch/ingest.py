"""IngestLagHigh: messages that lie about in ingest before they are booked, or workers that give no sign of life."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from services.alerting.model import Sign
from services.store.queries import SQL

if TYPE_CHECKING:
    from services.alerting.model import Observation
    from services.alerts.watch.look import Look
    from services.store.pool import Connection


async def ingest_lag(con: Connection, look: Look) -> list[Observation]:
    """The district's ingest: the larger of a message's wait for its commit and the time since a worker's sign of life.

    The wait is by ingest's own clock, from receipt to commit: how old a reading is says nothing about ingest. Never any
    worker: unknown.
    """
    row = await con.fetchrow(SQL["watch_ingest"], look.now)
    idle_s, waited_s = (None, None) if row is None else row.values()
    if idle_s is None and waited_s is None:
        return [look.saw("ingest", Sign.UNKNOWN, look.now)]
    is_idle = (idle_s or 0) >= (waited_s or 0)
    value = Decimal(max(idle_s or 0, waited_s or 0))
    thresholds = look.version.thresholds
    return [
        look.saw(
            "ingest",
            thresholds.sign(value),
            look.now,
            value=value,
            limit=thresholds.raise_at,
            unit="s",
            evidence={
                "why_zh": "采集进程无心跳" if is_idle else "消息收到后迟迟未入账",
                "why_en": "no worker gives a sign of life" if is_idle else "messages wait long before they are booked",
            },
            latest={"value": str(value)},
        )
    ]
