"""Booking a batch: readings in, ledger, rollups, outcomes, events and states out, in the caller's transaction.

The state rows are locked in id order before anything else is read, by every writer alike, so two writers never fold
the same register at once. Readings newer than the newest stored fold from the state row without a look-up; all others
are folded side by side (`services.store.late`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from services.accounting.fold import Fold, HistoryNeededError
from services.accounting.refold import outright
from services.accounting.state import Outcome
from services.days import day_of
from services.model import QUARTER_US, SECOND_US
from services.store.cards import load_cards
from services.store.entries import KEPT_MEMBERS, Entries, Newest, state_of
from services.store.late import Change, refold_all
from services.store.pool import NEG_INFINITY
from services.store.queries import SQL
from services.store.reported import keep_reported

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date
    from fractions import Fraction

    from services.accounting.state import Verdict
    from services.model import Arrival
    from services.store.cards import Card
    from services.store.pool import Connection, Row

    _Stored = tuple[int, int, int, int, str | None]

_COLUMNS: Final = ("register_id", "read_at", "value", "lag_s", "value_text")
_HELD: Final = frozenset({Outcome.HELD, Outcome.OUT_OF_RANGE})


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
    """The arrivals of one register: the index of the first one for each instant."""

    row: Row
    newest: int
    """The newest stored instant; before all where nothing is stored."""
    kept_from: int
    first: dict[int, int] = field(default_factory=dict)
    is_late: bool = False
    """Whether one of them is not newer than what is stored."""


class Books:
    """Books batches; remembers the cards of registers between them."""

    def __init__(self) -> None:
        self._cards: dict[int, Card] = {}

    async def book(self, con: Connection, arrivals: Sequence[Arrival]) -> Booked:
        """Store and book what is new of `arrivals`; the first committed of two values for one instant stands."""
        booked = Booked()
        rows = await con.fetch(SQL["lock_states"], sorted({arrival.register_id for arrival in arrivals}))
        groups = {row["register_id"]: _group(row) for row in rows}
        await self._refresh(con, rows)
        _sort(arrivals, groups, booked)
        await _drop_stored(con, arrivals, groups, booked)
        added = {register: group for register, group in groups.items() if group.first}
        if added:
            await self._book_new(con, arrivals, added, booked)
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

    async def _book_new(
        self, con: Connection, arrivals: Sequence[Arrival], groups: Mapping[int, _Group], booked: Booked
    ) -> None:
        entries, changes = Entries(), list[Change]()
        # one register is folded while the server stores those before it
        await _copy(con, self._in_order(arrivals, groups, entries, changes, booked))
        if changes:
            await self._book_late(con, arrivals, groups, entries, changes, booked)
        booked.accepted = sum(len(group.first) for group in groups.values())
        await self._count(con, groups)
        await entries.write(con)
        ratios = {register: group.first for register, group in groups.items() if self._cards[register].is_ratio}
        await keep_reported(con, {each: (min(first), max(first)) for each, first in ratios.items()}, self._cards)

    def _in_order(
        self,
        arrivals: Sequence[Arrival],
        groups: Mapping[int, _Group],
        entries: Entries,
        changes: list[Change],
        booked: Booked,
    ) -> Iterator[_Stored]:
        """Fold what is newer than all that is stored, register by register; gives the rows to store.

        What must be folded side by side instead is added to `changes`, and none of its rows is given.
        """
        for register, group in groups.items():
            card = self._cards[register]
            readings = [
                (at, each.raw if each.text is None else card.raw(each.raw, each.text))
                for at in sorted(group.first)
                if (each := arrivals[group.first[at]])
            ]
            if group.is_late or not _fold(card, group, readings, _newest(arrivals, group), entries, booked):
                changes.append(Change(card, card.policy, readings[0][0], readings[-1][0], dict(readings)))
            else:
                yield from _rows(register, arrivals, group)

    async def _book_late(
        self,
        con: Connection,
        arrivals: Sequence[Arrival],
        groups: Mapping[int, _Group],
        entries: Entries,
        changes: Sequence[Change],
        booked: Booked,
    ) -> None:
        for register, difference in (await refold_all(con, changes)).items():
            group = groups[register]
            booked.held += _held(difference.verdicts, group)
            entries.add(self._cards[register], difference, _newest(arrivals, group), group.row["newest_at"])
        late = [each.card.register_id for each in changes]
        await _copy(con, (row for register in late for row in _rows(register, arrivals, groups[register])))

    async def _count(self, con: Connection, groups: Mapping[int, _Group]) -> None:
        """Count what is stored by register and day of its site's zone: completeness never counts raw readings."""
        counted = [
            (register, day, number)
            for register, group in groups.items()
            for day, number in _by_day(self._cards[register].zone, group.first).items()
        ]
        await con.execute(SQL["add_reading_days"], *map(list, zip(*counted, strict=True)))


def _group(row: Row) -> _Group:
    newest = row["newest_at"]
    return _Group(row, NEG_INFINITY if newest is None else newest, row["kept_from"])


def _sort(arrivals: Sequence[Arrival], groups: Mapping[int, _Group], booked: Booked) -> None:
    """Put each arrival where it belongs, or count it as repeated or too old."""
    for index, arrival in enumerate(arrivals):
        group, at = groups[arrival.register_id], arrival.at
        known = group.first.get(at)
        if known is not None:
            _compare(index, arrival, arrivals[known].raw, arrivals[known].text, booked)
        elif at == group.newest and arrival.raw == group.row["newest_value"] and arrival.text is None:
            booked.duplicates += 1
        elif at < group.kept_from:
            booked.too_old.append(index)
        else:
            group.first[at] = index
            if at <= group.newest:
                group.is_late = True


def _compare(index: int, arrival: Arrival, value: int, text: str | None, booked: Booked) -> None:
    if (arrival.raw, arrival.text) == (value, text):
        booked.duplicates += 1
    else:
        booked.conflicts.append((index, value))


async def _drop_stored(
    con: Connection, arrivals: Sequence[Arrival], groups: Mapping[int, _Group], booked: Booked
) -> None:
    """Take out what is stored already."""
    late = [group for group in groups.values() if group.is_late]
    asked = [(group, at) for group in late for at in group.first if at <= group.newest]
    if not asked:
        return
    registers, instants = [group.row["register_id"] for group, _ in asked], [at for _, at in asked]
    stored = await con.fetch(SQL["stored_readings"], registers, instants, min(instants), max(instants))
    for row in stored:
        group, at = asked[row["place"] - 1]
        index = group.first.pop(at)
        _compare(index, arrivals[index], row["value"], row["value_text"], booked)
    for group in late:
        group.is_late = any(at <= group.newest for at in group.first)


def _fold(
    card: Card,
    group: _Group,
    readings: Sequence[tuple[int, int | Fraction]],
    newest: Newest,
    entries: Entries,
    booked: Booked,
) -> bool:
    """Fold newer readings from the state; False, and nothing entered, if that needs readings of before."""
    fold = Fold(card.policy, state_of(group.row), keep=KEPT_MEMBERS)
    try:
        fold.book_all(readings)
    except HistoryNeededError:
        return False
    booked.held += _held(fold.effects.verdicts, group)
    entries.add(card, outright(fold.effects, fold.state), newest, group.row["newest_at"])
    return True


def _held(verdicts: Mapping[int, Verdict], group: _Group) -> int:
    return sum(verdict.outcome in _HELD and at in group.first for at, verdict in verdicts.items())


def _newest(arrivals: Sequence[Arrival], group: _Group) -> Newest:
    last = max(group.first)
    if group.newest > last:
        return Newest(group.newest, group.row["newest_value"])
    arrival = arrivals[group.first[last]]
    return Newest(last, arrival.raw if arrival.text is None else None)


def _by_day(zone: str, instants: Iterable[int]) -> dict[date, int]:
    """How many of the instants lie in each day of the zone; nearly always all lie in one."""
    ordered = sorted(instants)
    first, last = (day_of(zone, at // QUARTER_US * QUARTER_US) for at in (ordered[0], ordered[-1]))
    if first == last:
        return {first: len(ordered)}
    return Counter(day_of(zone, at // QUARTER_US * QUARTER_US) for at in ordered)


def _rows(register: int, arrivals: Sequence[Arrival], group: _Group) -> list[_Stored]:
    """What is stored of a register, in the order of `_COLUMNS`."""
    return [
        (register, at, each.raw, (each.received_us - at) // SECOND_US, each.text)
        for at, index in group.first.items()
        if (each := arrivals[index])
    ]


async def _copy(con: Connection, rows: Iterable[_Stored]) -> None:
    await con.copy_records_to_table("reading", schema_name="core", columns=_COLUMNS, records=rows)
