"""The books of one register twice: as they are stored, and as its stored readings and declared acts make them anew."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import dropwhile, zip_longest
from typing import TYPE_CHECKING, Final

from services.accounting.fold import SOUND, Fold, HistoryNeededError
from services.accounting.refold import Difference
from services.accounting.split import split
from services.accounting.state import Event, EventKind, Outcome, Verdict
from services.ledger.entries import KEPT_MEMBERS
from services.ledger.sums import in_parts
from services.model import QUARTER_US
from services.store.pool import NEG_INFINITY
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from services.accounting.state import State
    from services.ledger.cards import Card
    from services.store.pool import Connection

PAGE: Final = 5000
"""Readings fetched at a time."""


@dataclass(frozen=True, slots=True)
class RegisterBooks:
    """What is booked of a register by quarter-hour, which readings are doubted, its events and its long standstills.

    Amounts of rows are in the unit that its policy books in (`Policy.parts`).
    """

    rows: Mapping[int, tuple[int, ...]]
    doubts: Mapping[int, Verdict]
    events: Mapping[tuple[EventKind, int], Event]
    standstills: Mapping[int, int]

    def since(self, start: int) -> RegisterBooks:
        """Those that the readings from `start` on make alone: the quarter-hour that holds it is shared with others."""
        if start == NEG_INFINITY:
            return self
        first = after(start)
        return RegisterBooks(
            {bucket: row for bucket, row in self.rows.items() if bucket >= first},
            {at: verdict for at, verdict in self.doubts.items() if at >= start},
            {key: event for key, event in self.events.items() if key[1] >= start},
            {at: until for at, until in self.standstills.items() if at >= start},
        )


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """Books made anew from the instant `start` on, and the state after them.

    `start` is before all readings, or at the first sound one that is kept where older ones were dropped.
    """

    start: int
    books: RegisterBooks
    state: State


def after(start: int) -> int:
    """The first quarter-hour that is wholly after `start`; before all where that is."""
    return NEG_INFINITY if start == NEG_INFINITY else (start // QUARTER_US + 1) * QUARTER_US


async def stored_books(con: Connection, card: Card) -> RegisterBooks:
    """The books of a register as they are."""
    register_id, parts = card.register_id, card.policy.parts
    return RegisterBooks(
        {row[0]: in_parts(tuple(row)[1:], parts) for row in await con.fetch(SQL["ledger_of"], register_id)},
        {
            row["read_at"]: Verdict(Outcome(row["outcome"]), row["high"])
            for row in await con.fetch(SQL["doubts_of"], register_id)
        },
        {
            (EventKind(row["kind"]), row["read_at"]): Event(
                row["shift"], row["suspect"], row["flat_at"], row["judged_at"]
            )
            for row in await con.fetch(SQL["events_of"], register_id)
        },
        {row["started_at"]: row["ended_at"] for row in await con.fetch(SQL["standstills_of"], register_id)},
    )


async def rebuilt(
    con: Connection, card: Card, doubts: Mapping[int, Verdict], *, dropped: bool, singly: bool = False
) -> Rebuilt:
    """Fold all stored readings of a register, inside a transaction.

    Args:
        con: In a transaction, in which the readings do not change.
        card: The register's.
        doubts: Those stored: the first kept reading without one is where the fold starts if older ones were `dropped`.
        dropped: Whether raw readings of the register are past retention.
        singly: Judge every reading by itself, not plain stretches together: slower, and a second opinion.
    """
    try:
        return await _rebuilt(con, card, doubts, dropped=dropped, singly=singly)
    except HistoryNeededError:  # a standstill is judged by what was shown before it, which plain stretches do not keep
        return await _rebuilt(con, card, doubts, dropped=dropped, singly=True)


async def _rebuilt(
    con: Connection, card: Card, doubts: Mapping[int, Verdict], *, dropped: bool, singly: bool
) -> Rebuilt:
    fold, start = Fold(card.policy), NEG_INFINITY
    cursor = await con.cursor(SQL["all_readings"], card.register_id)
    while page := await cursor.fetch(PAGE):
        if dropped and start == NEG_INFINITY:
            page = list(dropwhile(lambda row: row["read_at"] in doubts, page))
            start = page[0]["read_at"] if page else start
        times = [row["read_at"] for row in page]
        raws = [card.raw(row["value"], row["value_text"]) for row in page]
        if singly:
            fold.take_all(zip(times, raws, strict=True))
        else:
            fold.book_all(times, raws)
    return Rebuilt(start, _books_of(fold), _as_stored(fold.state))


def _books_of(fold: Fold) -> RegisterBooks:
    effects = fold.effects
    return RegisterBooks(
        {bucket: tuple(row) for bucket, row in split(effects.segments).items() if any(row)},
        {at: verdict for at, verdict in effects.verdicts.items() if verdict.outcome is not Outcome.SOUND},
        {key: event for key, event in effects.events.items() if event is not None},
        {at: until for at, until in effects.standstills.items() if until is not None},
    )


def _as_stored(state: State) -> State:
    for run in state.runs:
        del run.members[KEPT_MEMBERS:]
    return state


def difference(stored: RegisterBooks, new: Rebuilt) -> Difference:
    """What must change for the stored books to be the rebuilt ones, from its start on."""
    old, now = stored.since(new.start), new.books.since(new.start)
    changed = {bucket for bucket, _ in old.rows.items() ^ now.rows.items()}
    return Difference(
        {bucket: _less(now.rows.get(bucket, ()), old.rows.get(bucket, ())) for bucket in sorted(changed)},
        _changed(old.doubts, now.doubts, SOUND),
        _changed(old.events, now.events, None),
        _changed(old.standstills, now.standstills, None),
        new.state,
    )


def _less(new: tuple[int, ...], old: tuple[int, ...]) -> list[int]:
    return [a - b for a, b in zip_longest(new, old, fillvalue=0)]


def _changed(old: Mapping[Any, Any], new: Mapping[Any, Any], gone: object) -> dict[Any, Any]:
    return {key: new.get(key, gone) for key in sorted({*old, *new}) if old.get(key, gone) != new.get(key, gone)}
