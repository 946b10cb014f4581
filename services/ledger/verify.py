"""Rebuild the books from the stored readings and declared acts alone, and compare them with what is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from services.days import day_of
from services.ledger.cards import load_cards
from services.ledger.entries import state_of
from services.ledger.rebuilt import rebuilt, stored_books
from services.ledger.sums import in_parts
from services.model import iso
from services.store.pool import NEG_INFINITY
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from services.accounting.state import EventKind
    from services.ledger.cards import Card
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
    stored = await stored_books(con, card)
    dropped = state is not None and state["kept_from"] > NEG_INFINITY
    new = await rebuilt(con, card, stored.doubts, dropped=dropped, singly=True)
    old, now = stored.since(new.start), new.books.since(new.start)
    findings = [
        *_compare(f"{name} ledger", old.rows, now.rows, iso),
        *_compare(f"{name} day", await _days(con, card), _by_day(card, stored.rows), str),
        *_compare(f"{name} doubt", old.doubts, now.doubts, iso),
        *_compare(f"{name} event", old.events, now.events, _event),
        *_compare(f"{name} standstill", old.standstills, now.standstills, iso),
    ]
    kept_from = NEG_INFINITY if state is None else state["kept_from"]
    miscounted = await con.fetch(SQL["wrong_reading_days"], card.zone, register_id, kept_from)
    findings += [Finding(f"{name} readings of {row['day']}", row["stored"], row["rebuilt"]) for row in miscounted]
    if state is not None and state_of(state) != new.state:
        findings.append(Finding(f"{name} state", state_of(state), new.state))
    return findings


async def _days(con: Connection, card: Card) -> dict[Any, tuple[int, ...]]:
    rows = await con.fetch(SQL["days_of"], card.register_id)
    return {row[0]: in_parts(tuple(row)[1:], card.policy.parts) for row in rows}


def _by_day(card: Card, ledger: Mapping[int, tuple[int, ...]]) -> dict[Any, tuple[int, ...]]:
    days: dict[Any, tuple[int, ...]] = {}
    for bucket, row in ledger.items():
        day = day_of(card.zone, bucket)
        days[day] = tuple(a + b for a, b in zip(days.get(day, (0, 0, 0, 0)), row, strict=True))
    return {day: row for day, row in days.items() if any(row)}


def _compare(
    place: str, stored: Mapping[Any, Any], new: Mapping[Any, Any], shown: Callable[[Any], str]
) -> list[Finding]:
    return [
        Finding(f"{place} {shown(key)}", stored.get(key), new.get(key))
        for key in sorted({*stored, *new})
        if stored.get(key) != new.get(key)
    ]


def _event(key: tuple[EventKind, int]) -> str:
    return f"{key[0]} {iso(key[1])}"
