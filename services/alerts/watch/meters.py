"""MeterSilent and CompletenessLow: one alert a site, with the meters or registers inside that fall short."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from typing import TYPE_CHECKING

from services.alerting.model import Sign
from services.alerts.watch.causes import Silent, causes, summed_up
from services.alerts.watch.look import SHOWN, local, place
from services.alerts.words import number
from services.model import HOUR_US, SECOND_US, iso
from services.store.queries import SQL

if TYPE_CHECKING:
    from services.alerting.model import Observation
    from services.alerts.watch.causes import Cause
    from services.alerts.watch.look import Look
    from services.store.pool import Connection, Row

_GRACE_US = 24 * HOUR_US
"""A register that has never reported has a day to begin."""


async def meter_silent(con: Connection, look: Look) -> list[Observation]:
    """Every site with silent registers; those that have never reported count from a day after their registration."""
    at_least, intervals = look.version.seconds("at_least"), look.version.number("intervals")
    rows = await con.fetch(SQL["watch_registers"], look.now, float(at_least), float(intervals))
    sites: dict[str, list[tuple[Row, int]]] = defaultdict(list)
    for row in rows:
        silent_at = _silent_at(row, at_least, float(intervals))
        if silent_at <= look.now:
            sites[f"{row['enterprise']}/{row['site']}"].append((row, silent_at))
    shown = {subject: _by_meter(silent) for subject, silent in sites.items()}
    last = [_last(rows, at_least, float(intervals)) for meters in shown.values() for rows in meters.values()]
    found = await causes(con, look.now, last)
    return [_site(look, subject, silent, shown[subject], found) for subject, silent in sites.items()]


def _silent_at(row: Row, at_least: int, intervals: float) -> int:
    """When it counts as silent: its newest reading, or a day after its registration, and the time allowed."""
    newest: int = row["recorded_at"] + _GRACE_US if row["newest_at"] is None else row["newest_at"]
    return newest + _allowed_us(row, at_least, intervals)


def _allowed_us(row: Row, at_least: int, intervals: float) -> int:
    return int(max(at_least, intervals * row["interval_s"])) * SECOND_US


def _by_meter(silent: list[tuple[Row, int]]) -> dict[str, list[Row]]:
    """The registers of as many meters as are shown."""
    meters: dict[str, list[Row]] = defaultdict(list)
    for row, _ in silent:
        if row["meter"] in meters or len(meters) < SHOWN:
            meters[row["meter"]].append(row)
    return meters


def _last(rows: list[Row], at_least: int, intervals: float) -> Silent:
    row = max(rows, key=lambda each: each["newest_at"] or 0)
    return Silent(row, _allowed_us(row, at_least, intervals))


def _site(
    look: Look,
    subject: str,
    silent: list[tuple[Row, int]],
    shown: dict[str, list[Row]],
    every_cause: dict[tuple[str, str], Cause],
) -> Observation:
    first, _ = silent[0]
    count = len({row["meter"] for row, _ in silent})
    found = {meter: every_cause[key] for meter in (*shown, "") if (key := (first["enterprise"], meter)) in every_cause}
    since = min(row["recorded_at"] if row["newest_at"] is None else row["newest_at"] for row, _ in silent)
    return look.saw(
        subject,
        Sign.BAD,
        min(silent_at for _, silent_at in silent),
        enterprise=first["enterprise"],
        site=first["site"],
        news_at=max(silent_at for _, silent_at in silent),
        members={f"{row['meter']}/{row['register']}": silent_at for row, silent_at in silent},
        evidence={
            **place(first),
            "count": count,
            "meters": [
                {"meter": code, "registers": [row["register"] for row in rows]}
                | ({"cause": found[code].kind} if code in found else {})
                for code, rows in shown.items()
            ],
            **({"cause": found[""].kind} if "" in found else {}),
        },
        latest={
            "since_local": local(since, first["zone"]),
            "repair_by": str(min(row["repair_by"] for row, _ in silent)),
            "newest_at": {code: _newest(rows) for code, rows in shown.items()},
            **summed_up(found, count),
        },
    )


def _newest(rows: list[Row]) -> str | None:
    """A meter's newest reading so far; it moves while a backlog comes in, which is no news."""
    newest = [row["newest_at"] for row in rows if row["newest_at"] is not None]
    return iso(max(newest)) if newest else None


async def completeness_low(con: Connection, look: Look) -> list[Observation]:
    """Sites with registers that brought too few readings on the last closed day of the site."""
    thresholds = look.version.thresholds
    rows = await con.fetch(SQL["watch_completeness"], look.now, thresholds.clear_at)
    return [_short(look, list(group)) for _, group in groupby(rows, key=lambda row: (row["enterprise"], row["site"]))]


def _short(look: Look, rows: list[Row]) -> Observation:
    """A site whose registers are all in the band changes no state."""
    first, thresholds = rows[0], look.version.thresholds
    bad = [row for row in rows if thresholds.sign(row["completeness_ratio"]) is Sign.BAD]
    lowest = min(row["completeness_ratio"] for row in rows)
    return look.saw(
        f"{first['enterprise']}/{first['site']}",
        Sign.BAD if bad else Sign.BAND,
        first["day_ends_at"],
        value=lowest,
        limit=thresholds.raise_at,
        enterprise=first["enterprise"],
        site=first["site"],
        members={f"{row['meter']}/{row['register']}": row["day_ends_at"] for row in bad},
        evidence={
            **place(first),
            "day": str(first["day"]),
            "count": len(bad),
            "percent": number(lowest * 100),
            "limit_percent": number(thresholds.raise_at * 100),
            "registers": [
                {
                    "register": f"{row['meter']}/{row['register']}",
                    "received": row["received_readings"],
                    "expected": row["expected_readings"],
                }
                for row in bad[:SHOWN]
            ],
        },
    )
