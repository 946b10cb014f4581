"""Settings of backfill, columnstore and retention that contradict one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tanfeng.doctor.finding import warning, well

if TYPE_CHECKING:
    from services.settings import Settings
    from tanfeng.doctor.finding import Finding


def keeping(settings: Settings) -> list[Finding]:
    """Each contradiction, or that there is none."""
    raw, horizon, columnstore = settings.raw_days, settings.horizon_days, settings.columnstore_days
    found = []
    if raw and not horizon:
        found.append(
            warning(
                "retention",
                (
                    "补传期限不限（TANFENG_HORIZON_DAYS=0），原始读数因此永不清理。",
                    "Readings of any age are accepted (TANFENG_HORIZON_DAYS=0), so raw readings are never dropped.",
                ),
                (
                    f"TANFENG_HORIZON_DAYS=400，或明确写 TANFENG_RAW_DAYS=0（现为 {raw}）。",
                    f"Set TANFENG_HORIZON_DAYS=400, or say so with TANFENG_RAW_DAYS=0 (it is {raw}).",
                ),
            )
        )
    if raw and horizon > raw:
        found.append(
            warning(
                "retention",
                (
                    f"原始读数应保留 {raw} 天，但补传期限为 {horizon} 天，实际保留 {horizon} 天。",
                    f"Raw readings should go after {raw} days, but are accepted for {horizon}: they stay {horizon}.",
                ),
                (f"TANFENG_RAW_DAYS 至少为 {horizon}。", f"Set TANFENG_RAW_DAYS to {horizon} or more."),
            )
        )
    if columnstore and horizon and columnstore < horizon:
        found.append(
            warning(
                "columnstore",
                (
                    f"{columnstore} 天后压缩，而 {horizon} 天内的读数仍可补传：补传会反复落入已压缩的块。",
                    (
                        f"Compressed after {columnstore} days while those of {horizon} days are accepted: they land "
                        "in compressed chunks again and again."
                    ),
                ),
                (f"TANFENG_COLUMNSTORE_DAYS={horizon}",) * 2,
            )
        )
    if columnstore and raw and columnstore >= raw:
        found.append(
            warning(
                "columnstore",
                (
                    f"压缩（{columnstore} 天）不早于清理（{raw} 天）：从不压缩。",
                    (
                        f"Compressing after {columnstore} days comes no earlier than dropping after {raw}: nothing is "
                        "ever compressed."
                    ),
                ),
                (
                    "调小 TANFENG_COLUMNSTORE_DAYS，或写 0 关闭压缩。",
                    "Lower TANFENG_COLUMNSTORE_DAYS, or set it to 0: no columnstore.",
                ),
            )
        )
    if settings.rejection_days and raw and settings.rejection_days > raw:
        found.append(
            warning(
                "rejections",
                (
                    f"拒收内容应保留 {settings.rejection_days} 天，但拒收记录 {raw} 天后即删除。",
                    f"Bytes of rejections should stay {settings.rejection_days} days, their records go after {raw}.",
                ),
                (
                    f"TANFENG_RAW_DAYS 至少为 {settings.rejection_days}。",
                    f"Set TANFENG_RAW_DAYS to {settings.rejection_days} or more.",
                ),
            )
        )
    return found or [well("retention", "各项保留期限不冲突。", "its settings do not contradict one another.")]
