"""What is doubtful about readings: held ones, events of the fold, and two values for one instant."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from services.alerting.model import Sign
from services.model import iso
from services.store.alert_acts import EVENT_RULES
from services.store.entries import state_of
from services.store.queries import SQL
from services.store.watch.look import SHOWN, local, place
from services.units import decimal_text

if TYPE_CHECKING:
    from services.alerting.model import Observation
    from services.store.pool import Connection, Row
    from services.store.watch.look import Look

_METER_PARTS = 5


async def reading_held(con: Connection, look: Look) -> list[Observation]:
    """Every register with held runs after its baseline, since the first held reading."""
    return [_held(look, row) for row in await con.fetch(SQL["watch_held"])]


def _held(look: Look, row: Row) -> Observation:
    state = state_of(row)
    runs = sorted(state.runs, key=lambda run: run.first.at)
    first = runs[0].first
    base = None if state.base is None else {"at": iso(state.base.at), "value": decimal_text(state.base.value)}
    return look.saw(
        row["name"],
        Sign.BAD,
        first.at,
        enterprise=row["enterprise"],
        site=row["site"],
        unit=row["unit"],
        evidence={
            **place(row),
            "register": row["name"],
            "since_local": local(first.at, row["zone"]),
            "baseline": base,
            "first_held": {"at": iso(first.at), "value": decimal_text(first.value)},
        },
        latest={
            "readings": sum(run.count for run in runs),
            "runs": len(runs),
            "until": iso(max(run.last.at for run in runs)),
        },
    )


async def register_events(con: Connection, look: Look) -> list[Observation]:
    """The open events of the rule's kind, one observation a register with its events inside."""
    rows = await con.fetch(SQL["watch_events"], EVENT_RULES[look.version.rule.name])
    return [_events(look, list(events)) for _, events in groupby(rows, key=lambda row: row["name"])]


def _events(look: Look, events: list[Row]) -> Observation:
    first, newest = events[0], events[-SHOWN:]
    return look.saw(
        first["name"],
        Sign.BAD,
        first["read_at"],
        enterprise=first["enterprise"],
        site=first["site"],
        unit=first["unit"],
        news_at=events[-1]["read_at"],
        members={str(event["read_at"]): event["read_at"] for event in events},
        evidence={
            **place(first),
            "register": first["name"],
            "count": len(events),
            "events": [{"read_at": iso(each["read_at"]), "shift": decimal_text(each["shift"])} for each in newest],
        },
    )


async def data_conflict(con: Connection, look: Look) -> list[Observation]:
    """Topics that sent another value for a stored register and instant; what was sent is news, not what it is about."""
    rows = await con.fetch(SQL["watch_conflicts"])
    return [_conflicts(look, topic, list(group)) for topic, group in groupby(rows, key=lambda row: row["topic"])]


def _conflicts(look: Look, topic: str, rows: list[Row]) -> Observation:
    first = rows[0]
    parts = topic.split("/")
    what = f" · {parts[3]}" if len(parts) == _METER_PARTS else ""
    return look.saw(
        topic,
        Sign.BAD,
        min(row["first_at"] for row in rows),
        enterprise=first["enterprise"],
        news_at=max(row["last_at"] for row in rows),
        members={str(row["rejection_id"]): row["first_at"] for row in rows},
        evidence={
            "place_zh": first["enterprise_zh"] + what,
            "place_en": first["enterprise_en"] + what,
            "topic": topic,
            "count": len(rows),
            "conflicts": [
                {"rejection": row["rejection_id"], "what": row["detail"], "where": row["pointer"]}
                for row in rows[-SHOWN:]
            ],
        },
        latest={"seen": sum(row["seen_count"] for row in rows)},
    )
