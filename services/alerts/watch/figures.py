"""What is doubtful about figures: closed days that changed, and energy whose CO₂ cannot be known."""

from __future__ import annotations

from datetime import datetime, time
from itertools import groupby
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from services.alerting.model import Sign
from services.alerts.watch.look import SHOWN, place
from services.model import SECOND_US, iso, to_us
from services.store.queries import SQL

if TYPE_CHECKING:
    from datetime import date

    from services.alerting.model import Observation
    from services.alerts.watch.look import Look
    from services.store.pool import Connection, Row


async def backdated_change(con: Connection, look: Look) -> list[Observation]:
    """Registers whose energy of days closed for longer than `older` was changed, with old and new figures.

    A figure that had stood for less than `stood` is old news: nobody can have relied on it, as when history is loaded.
    """
    touched = [row["register_id"] for row in await con.fetch(SQL["watch_backdated_registers"], look.since)]
    older = float(look.version.seconds("older"))
    rows = await con.fetch(SQL["watch_backdated"], touched, sorted(look.open_subjects), older)
    stood_us = look.version.seconds("stood") * SECOND_US
    return [_changed(look, list(days), stood_us) for _, days in groupby(rows, key=lambda row: row["name"])]


def _changed(look: Look, days: list[Row], stood_us: int) -> Observation:
    first = days[0]
    news = {str(row["day"]): _news_at(row, stood_us) for row in days}
    total = sum(row["new_amount"] - row["old_amount"] for row in days)
    return look.saw(
        first["name"],
        Sign.BAD,
        min(row["recorded_until"] for row in days),
        value=total,
        unit=first["unit"],
        enterprise=first["enterprise"],
        site=first["site"],
        news_at=max(news.values()),
        members=news,
        evidence={
            **place(first),
            "register": first["name"],
            "count": len(days),
            "days": [_day(row) for row in days[-SHOWN:]],
        },
    )


def _news_at(row: Row, stood_us: int) -> int:
    has_stood = row["recorded_until"] - row["recorded_from"] >= stood_us
    return int(row["recorded_until"] if has_stood else row["day_ends_at"])


def _day(row: Row) -> dict[str, str]:
    return {
        "day": str(row["day"]),
        "old": str(row["old_amount"]),
        "new": str(row["new_amount"]),
        "cause": row["cause"],
        "changed_at": iso(row["recorded_until"]),
    }


async def factor_missing(con: Connection, look: Look) -> list[Observation]:
    """Carriers an enterprise uses, and the years of use, for which no emission factor is known: CO₂ is unknown then."""
    rows = await con.fetch(SQL["watch_factors"])
    return [
        _missing(look, list(years)) for _, years in groupby(rows, key=lambda row: (row["enterprise"], row["carrier"]))
    ]


def _missing(look: Look, years: list[Row]) -> Observation:
    first = years[0]
    return look.saw(
        f"{first['enterprise']}/{first['carrier']}",
        Sign.BAD,
        _starts(first["first_day"], first["zone"]),
        enterprise=first["enterprise"],
        news_at=max(_starts(row["last_day"], row["zone"]) for row in years),
        members={str(row["year"]): _starts(row["first_day"], row["zone"]) for row in years},
        evidence={
            "name_zh": first["enterprise_zh"],
            "name_en": first["enterprise_en"],
            "carrier": first["carrier"],
            "carrier_zh": first["carrier_zh"],
            "carrier_en": first["carrier_en"],
            "years": ", ".join(str(row["year"]) for row in years),
        },
    )


def _starts(day: date, zone: str) -> int:
    return to_us(datetime.combine(day, time(), ZoneInfo(zone)))
