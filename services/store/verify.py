"""Rebuild the books from the stored readings and declared acts alone, and compare them with what is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from services.accounting.fold import Fold
from services.accounting.split import split
from services.accounting.state import Outcome
from services.days import day_of
from services.model import QUARTER_US, iso
from services.store.cards import load_cards
from services.store.entries import KEPT_MEMBERS, state_of
from services.store.pool import NEG_INFINITY
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from services.store.cards import Card
    from services.store.pool import Connection


class Finding(NamedTuple):
    """One difference: where, what is stored and what the readings say (None = no such row)."""

    place: str
    stored: Any
    rebuilt: Any


async def verify(con: Connection, register_ids: list[int] | None = None) -> AsyncIterator[Finding]:
    """Differences of these registers, all by default, in one snapshot; of all: the months and the scopes' days too."""
    async with con.transaction(isolation="repeatable_read", readonly=True):
        names = {row["register_id"]: row["name"] for row in await con.fetch(SQL["registers_by_name"])}
        for register_id in register_ids or list(names):
            for finding in await verify_register(con, register_id, names[register_id]):
                yield finding
        if register_ids is None:
            for row in await con.fetch(SQL["wrong_scope_days"]):
                place = (
                    f"scope {row['enterprise_id']}/{row['site_id']}/{row['carrier']}/{row['direction']} {row['day']}"
                )
                yield Finding(place, (row["stored"], row["stored_s"]), (row["rebuilt"], row["rebuilt_s"]))
            for row in await con.fetch(SQL["wrong_months"]):
                place = f"{names.get(row['register_id'], row['register_id'])} month {row['month']}"
                yield Finding(place, (row["stored"], row["stored_s"]), (row["rebuilt"], row["rebuilt_s"]))


async def verify_register(con: Connection, register_id: int, name: str) -> list[Finding]:
    """Differences of one register: ledger, days, counts of readings, doubts, events and state.

    Where old raw readings were dropped, the books are rebuilt from the first sound one kept, and compared from there.
    """
    card = (await load_cards(con, [register_id]))[register_id]
    state = await con.fetchrow(SQL["state_row"], register_id)
    doubts = {row["read_at"]: (row["outcome"], row["high"]) for row in await con.fetch(SQL["doubts_of"], register_id)}
    fold, start = await _rebuilt(con, card, doubts, dropped=state is not None and state["kept_from"] > 0)
    ledger = await _rows(con, "ledger_of", register_id)
    rebuilt = {bucket: tuple(row) for bucket, row in split(fold.effects.segments).items() if any(row)}
    outcomes = fold.effects.verdicts.items()
    verdicts = {at: (v.outcome.value, v.high) for at, v in outcomes if v.outcome is not Outcome.SOUND}
    implied = {(k.value, at): shift for (k, at), shift in fold.effects.events.items() if shift is not None}
    events = {(row["kind"], row["read_at"]): row["shift"] for row in await con.fetch(SQL["events_of"], register_id)}
    findings = [
        *_compare(f"{name} ledger", _from(start, ledger), _from(start, rebuilt), iso),
        *_compare(f"{name} day", await _rows(con, "days_of", register_id), _by_day(card, ledger), str),
        *_compare(f"{name} doubt", {at: v for at, v in doubts.items() if at >= start}, verdicts, iso),
        *_compare(f"{name} event", {key: v for key, v in events.items() if key[1] >= start}, implied, _event),
    ]
    for run in fold.state.runs:
        del run.members[KEPT_MEMBERS:]
    kept_from = NEG_INFINITY if state is None else state["kept_from"]
    miscounted = await con.fetch(SQL["wrong_reading_days"], card.zone, register_id, kept_from)
    findings += [Finding(f"{name} readings of {row['day']}", row["stored"], row["rebuilt"]) for row in miscounted]
    if state is not None and state_of(state) != fold.state:
        findings.append(Finding(f"{name} state", state_of(state), fold.state))
    return findings


async def _rebuilt(con: Connection, card: Card, doubts: Mapping[int, Any], *, dropped: bool) -> tuple[Fold, int]:
    fold, start = Fold(card.policy), -(2**63)
    async for row in con.cursor(SQL["all_readings"], card.register_id, prefetch=5000):
        if dropped and start < 0:
            if row["read_at"] in doubts:
                continue
            start = row["read_at"]
        fold.take(row["read_at"], card.raw(row["value"], row["value_text"]))
    return fold, start


async def _rows(con: Connection, query: str, register_id: int) -> dict[Any, tuple[int, ...]]:
    return {row[0]: tuple(row)[1:] for row in await con.fetch(SQL[query], register_id)}


def _by_day(card: Card, ledger: Mapping[int, tuple[int, ...]]) -> dict[Any, tuple[int, ...]]:
    days: dict[Any, tuple[int, ...]] = {}
    for bucket, row in ledger.items():
        day = day_of(card.zone, bucket)
        days[day] = tuple(a + b for a, b in zip(days.get(day, (0, 0, 0, 0)), row, strict=True))
    return {day: row for day, row in days.items() if any(row)}


def _from(start: int, rows: Mapping[int, tuple[int, ...]]) -> dict[int, tuple[int, ...]]:
    """Rows wholly after the reading at which the rebuild starts."""
    first = (start // QUARTER_US + 1) * QUARTER_US
    return {bucket: row for bucket, row in rows.items() if bucket >= first}


def _compare(
    place: str, stored: Mapping[Any, Any], rebuilt: Mapping[Any, Any], shown: Callable[[Any], str]
) -> list[Finding]:
    return [
        Finding(f"{place} {shown(key)}", stored.get(key), rebuilt.get(key))
        for key in sorted({*stored, *rebuilt})
        if stored.get(key) != rebuilt.get(key)
    ]


def _event(key: tuple[str, int]) -> str:
    return f"{key[0]} {iso(key[1])}"
