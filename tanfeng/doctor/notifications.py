"""Notifications that are not delivered: warnings that nobody hears of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.model import SECOND_US, iso
from services.notify.outbox import STUCK_S
from tanfeng.doctor.finding import error, well

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.store.pool import Row
    from tanfeng.doctor.finding import Finding


def waiting(rows: Sequence[Row] | Sequence[Mapping[str, object]], now_us: int) -> Finding:
    """The outbox by target: how many wait, since when, and the last problem."""
    stuck = [row for row in rows if now_us - int(str(row["since"])) > STUCK_S * SECOND_US]
    if not stuck:
        return well("outbox", "没有滞留的通知。", "no notification is stuck.")
    told = "; ".join(f"{row['target']}: {row['waiting']} × {row['problem'] or '?'}" for row in stuck)
    since = iso(min(int(str(row["since"])) for row in stuck))
    return error(
        "outbox",
        (f"自 {since} 起通知未送达：{told}。", f"Notifications have not been delivered since {since}: {told}."),
        (
            "核对目标：tanfeng notify check、tanfeng notify test 目标名；修好后自动补发，见 tanfeng notify waiting。",
            "Check the targets: tanfeng notify check, tanfeng notify test NAME; what waits follows by itself.",
        ),
    )
