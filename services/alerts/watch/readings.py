"""What is doubtful about readings: held ones, events of the fold, and two values for one instant."""

from __future__ import annotations

from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING, Final

from services.accounting.policy import PLAIN_KINDS
from services.alerting.model import Severity, Sign, graver
from services.alerts.acts import EVENT_RULES
from services.alerts.suspects import words_of
from services.alerts.watch.look import SHOWN, local, place
from services.alerts.words import number
from services.model import SECOND_US, iso
from services.store.queries import SQL
from services.units import decimal_text

if TYPE_CHECKING:
    from services.alerting.model import Observation
    from services.alerts.watch.look import Look
    from services.store.pool import Connection, Row

_METER_PARTS = 5
_HOUR_S: Final = 3600


async def reading_held(con: Connection, look: Look) -> list[Observation]:
    """Every register with something held that no later reading and nobody has settled, since the first held reading.

    And what was settled meanwhile: of what was held and settled since the last look nobody would hear if the evaluator
    stood still.
    """
    passed = await con.fetch(SQL["watch_held_passed"], look.since, look.age) if look.since > 0 else []
    return [
        *(_held(look, row) for row in await con.fetch(SQL["watch_held"])),
        *(_passed(look, row) for row in passed),
    ]


def _passed(look: Look, row: Row) -> Observation:
    return look.saw(
        row["name"],
        Sign.BAD,
        row["first_at"],
        enterprise=row["enterprise"],
        site=row["site"],
        unit=row["unit"],
        ends_at=row["ends_at"],
        evidence={
            **place(row),
            "register": row["name"],
            "since_local": local(row["first_at"], row["zone"]),
            "first_held": {"at": iso(row["first_at"])},
            "settled_at": iso(row["ends_at"]),
            "readings": row["readings"],
            **words_of(""),
        },
    )


def _held(look: Look, row: Row) -> Observation:
    base = None
    if row["kind"] not in PLAIN_KINDS and row["baseline_at"] is not None:
        base = {"at": iso(row["baseline_at"]), "value": decimal_text(row["baseline_value"])}
    held_s = (look.now - row["first_at"]) // SECOND_US
    at_stake = row["amount"] or (row["hourly"] or Decimal(0)) * held_s / _HOUR_S
    first = row["first_text"] or decimal_text(row["first_value"] or 0)
    return look.saw(
        row["name"],
        Sign.BAD,
        row["first_at"],
        enterprise=row["enterprise"],
        site=row["site"],
        unit=row["unit"],
        severity=_severity(look, held_s, at_stake * (row["kgce_per_unit"] or 0) / 1000),
        evidence={
            **place(row),
            "register": row["name"],
            "since_local": local(row["first_at"], row["zone"]),
            "baseline": base,
            "first_held": {"at": iso(row["first_at"]), "value": first},
            "suspect": row["suspect"],
            **words_of(row["suspect"]),
        },
        latest={
            "readings": row["readings"],
            "until": iso(row["until_at"]),
            "hours": number(Decimal(held_s) / _HOUR_S),
            "at_stake": number(at_stake),
        },
    )


def _severity(look: Look, held_s: int, at_stake_tce: Decimal) -> Severity:
    """The rule's own, and more the longer it lasts and the more energy may be missing from the books."""
    rule = look.version
    for severity in (Severity.CRITICAL, Severity.WARNING):
        if held_s >= rule.seconds(f"{severity}_after") or at_stake_tce >= rule.number(f"{severity}_tce"):
            return graver(severity, rule.severity)
    return rule.severity


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
            "events": [
                {"read_at": iso(each["read_at"]), "shift": decimal_text(each["shift"]), "suspect": each["suspect"]}
                for each in newest
            ],
            **words_of(events[-1]["suspect"]),
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
