"""Booking a batch: readings in, ledger, rollups, outcomes, events and states out, in the caller's transaction.

The state rows are locked in id order before anything else is read, by every writer alike, so two writers never fold
the same register at once. Readings newer than the newest stored fold from the state row without a look-up; all others
are folded side by side (`services.ledger.late`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from services.accounting.fold import Fold, HistoryNeededError
from services.accounting.refold import outright
from services.accounting.state import Outcome
from services.days import day_of
from services.ledger.cards import load_cards
from services.ledger.copying import copy_readings
from services.ledger.entries import KEPT_MEMBERS, Entries, Newest, state_of
from services.ledger.groups import NotTaken, by_register, new_of
from services.ledger.late import Change, refold_all
from services.ledger.rebuild import refuse_other_rule
from services.ledger.reported import keep_reported
from services.model import QUARTER_US
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date
    from fractions import Fraction

    from services.accounting.state import Verdict
    from services.ledger.cards import Card
    from services.ledger.groups import Group
    from services.model import Arrival
    from services.store.pool import Connection, Row

_HELD: Final = frozenset({Outcome.HELD, Outcome.OUT_OF_RANGE})


@dataclass(slots=True)
class Booked(NotTaken):
    """What became of a batch."""

    accepted: int = 0
    """Readings newly stored, the held ones included."""
    held: int = 0


class Books:
    """Books batches; remembers the cards of registers between them."""

    def __init__(self) -> None:
        self._cards: dict[int, Card] = {}

    async def book(self, con: Connection, arrivals: Sequence[Arrival]) -> Booked:
        """Store and book what is new of `arrivals`; the first committed of two values for one instant stands.

        Raises:
            LookupError: One of the registers has no state: it is not registered.
            TanfengError: Another accounting rule made the books of one of them.
        """
        sent = by_register(arrivals)
        rows = await con.fetch(SQL["lock_states"], sorted(sent))
        if len(rows) < len(sent):
            raise LookupError(f"no such registers: {sorted(sent.keys() - {row['register_id'] for row in rows})}")
        await self._refresh(con, rows)
        booked = Booked()
        groups = await new_of(con, rows, sent, booked)
        if groups:
            await self._book_new(con, groups, booked)
            await con.execute(SQL["booked"])
        return booked

    async def _refresh(self, con: Connection, rows: Iterable[Row]) -> None:
        stale = [
            row["register_id"]
            for row in rows
            if (card := self._cards.get(row["register_id"])) is None or card.version != row["policy_version"]
        ]
        if stale:
            await refuse_other_rule(con, stale)
            self._cards.update(await load_cards(con, stale))

    async def _book_new(self, con: Connection, groups: Sequence[Group], booked: Booked) -> None:
        entries = Entries()
        late: list[tuple[Group, Change]] = []
        # one register is folded while the server stores those before it
        await copy_readings(con, self._in_order(groups, entries, late, booked))
        if late:
            await self._book_late(con, late, entries, booked)
        booked.accepted = sum(len(group.times) for group in groups)
        await self._count(con, groups)
        await entries.write(con)
        ratios = [group for group in groups if self._cards[group.register_id].is_ratio]
        await keep_reported(con, {each.register_id: (each.times[0], each.times[-1]) for each in ratios}, self._cards)

    def _in_order(
        self, groups: Iterable[Group], entries: Entries, late: list[tuple[Group, Change]], booked: Booked
    ) -> Iterator[Sequence[Arrival]]:
        """Fold what is newer than all that is stored, register by register; gives the arrivals to store.

        What must be folded side by side instead is added to `late`, and none of its arrivals is given.
        """
        for group in groups:
            card = self._cards[group.register_id]
            raws = [card.raw(each.raw, each.text) if each.text else each.raw for each in group.arrivals]
            since = group.times[0] if group.is_late else _fold(card, group, raws, entries, booked)
            if since is None:
                yield group.arrivals
            else:
                added = dict(zip(group.times, raws, strict=True))
                late.append((group, Change(card, card.policy, since, group.times[-1], added)))

    async def _book_late(
        self, con: Connection, late: Sequence[tuple[Group, Change]], entries: Entries, booked: Booked
    ) -> None:
        differences = await refold_all(con, [change for _, change in late])
        for group, change in late:
            difference = differences[change.card.register_id]
            booked.held += _held(difference.verdicts, group)
            entries.add(change.card, difference, _newest(group), group.row["newest_at"])
        await copy_readings(con, (group.arrivals for group, _ in late))

    async def _count(self, con: Connection, groups: Iterable[Group]) -> None:
        """Count what is stored by register and day of its site's zone: completeness never counts raw readings."""
        counted = [
            (group.register_id, day, number)
            for group in groups
            for day, number in _by_day(self._cards[group.register_id].zone, group.times).items()
        ]
        await con.execute(SQL["add_reading_days"], *map(list, zip(*counted, strict=True)))


def _fold(card: Card, group: Group, raws: Sequence[int | Fraction], entries: Entries, booked: Booked) -> int | None:
    """Fold newer readings from the state; if that needs readings of before, nothing is entered: gives since when."""
    fold = Fold(card.policy, state_of(group.row), keep=KEPT_MEMBERS)
    try:
        fold.book_all(group.times, raws)
    except HistoryNeededError as needed:
        return group.times[0] if needed.since is None else min(needed.since, group.times[0])
    booked.held += _held(fold.effects.verdicts, group)
    entries.add(card, outright(fold.effects, fold.state), _newest(group), group.row["newest_at"])
    return None


def _held(verdicts: Mapping[int, Verdict], group: Group) -> int:
    held = [at for at, verdict in verdicts.items() if verdict.outcome in _HELD]
    return len(set(held).intersection(group.times)) if held else 0


def _newest(group: Group) -> Newest:
    last = group.arrivals[-1]
    if group.newest > last.at:
        return Newest(group.newest, group.row["newest_value"])
    return Newest(last.at, last.raw if last.text is None else None)


def _by_day(zone: str, times: Sequence[int]) -> dict[date, int]:
    """How many of the instants, given in order, lie in each day of the zone; nearly always all lie in one."""
    first, last = (day_of(zone, at // QUARTER_US * QUARTER_US) for at in (times[0], times[-1]))
    if first == last:
        return {first: len(times)}
    return Counter(day_of(zone, at // QUARTER_US * QUARTER_US) for at in times)
