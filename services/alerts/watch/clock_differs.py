"""ClockDiffers: a program that does not believe a clock, its own or the database's; and for a while that it did not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.alerting.model import Sign
from services.store import clock_doubts as clocks
from services.store.queries import SQL

if TYPE_CHECKING:
    from services.alerting.model import Observation
    from services.alerts.watch.look import Look
    from services.store.pool import Connection, Row

WHY: Final = {
    clocks.DIFFERS: ("与数据库的时钟不一致", "its clock and the database's differ"),
    clocks.JUMPED: ("时钟被拨动", "the clock was set"),
    clocks.READINGS: ("时钟与多数表计的读数时间矛盾", "the stamps of most readings contradict the clock"),
}
_INGEST: Final = ("消息暂不确认，由消息代理保留", "messages are kept at the broker, not acknowledged")
_EVALUATE: Final = ("预警暂停判断", "no other rule is looked for meanwhile")


async def clock_differs(con: Connection, look: Look) -> list[Observation]:
    """One observation for each program in doubt; a jump that was over between two looks is seen all the same."""
    rows = await con.fetch(SQL["watch_clocks"], look.now, float(look.version.seconds("lasts")))
    return [_saw(look, row) for row in rows]


def _saw(look: Look, row: Row) -> Observation:
    why_zh, why_en = WHY[row["kind"]]
    is_ingest = row["program"].startswith("ingest")
    held_zh, held_en = _INGEST if is_ingest else _EVALUATE
    if row["ended_at"] is not None:
        held_zh, held_en = "已恢复", "it is over"
    return look.saw(
        row["program"],
        Sign.BAD,
        row["began_at"],
        evidence={
            "program_zh": "采集 " + row["program"].removeprefix("ingest ") if is_ingest else "预警",
            "program_en": row["program"],
            "why_zh": why_zh,
            "why_en": why_en,
        },
        latest={"ahead_s": str(round(row["ahead_s"])), "held_zh": held_zh, "held_en": held_en},
    )
