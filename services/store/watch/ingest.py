"""IngestLagHigh: readings that lie about before they are booked, or workers that give no sign of life."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from services.alerting.model import Sign
from services.store.queries import SQL

if TYPE_CHECKING:
    from services.alerting.model import Observation
    from services.store.pool import Connection
    from services.store.watch.look import Look


async def ingest_lag(con: Connection, look: Look) -> list[Observation]:
    """The district's ingest: the larger of a live register's median lag and the time since a worker's sign of life.

    Backfill does not count: only registers whose newest reading is of the last day. Never any worker: unknown.
    """
    row = await con.fetchrow(SQL["watch_ingest"], look.now)
    idle_s, lag_s = (None, None) if row is None else row.values()
    if idle_s is None and lag_s is None:
        return [look.saw("ingest", Sign.UNKNOWN, look.now)]
    is_idle = (idle_s or 0) >= (lag_s or 0)
    value = Decimal(max(idle_s or 0, lag_s or 0))
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
                "why_zh": "采集进程无心跳" if is_idle else "读数到达后迟迟未入账",
                "why_en": "no worker gives a sign of life" if is_idle else "readings wait long before they are booked",
            },
            latest={"value": str(value)},
        )
    ]
