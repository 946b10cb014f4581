"""The arrivals of a batch by register, told apart: new ones in order, repeated ones, contradicting and too old ones."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import islice
from operator import lt
from typing import TYPE_CHECKING

from services.store.pool import NEG_INFINITY
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from services.model import Arrival
    from services.store.pool import Connection, Row


@dataclass(slots=True)
class NotTaken:
    """Arrivals that add nothing."""

    duplicates: int = 0
    conflicts: list[tuple[Arrival, int]] = field(default_factory=list)
    """With the value that stands: another one is stored for this register and instant, or came before."""
    too_old: list[Arrival] = field(default_factory=list)
    """Older than the raw readings kept."""

    def compare(self, arrival: Arrival, value: int, text: str | None) -> None:
        """Another value stands for its instant already."""
        if (arrival.raw, arrival.text) == (value, text):
            self.duplicates += 1
        else:
            self.conflicts.append((arrival, value))


@dataclass(slots=True)
class Group:
    """The new arrivals of one register in order of `at`, one for each instant, and their instants."""

    register_id: int
    row: Row
    """Its state, locked."""
    newest: int
    """The newest stored instant; before all where nothing is stored."""
    arrivals: list[Arrival]
    times: list[int]

    @property
    def is_late(self) -> bool:
        """Whether one of them is not newer than what is stored."""
        return self.times[0] <= self.newest


def by_register(arrivals: Iterable[Arrival]) -> Mapping[int, list[Arrival]]:
    """The arrivals of each register, in the order in which they came."""
    groups: dict[int, list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        groups[arrival.register_id].append(arrival)
    return groups


async def new_of(
    con: Connection, rows: Iterable[Row], arrivals: Mapping[int, list[Arrival]], not_taken: NotTaken
) -> list[Group]:
    """What is new of `arrivals` by the locked states of their registers, of those alone that have something new.

    The others are entered in `not_taken`.
    """
    groups = [_group(row, arrivals[row["register_id"]], not_taken) for row in rows]
    late = [group for group in groups if group.times and group.is_late]
    if late:
        await _drop_stored(con, late, not_taken)
    return [group for group in groups if group.times]


def _group(row: Row, arrivals: list[Arrival], not_taken: NotTaken) -> Group:
    newest = NEG_INFINITY if row["newest_at"] is None else row["newest_at"]
    group = Group(row["register_id"], row, newest, arrivals, [each.at for each in arrivals])
    times = group.times
    # the ordinary case: in order, and newer than all that is stored
    if not newest < times[0] >= row["kept_from"] or not all(map(lt, times, islice(times, 1, None))):
        _put(group, _first_of_each_instant(row, newest, arrivals, not_taken))
    return group


def _first_of_each_instant(
    row: Row, newest: int, arrivals: Iterable[Arrival], not_taken: NotTaken
) -> dict[int, Arrival]:
    first: dict[int, Arrival] = {}
    for arrival in arrivals:
        at = arrival.at
        known = first.get(at)
        if known is not None:
            not_taken.compare(arrival, known.raw, known.text)
        elif at == newest and arrival.raw == row["newest_value"] and arrival.text is None:
            not_taken.duplicates += 1
        elif at < row["kept_from"]:
            not_taken.too_old.append(arrival)
        else:
            first[at] = arrival
    return first


def _put(group: Group, first: Mapping[int, Arrival]) -> None:
    group.times = sorted(first)
    group.arrivals = [first[at] for at in group.times]


async def _drop_stored(con: Connection, late: Sequence[Group], not_taken: NotTaken) -> None:
    """Take out what is stored already."""
    asked = [(group, at) for group in late for at in group.times if at <= group.newest]
    registers, instants = [group.register_id for group, _ in asked], [at for _, at in asked]
    stored = await con.fetch(SQL["stored_readings"], registers, instants, min(instants), max(instants))
    known: dict[int, dict[int, Row]] = defaultdict(dict)
    for row in stored:
        group, at = asked[row["place"] - 1]
        known[group.register_id][at] = row
    for group in late:
        first = {each.at: each for each in group.arrivals}
        for at, row in known[group.register_id].items():
            not_taken.compare(first.pop(at), row["value"], row["value_text"])
        _put(group, first)
