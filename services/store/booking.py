"""Booking a batch: readings in, ledger, rollups, outcomes, events and states out, in the caller's transaction.

The state rows are locked in id order before anything else is read, by every writer alike, so two writers never fold
the same register at once. Readings newer than the newest stored fold from the state row without a look-up; all others
are folded side by side (`services.store.late`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.accounting.fold import Fold, HistoryNeededError
from services.accounting.refold import outright
from services.accounting.state import Outcome
from services.days import day_of
from services.model import QUARTER_US, SECOND_US
from services.store.cards import load_cards
from services.store.entries import KEPT_MEMBERS, Entries, Newest, state_of
from services.store.late import Change, refold_all
from services.store.queries import SQL
from services.store.reported import keep_reported

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from services.model import Arrival
    from services.store.cards import Card
    from services.store.pool import Connection, Row

_HELD = frozenset({Outcome.HELD, Outcome.OUT_OF_RANGE})


@dataclass(slots=True)
class Booked:
    """What became of a batch. Indexes are those of the arrivals given."""

    accepted: int = 0
    """Readings newly stored, the held ones included."""
    duplicates: int = 0
    held: int = 0
    conflicts: list[tuple[int, int]] = field(default_factory=list)
    """(index, the value that stands): another value is stored for this register and instant."""
    too_old: list[int] = field(default_factory=list)
    """Older than the raw readings kept."""


@dataclass(slots=True)
class _Group:
    """The arrivals of one register: the first for each instant, by instant."""

    row: Row
    first: dict[int, tuple[int, Arrival]] = field(default_factory=dict)


class Books:
    """Books batches; remembers the cards of registers between them."""

    def __init__(self) -> None:
        self._cards: dict[int, Card] = {}

    async def book(self, con: Connection, arrivals: Sequence[Arrival]) -> Booked:
        """Store and book what is new of `arrivals`; the first committed of two values for one instant stands."""
        booked = Booked()
        rows = await con.fetch(SQL["lock_states"], sorted({arrival.register_id for arrival in arrivals}))
        groups = {row["register_id"]: _Group(row) for row in rows}
        await self._refresh(con, rows)
        _sort(arrivals, groups, booked)
        await _drop_stored(con, groups, booked)
        added = {register: group for register, group in groups.items() if group.first}
        if added:
            await self._book_new(con, added, booked)
            await con.execute(SQL["booked"])
        return booked

    async def _refresh(self, con: Connection, rows: Iterable[Row]) -> None:
        stale = [
            row["register_id"]
            for row in rows
            if (card := self._cards.get(row["register_id"])) is None or card.version != row["policy_version"]
        ]
        if stale:
            self._cards.update(await load_cards(con, stale))

    async def _book_new(self, con: Connection, groups: Mapping[int, _Group], booked: Booked) -> None:
        entries = Entries()
        changes = []
        for register, group in groups.items():
            change = self._fold(self._cards[register], group, entries, booked)
            if change is not None:
                changes.append(change)
        if changes:
            differences = await refold_all(con, changes)
            for register, difference in differences.items():
                group = groups[register]
                booked.held += sum(
                    difference.verdicts[at].outcome in _HELD for at in group.first if at in difference.verdicts
                )
                entries.add(self._cards[register], difference, _newest(group), group.row["newest_at"])
        booked.accepted = await _store(con, groups)
        await self._count(con, groups)
        await entries.write(con)
        ratios = {register: group.first for register, group in groups.items() if self._cards[register].is_ratio}
        await keep_reported(con, {each: (min(first), max(first)) for each, first in ratios.items()}, self._cards)

    async def _count(self, con: Connection, groups: Mapping[int, _Group]) -> None:
        """Count what is stored by register and day of its site's zone: completeness never counts raw readings."""
        days: dict[tuple[int, date], int] = {}
        for register, group in groups.items():
            zone = self._cards[register].zone
            for at in group.first:
                key = (register, day_of(zone, at // QUARTER_US * QUARTER_US))
                days[key] = days.get(key, 0) + 1
        await con.execute(
            SQL["add_reading_days"],
            [register for register, _ in days],
            [day for _, day in days],
            [*days.values()],
        )

    @staticmethod
    def _fold(card: Card, group: _Group, entries: Entries, booked: Booked) -> Change | None:
        """Fold newer readings from the state; give back what must be folded side by side instead."""
        added = {at: card.raw(arrival.raw, arrival.text) for at, (_, arrival) in sorted(group.first.items())}
        newest = group.row["newest_at"]
        first, last = next(iter(added)), next(reversed(added))
        if newest is None or first > newest:
            fold = Fold(card.policy, state_of(group.row), keep=KEPT_MEMBERS)
            try:
                fold.take_all(added.items())
            except HistoryNeededError:
                return Change(card, card.policy, first, last, added)
            verdicts = fold.effects.verdicts
            booked.held += sum(verdicts[at].outcome in _HELD for at in added)
            entries.add(card, outright(fold.effects, fold.state), _newest(group), newest)
            return None
        return Change(card, card.policy, first, last, added)


def _sort(arrivals: Sequence[Arrival], groups: Mapping[int, _Group], booked: Booked) -> None:
    """Put each arrival where it belongs, or count it as repeated or too old."""
    for index, arrival in enumerate(arrivals):
        group = groups[arrival.register_id]
        row, known = group.row, group.first.get(arrival.at)
        if known is not None:
            _compare(index, arrival, known[1].raw, known[1].text, booked)
        elif arrival.at == row["newest_at"] and arrival.raw == row["newest_value"] and arrival.text is None:
            booked.duplicates += 1
        elif arrival.at < row["kept_from"]:
            booked.too_old.append(index)
        else:
            group.first[arrival.at] = (index, arrival)


def _compare(index: int, arrival: Arrival, value: int, text: str | None, booked: Booked) -> None:
    if (arrival.raw, arrival.text) == (value, text):
        booked.duplicates += 1
    else:
        booked.conflicts.append((index, value))


async def _drop_stored(con: Connection, groups: Mapping[int, _Group], booked: Booked) -> None:
    """Take out what is stored already."""
    asked = [
        (group, at)
        for group in groups.values()
        if group.row["newest_at"] is not None
        for at in group.first
        if at <= group.row["newest_at"]
    ]
    if not asked:
        return
    registers = [group.row["register_id"] for group, _ in asked]
    for row in await con.fetch(SQL["stored_readings"], registers, [at for _, at in asked]):
        group, at = asked[row["place"] - 1]
        index, arrival = group.first.pop(at)
        _compare(index, arrival, row["value"], row["value_text"], booked)


def _newest(group: _Group) -> Newest:
    at, value = group.row["newest_at"], group.row["newest_value"]
    last = max(group.first)
    if at is not None and at > last:
        return Newest(at, value)
    arrival = group.first[last][1]
    return Newest(last, arrival.raw if arrival.text is None else None)


async def _store(con: Connection, groups: Mapping[int, _Group]) -> int:
    records = [
        (register, at, arrival.raw, (arrival.received_us - at) // SECOND_US, arrival.text)
        for register, group in groups.items()
        for at, (_, arrival) in group.first.items()
    ]
    await con.copy_records_to_table(
        "reading",
        schema_name="core",
        columns=("register_id", "read_at", "value", "lag_s", "value_text"),
        records=records,
    )
    return len(records)
