"""Meters whose clock is steadily behind: they report now, and every reading is of the same while ago.

Told apart from a backlog, whose readings come at once and so are of differing ages. A link that delivers late by a
constant time looks the same and is told the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.store.pool import Connection

BEHIND_S: Final = 600
"""A reading that is steadily older than this when it arrives has a clock to blame."""
_HALF_HOUR_S: Final = 1800
_NEAR_S: Final = 120
_HOUR_S: Final = 3600


@dataclass(frozen=True, slots=True)
class ClockBehind:
    """A register whose readings arrive by `behind_s` later than they say they were taken, at a site of `zone`."""

    register_id: int
    enterprise: str
    enterprise_zh: str
    enterprise_en: str
    site: str
    site_zh: str
    site_en: str
    zone: str
    meter: str
    register: str
    behind_s: int
    received_at: int

    @property
    def is_zone(self) -> bool:
        """Whether it is off by whole half-hours, as a clock of another time zone is."""
        halves = round(self.behind_s / _HALF_HOUR_S)
        return halves > 0 and abs(self.behind_s - halves * _HALF_HOUR_S) <= _NEAR_S

    @property
    def words(self) -> tuple[str, str]:
        """How far behind, in Chinese and in English."""
        if self.is_zone:
            hours = f"{round(self.behind_s / _HALF_HOUR_S) / 2:g}"
            return f"慢 {hours} 小时（naive_zone？）", f"{hours} h behind (naive_zone?)"
        if self.behind_s < 2 * _HOUR_S:
            return f"慢 {self.behind_s // 60} 分钟", f"{self.behind_s // 60} min behind"
        return f"慢 {self.behind_s / _HOUR_S:.1f} 小时", f"{self.behind_s / _HOUR_S:.1f} h behind"


async def clocks_behind(
    con: Connection, now: int, least_s: int = BEHIND_S, registers: Sequence[int] | None = None
) -> list[ClockBehind]:
    """Registers that report readings steadily older than `least_s`, of those given or of all, by name."""
    rows = await con.fetch(SQL["clocks_behind"], now, least_s, registers)
    return [ClockBehind(**row) for row in rows]
