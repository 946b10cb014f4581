"""What one transaction changes in the books, collected over its registers and written in a few statements.

Rollups are kept by the same integer deltas as the ledger, so they are never stale.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Final

from services.accounting.state import Level, Origin, Outcome, Run, State
from services.accounting.version import ACCOUNTING_VERSION
from services.days import day_ends, day_of
from services.ledger.sums import Sums, accumulate, in_parts, with_rests
from services.model import QUARTER_US
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from services.accounting.refold import Difference
    from services.accounting.state import Event, Verdict
    from services.ledger.cards import Card
    from services.store.pool import Connection, Row

KEPT_MEMBERS = 16
"""How many members of a held run the state row remembers; a longer run is folded again when it becomes the truth."""


_DAY_ZERO: Final = date(1970, 1, 1).toordinal()


@dataclass(slots=True)
class Newest:
    """The newest stored reading of a register: `value` as stored, None where its text is kept."""

    at: int | None
    value: int | None


@dataclass(slots=True)
class Entries:
    """Changes of the ledger, its rollups, doubts, events and states, by key."""

    cause: str = "late"
    sums: Sums = field(default_factory=Sums)
    """Of registers, in thousandths."""
    fine_sums: Sums = field(default_factory=Sums)
    """Of integrated power and interval amounts, in parts of a thousandth."""
    closed_ledger: set[tuple[int, int]] = field(default_factory=set)
    closed_days: set[tuple[int, date]] = field(default_factory=set)
    doubts: list[tuple[int, int, Verdict]] = field(default_factory=list)
    events: list[tuple[int, str, int, Event | None]] = field(default_factory=list)
    standstills: list[tuple[int, int, int | None]] = field(default_factory=list)
    states: list[tuple[int, State, Newest]] = field(default_factory=list)
    takes_back: bool = False

    def add(self, card: Card, change: Difference, newest: Newest, frontier: int | None) -> None:
        """Add what a fold did to one register; rows ending at or before `frontier` were closed already."""
        sums = self.sums if card.policy.parts == 1 else self.fine_sums
        for bucket, row in change.rows.items():
            self._add_row(sums, card, bucket, row, frontier)
        self.doubts += [(card.register_id, at, verdict) for at, verdict in change.verdicts.items()]
        self.events += [(card.register_id, kind.value, at, event) for (kind, at), event in change.events.items()]
        self.standstills += [(card.register_id, start, end) for start, end in change.standstills.items()]
        if change.state is not None:
            self.states.append((card.register_id, change.state, newest))

    def _add_row(self, sums: Sums, card: Card, bucket: int, row: list[int], frontier: int | None) -> None:
        day = day_of(card.zone, bucket)
        sums.ledger[card.register_id, bucket] = row
        accumulate(sums.days, (card.register_id, day), row)
        scope = card.scope_on(day)
        if scope is not None:
            accumulate(sums.scope_days, (day, scope), row)
        if min(row) < 0:
            self.takes_back = True
        if frontier is not None and bucket + QUARTER_US <= frontier:
            self.closed_ledger.add((card.register_id, bucket))
            if day_ends(card.zone, day) <= frontier:
                self.closed_days.add((card.register_id, day))

    async def write(self, con: Connection) -> None:
        """Write all of it inside the caller's transaction."""
        if self.sums.ledger or self.fine_sums.ledger:
            moment = await self._revise(con)
            await self._write_ledger(con, moment)
            await self._write_days(con)
        await self._write_outcomes(con)
        await self._write_states(con)
        scope_days = await self._write_scope_days(con)
        if self.takes_back:
            days = [*self.sums.days, *self.fine_sums.days]
            await con.execute(SQL["drop_empty_days"], *_transposed(days, 2))
            await con.execute(SQL["drop_empty_scope_days"], scope_days)

    async def _revise(self, con: Connection) -> int | None:
        """Keep what the closed rows were until now; gives that moment, None where no closed row changes."""
        if not self.closed_ledger:
            return None
        moment: int = await con.fetchval(SQL["revision_moment"])
        registers, starts = _transposed(sorted(self.closed_ledger), 2)
        await con.execute(SQL["revise_ledger"], registers, starts, self.cause, moment, min(starts), max(starts))
        if self.closed_days:
            registers, days = _transposed(sorted(self.closed_days), 2)
            await con.execute(SQL["revise_days"], registers, days, self.cause, moment)
            await con.execute(SQL["date_days"], registers, days, moment)
        return moment

    async def _write_ledger(self, con: Connection, moment: int | None) -> None:
        empty: list[Row] = []
        if ledger := self.sums.ledger:
            rows = [(register, start // QUARTER_US, *row) for (register, start), row in ledger.items()]
            empty += await con.fetch(SQL["add_ledger"], *_texts(rows), self._closed(ledger, moment), moment)
        if ledger := self.fine_sums.ledger:
            rows = [(register, start // QUARTER_US, *with_rests(row)) for (register, start), row in ledger.items()]
            *columns, rests, estimated_rests = _texts(rows)
            closed = self._closed(ledger, moment)
            empty += await con.fetch(SQL["add_ledger_rests"], *columns, closed, moment, rests, estimated_rests)
        if empty:
            await con.execute(SQL["drop_empty_ledger"], *_transposed([tuple(row) for row in empty], 2))

    def _closed(self, ledger: Mapping[tuple[int, int], object], moment: int | None) -> str:
        """Which of the rows were closed, as an array literal; empty where none was."""
        return "{" + (",".join("t" if key in self.closed_ledger else "f" for key in ledger) if moment else "") + "}"

    async def _write_days(self, con: Connection) -> None:
        if days := self.sums.days:
            rows = [(register, day.toordinal() - _DAY_ZERO, *row) for (register, day), row in days.items()]
            await con.execute(SQL["add_days"], *_texts(rows))
        if days := self.fine_sums.days:
            rows = [(register, day.toordinal() - _DAY_ZERO, *with_rests(row)) for (register, day), row in days.items()]
            await con.execute(SQL["add_days_rests"], *_texts(rows))

    async def _write_outcomes(self, con: Connection) -> None:
        settled = [(register, at) for register, at, verdict in self.doubts if verdict.outcome is Outcome.SOUND]
        if settled:
            await con.execute(SQL["drop_doubts"], *_transposed(settled, 2))
        doubted = [(i, at, v.outcome.value, v.high) for i, at, v in self.doubts if v.outcome is not Outcome.SOUND]
        if doubted:
            await con.execute(SQL["put_doubts"], *_transposed(doubted, 4))
        gone = [(register, kind, at) for register, kind, at, event in self.events if event is None]
        if gone:
            await con.execute(SQL["drop_events"], *_transposed(gone, 3))
        here = [(register, kind, at, *event) for register, kind, at, event in self.events if event is not None]
        if here:
            await con.execute(SQL["put_events"], *_transposed(here, 7))
        if self.standstills:
            await self._write_standstills(con)

    async def _write_standstills(self, con: Connection) -> None:
        gone = [(register, start) for register, start, end in self.standstills if end is None]
        if gone:
            await con.execute(SQL["drop_standstills"], *_transposed(gone, 2))
        here = [each for each in self.standstills if each[2] is not None]
        if here:
            await con.execute(SQL["put_standstills"], *_transposed(here, 3))

    async def _write_states(self, con: Connection) -> None:
        if self.states:
            numbers = [
                (
                    register,
                    *_level_columns(state.base),
                    *_level_columns(state.previous),
                    state.flat_at,
                    newest.at,
                    newest.value,
                )
                for register, state, newest in self.states
            ]
            runs = [_runs_text(state.runs) for _, state, _ in self.states]
            await con.execute(SQL["save_states"], *_texts(numbers), runs, ACCOUNTING_VERSION)

    async def _write_scope_days(self, con: Connection) -> list[date]:
        """Write the days of scopes, and give which.

        They are shared by many registers: last in the transaction, and in one order, so that writers wait but never
        deadlock. So one statement has them all, the one with rests where any has.
        """
        fine = self.fine_sums.scope_days
        summed: dict[tuple[Any, ...], list[int]] = {}
        for (day, scope), row in self.sums.scope_days.items():
            change = in_parts([*row, 0, 0]) if fine else row
            accumulate(summed, (scope.enterprise_id, scope.site_id, scope.carrier, scope.direction, day), change)
        for (day, scope), row in fine.items():
            accumulate(summed, (scope.enterprise_id, scope.site_id, scope.carrier, scope.direction, day), row)
        if not summed:
            return []
        rows = [(*key, *(with_rests(row) if fine else row)) for key, row in sorted(summed.items())]
        columns = _transposed(rows, len(rows[0]))
        await con.execute(SQL["add_scope_days_rests" if fine else "add_scope_days"], *columns)
        return sorted(set(columns[4]))


def state_of(row: Row) -> State:
    """The state that a row of core.register_state holds."""
    return State(
        _level(row["baseline_at"], row["baseline_value"], row["baseline_origin"]),
        _level(row["previous_at"], row["previous_value"], row["previous_origin"]),
        [] if row["runs"] is None else _runs(row["runs"]),
        row["flat_at"],
    )


def _level_columns(level: Level | None) -> tuple[int | None, int | None, int]:
    return (None, None, 0) if level is None else (level.at, level.value, int(level.origin))


def _level(at: int | None, value: int | None, origin: int) -> Level | None:
    return None if at is None or value is None else Level(at, value, Origin(origin) if origin else Origin.READING)


def _runs_text(runs: list[Run]) -> str | None:
    if not runs:
        return None
    return json.dumps([[*run.first[:2], *run.last[:2], run.count, run.members[:KEPT_MEMBERS]] for run in runs])


def _runs(text: str) -> list[Run]:
    return [
        Run(Level(first_at, first), Level(last_at, last), count, [(at, value) for at, value in members])
        for first_at, first, last_at, last, count, members in json.loads(text)
    ]


def _texts(rows: Sequence[Sequence[int | None]]) -> list[str]:
    """Rows of integers as one array literal a column."""
    return ["{" + ",".join(map(str, column)).replace("None", "NULL") + "}" for column in zip(*rows, strict=True)]


def _transposed(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
