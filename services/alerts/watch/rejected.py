"""MessagesRejected: one alert an enterprise most of whose messages, or most of a meter's, are rejected."""

from __future__ import annotations

from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING, Final

from services.alerting.model import Sign
from services.alerts.watch.causes import NO_SILENCE
from services.alerts.watch.look import SHOWN, local
from services.alerts.words import number
from services.model import SECOND_US
from services.store.queries import SQL
from services.wire.rejections import REJECTIONS

if TYPE_CHECKING:
    from services.alerting.model import Observation
    from services.alerts.watch.look import Look
    from services.store.pool import Connection, Row

_PERCENT: Final = 100


async def messages_rejected(con: Connection, look: Look) -> list[Observation]:
    """Enterprises of whose messages, or of one of whose meters', more than a share was rejected within the window."""
    since = look.now - look.version.seconds("window") * SECOND_US
    least, above = look.version.number("least"), look.version.number("above")
    rows = await con.fetch(SQL["rejected_mostly"], look.now, since, list(NO_SILENCE), int(least), above)
    bad = [row for row in rows if _share(row) > above]
    return [_enterprise(look, list(group)) for _, group in groupby(bad, key=lambda row: row["enterprise"])]


def _share(row: Row) -> Decimal:
    rejected = Decimal(row["rejected"])
    return rejected / (rejected + Decimal(row["accepted"]))


def _enterprise(look: Look, rows: list[Row]) -> Observation:
    """Rows of one enterprise: of itself first, where most of all its messages are rejected, then of its meters."""
    first, meters = rows[0], [row for row in rows if row["meter"]]
    worst = first if not first["meter"] else max(meters, key=lambda row: row["rejected"])
    why = REJECTIONS[worst["code"]]
    names = ", ".join(row["meter"] for row in meters[:3]) + (" …" if len(meters) > 3 else "")  # noqa: PLR2004
    return look.saw(
        first["enterprise"],
        Sign.BAD,
        min(row["first_at"] for row in rows),
        enterprise=first["enterprise"],
        news_at=max(row["first_at"] for row in rows),
        members={row["meter"]: row["first_at"] for row in rows},
        evidence={
            "name_zh": first["enterprise_zh"],
            "name_en": first["enterprise_en"],
            "code": worst["code"],
            "what_zh": why.what_zh,
            "what_en": why.what_en,
            "count": len(meters),
            "which_zh": f"（{len(meters)} 块表：{names}）" if meters else "",
            "which_en": f" ({len(meters)} meters: {names})" if meters else "",
            "meters": [{"meter": row["meter"], "code": row["code"]} for row in meters[:SHOWN]],
        },
        latest={
            "since_local": local(worst["first_at"], worst["zone"]),
            "rejected": worst["rejected"],
            "percent": number(_share(worst).quantize(Decimal("0.001")) * _PERCENT),
        },
    )
