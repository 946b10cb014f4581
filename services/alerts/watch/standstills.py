"""MeterStuck: registers that stand still for longer than is believed, and standstills that turned out to be none."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from services.alerting.model import Sign
from services.alerts.watch.look import SHOWN, local, place
from services.alerts.words import number
from services.model import SECOND_US, iso
from services.store.queries import SQL

if TYPE_CHECKING:
    from services.alerting.model import Observation
    from services.alerts.watch.look import Look
    from services.store.pool import Connection, Row

STANDING: Final = "standing"
"""The member of an alert that is the standstill of now; the others are events by their µs."""
_HOUR_S: Final = 3600


async def meter_stuck(con: Connection, look: Look) -> list[Observation]:
    """Every register that stands still beyond its `flat`, or has a `stuck` event that nobody has acknowledged."""
    standing = {row["name"]: row for row in await con.fetch(SQL["watch_standing"])}
    events: dict[str, list[Row]] = {}
    for row in await con.fetch(SQL["watch_events"], "stuck"):
        events.setdefault(row["name"], []).append(row)
    return [_seen(look, standing.get(name), events.get(name, [])) for name in sorted({*standing, *events})]


def _seen(look: Look, standing: Row | None, events: list[Row]) -> Observation:
    where = events[0] if standing is None else standing
    members = {str(event["read_at"]): event["read_at"] for event in events}
    words: dict[str, Any] = {}
    if standing is not None:
        members[STANDING] = standing["flat_at"] + standing["flat_s"] * SECOND_US
        words = _standing_words(standing)
    else:
        words = _stuck_words(events)
    return look.saw(
        where["name"],
        Sign.BAD,
        min(members.values()),
        enterprise=where["enterprise"],
        site=where["site"],
        unit=where["unit"],
        news_at=max(members.values()),
        members=members,
        evidence={
            **place(where),
            "register": where["name"],
            "standing_since": None if standing is None else iso(standing["flat_at"]),
            "events": [iso(event["read_at"]) for event in events[-SHOWN:]],
            **words,
        },
    )


def _standing_words(row: Row) -> dict[str, str]:
    since, hours = local(row["flat_at"], row["zone"]), number(Decimal(row["flat_s"]) / _HOUR_S)
    return {
        "what_zh": f"自 {since} 起读数不变，超过 {hours} 小时，其间电量未知",
        "what_en": f"unchanged since {since}, for more than {hours} h: what it used since is not known",
    }


def _stuck_words(events: list[Row]) -> dict[str, str]:
    until = local(events[-1]["read_at"], events[-1]["zone"])
    return {
        "what_zh": f"{len(events)} 段不变的读数是旧值重复，电量已按估计补记，最近至 {until}",
        "what_en": f"{len(events)} standstills were an old value repeated, booked estimated, the last until {until}",
    }
