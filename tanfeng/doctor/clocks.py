"""Clocks that disagree: of this machine, of the database, and of the meters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.model import SECOND_US
from tanfeng.doctor.finding import error, warning, well

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.ledger.meter_clocks import ClockBehind
    from services.store.pool import Row
    from tanfeng.doctor.finding import Finding

WARNING_S: Final = 2.0
ERROR_S: Final = 30.0
AHEAD_S: Final = 5
"""A reading from further in the future than this has a clock to blame."""
SYNCHRONISE: Final = (
    "启用时间同步：timedatectl set-ntp true；检查：chronyc tracking 或 timedatectl timesync-status。",
    "Synchronise the clock: timedatectl set-ntp true; look: chronyc tracking, or timedatectl timesync-status.",
)


def database(before_us: int, there_us: int, after_us: int) -> Finding:
    """The database's clock, asked between two looks at ours; the way there and back is not held against it."""
    off_us = max(there_us - after_us, before_us - there_us, 0)
    off_s = off_us / SECOND_US
    if off_s <= WARNING_S:
        return well("clock", "与数据库一致。", "agrees with the database's.")
    which = ("超前", "ahead") if there_us > after_us else ("落后", "behind")
    said = (f"数据库时钟{which[0]} {off_s:.1f} 秒。", f"The database's clock is {off_s:.1f} s {which[1]}.")
    return error("clock", said, SYNCHRONISE) if off_s > ERROR_S else warning("clock", said, SYNCHRONISE)


def meters(row: Row | Mapping[str, object] | None, refused: Sequence[str]) -> Finding:
    """Readings that came from the future: when most do, it is our clock that is behind.

    Args:
        row: Of the registers that reported within a day: `live`, `ahead`, `most_s`, `worst`.
        refused: Topics whose readings were refused as too far ahead.
    """
    live, ahead = (0, 0) if row is None else (int(str(row["live"])), int(str(row["ahead"])))
    if row is not None and ahead * 2 > live:
        said = (
            f"{live} 个在线寄存器中 {ahead} 个的读数来自未来（最多 {row['most_s']} 秒）：采集机器的时钟落后。",
            (
                f"{ahead} of {live} live registers are ahead (by up to {row['most_s']} s): the clock of the "
                "machine that ingests is behind."
            ),
        )
        return error("meter clocks", said, SYNCHRONISE)
    if row is not None and ahead:
        worst = row["worst"]
        names = ", ".join(str(name) for name in (worst if isinstance(worst, list) else [worst]))
        return _meters_ahead(f"{names} (≤ {row['most_s']} s)")
    if refused:
        return _meters_ahead(", ".join(refused))
    return well("meter clocks", "没有来自未来的读数。", "no reading came from the future.")


def behind(found: Sequence[ClockBehind]) -> Finding:
    """Meters that report by a clock that is steadily behind; a backlog is none."""
    if not found:
        return well("meters behind", "没有总是迟到的读数。", "no meter's readings are steadily late.")
    worst = sorted({each.meter: each for each in sorted(found, key=lambda each: each.behind_s)}.values(),
                   key=lambda each: -each.behind_s)  # fmt: skip
    zh = "、".join(f"{each.enterprise}/{each.meter} {each.words[0]}" for each in worst[:3])
    en = ", ".join(f"{each.enterprise}/{each.meter} {each.words[1]}" for each in worst[:3])
    return warning(
        "meters behind",
        (f"{len(worst)} 块表时钟落后：{zh}。", f"Clocks of {len(worst)} meters are behind: {en}."),
        (
            "校准表计或网关的时钟和时区，或声明 naive_zone；见 docs/runbooks/ClockBehind.md",
            "Set clock and zone of the meter or gateway, or declare naive_zone; see docs/runbooks/ClockBehind.md",
        ),
    )


def _meters_ahead(names: str) -> Finding:
    return warning(
        "meter clocks",
        (f"表计时钟超前：{names}。", f"Meters' clocks are ahead: {names}."),
        (
            "校准表计或网关的时钟和时区；拒收的读数：tanfeng rejected list --code time_ahead",
            "Set clock and zone of the meter or gateway; what was refused: tanfeng rejected list --code time_ahead",
        ),
    )
