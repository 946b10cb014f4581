"""For how many days the disk lasts, from what readings really take and how many come."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from tanfeng.doctor.finding import error, unknown, warning, well

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from services.store.pool import Row
    from tanfeng.doctor.finding import Finding

WARNING_DAYS: Final = 60
ERROR_DAYS: Final = 14
LOOK_DAYS: Final = 7
"""Over how many days the growth is measured."""
FULL: Final = 0.05
"""Less free than this share of the disk is an error whatever the growth: temporary files and WAL need room."""
ROOM: Final = (
    "扩大磁盘；或缩短 TANFENG_RAW_DAYS（原始读数保留天数）后执行 tanfeng maintain --once。",
    "Enlarge the disk; or lower TANFENG_RAW_DAYS (how long raw readings stay) and run tanfeng maintain --once.",
)


def bytes_a_day(row: Row | Mapping[str, int | None] | None) -> float | None:
    """How much a day of readings adds, as if nothing were dropped or compressed; None: not known yet.

    Bytes of readings and books by reading stored, times the readings of the last week by day. None before a day of
    ingest, since the fixed pages of empty tables would count as growth.
    """
    if row is None or not row["readings"] or not row["recent"] or (row["recent_s"] or 0) < 86_400:  # noqa: PLR2004 - a day
        return None
    each = int(row["bytes"] or 0) / int(row["readings"])
    return each * int(row["recent"]) / (int(row["recent_s"] or 0) / 86_400)


def days_left(folder: Path | None, a_day: float | None) -> Finding:
    """The free room of the database's disk against the growth; `folder` is any folder on that disk."""
    if folder is None:
        return unknown(
            "disk",
            (
                "数据库文件不在本机，或登录无权得知其位置：剩余空间未知。",
                "The database's files are not on this machine, or this login may not know where.",
            ),
            (
                "在数据库的机器上执行，或用 --data 指出其磁盘上的任一目录。",
                "Run it on the database's machine, or name any folder of its disk with --data.",
            ),
        )
    usage = shutil.disk_usage(folder)
    return judge(usage.free, usage.total, a_day)


def judge(free: int, total: int, a_day: float | None) -> Finding:
    """Bytes free of all against bytes a day."""
    room = f"{free / 1e9:.1f} GB"
    if free < FULL * total:
        return error("disk", (f"仅剩 {room}（{free / total:.0%}）。", f"{room} are left ({free / total:.0%})."), ROOM)
    if a_day is None:
        return unknown(
            "disk",
            (
                f"剩余 {room}；采集不足一天，增长未知。",
                f"{room} are free; growth is known after a day of ingest.",
            ),
            ("明天再执行一次。", "Run it again tomorrow."),
        )
    days = free / a_day
    said = (
        f"剩余 {room}，每天增长 {a_day / 1e6:,.1f} MB（不计清理和压缩），约 {days:,.0f} 天。",
        f"{room} are free and a day adds {a_day / 1e6:,.1f} MB (nothing dropped or compressed): {days:,.0f} days.",
    )
    if days < ERROR_DAYS:
        return error("disk", said, ROOM)
    return warning("disk", said, ROOM) if days < WARNING_DAYS else well("disk", *said)
