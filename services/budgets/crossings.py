"""Where a budget crosses its levels: the ledger row and the reading, with the exact sum.

The rows of a period are summed in order of their site's day and then of time; a manual figure counts at the end of its
month. A level is crossed where the sum is above it for the first time. Days are looked into only where they can hold a
crossing. All of it follows from the set of readings: their order of arrival has no part in it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Final, NamedTuple

from services.accounting.fold import Fold
from services.accounting.split import split
from services.budgets.status import day_values, quarter_values
from services.days import day_of
from services.ledger.cards import load_cards
from services.model import QUARTER_US
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import date

    from services.store.pool import Connection, Row

LONGEST: Final = timedelta(days=7)
"""How much of a reading's segment is added up for the sum at the reading."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A level of a budget's period that was crossed. Values are exact, in base units (the carrier's unit, tce, tCO2).

    `starts_at` is the ledger row (µs), `read_at` the reading that closes the segment with which the sum crosses, and
    `register` its enterprise/meter/register. `value_before` is the sum before that reading, `value` with what it
    brought into that row, `amount` the energy in it in thousandths; `value_at_reading` is the whole sum when
    the reading came, with the rows that its segment closed after this one. A crossing by a manual figure has its
    `figure_month` instead of these; one whose ledger rows or readings are no longer kept has its `day` alone.
    """

    budget_id: int
    version_id: int
    starts_on: date
    level: Decimal
    threshold: Decimal
    value_before: Decimal
    value: Decimal
    amount: Decimal
    day: date
    starts_at: int | None = None
    register_id: int | None = None
    register: str | None = None
    read_at: int | None = None
    figure_month: date | None = None
    value_at_reading: Decimal | None = None

    @property
    def told(self) -> Decimal:
        """The sum to tell a person: that of the reading, unless what was sent back until then made it less again."""
        at_reading = self.value_at_reading
        return self.value if at_reading is None or at_reading <= self.threshold else at_reading


class _Sum(NamedTuple):
    """A running sum: of the measure, and of energy in thousandths."""

    value: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)

    def plus(self, value: Decimal, amount: Decimal) -> _Sum:
        return _Sum(self.value + value, self.amount + amount)


class _Step(NamedTuple):
    """The sum before and after what crossed, and what that was."""

    before: _Sum
    after: _Sum
    day: date
    starts_at: int | None = None
    reading: tuple[int, str, int] | None = None
    month: date | None = None
    at_reading: Decimal | None = None


class _Share(NamedTuple):
    """What one reading of a register brought into a ledger row."""

    read_at: int
    register_id: int
    name: str
    value: Decimal
    amount: Decimal


async def crossings(con: Connection, budget_id: int, *, since: date | None = None) -> list[Crossing]:
    """The levels crossed in the periods of a budget that have begun, by period and level; intensities have none.

    All periods, or those that end after the day `since`: what costs time is each period that crossed something.
    A period is left at the first day whose factor is missing: what is unknown crosses nothing.
    """
    found: list[Crossing] = []
    with localcontext(prec=60):
        for period in await con.fetch(SQL["budget_begun"], budget_id, since):
            levels = sorted(period["levels"])
            async for level, step in _walk(con, period, levels):
                found.append(_crossing(budget_id, period, level, step))
    return found


def _crossing(budget_id: int, period: Row, level: Decimal, step: _Step) -> Crossing:
    register_id, register, read_at = step.reading or (None, None, None)
    return Crossing(
        budget_id,
        period["version_id"],
        period["starts_on"],
        level,
        level * period["allowance"],
        step.before.value,
        step.after.value,
        step.after.amount,
        step.day,
        step.starts_at,
        register_id,
        register,
        read_at,
        step.month,
        step.at_reading,
    )


async def _walk(con: Connection, period: Row, levels: list[Decimal]) -> AsyncIterator[tuple[Decimal, _Step]]:
    """Day by day, the manual figures at the ends of their months."""
    waiting = [(level, level * period["allowance"]) for level in levels]
    total = _Sum()
    for day, row, figure in await _days(con, period):
        if row is not None:
            if row["value"] is None:
                return
            while waiting and total.value + row["gross"] > waiting[0][1]:
                step = await _within_day(con, period, day, total, waiting[0][1])
                if step is None:
                    break
                yield waiting.pop(0)[0], step
            before, total = total, total.plus(row["value"], row["amount"])
            while (
                waiting and total.value > waiting[0][1]
            ):  # its ledger rows are no longer kept: the day is all there is
                yield waiting.pop(0)[0], _Step(before, total, day)
        if figure is not None:
            after = total.plus(figure, Decimal(0))
            while waiting and after.value > waiting[0][1]:
                yield waiting.pop(0)[0], _Step(total, after, day, month=day.replace(day=1))
            total = after
        if not waiting:
            return


async def _days(con: Connection, period: Row) -> list[tuple[date, Row | None, Decimal | None]]:
    """Each day of the period with its metered row and the manual figure that counts at its end."""
    arguments = period["version_id"], period["starts_on"], period["ends_on"]
    rows = {row["day"]: row for row in await con.fetch(day_values(), *arguments)}
    figures = {
        _month_end(row["month"]): row["value"]
        for row in await con.fetch(SQL["budget_manual_values"], *arguments)
        if row["value"] is not None
    }
    return [(day, rows.get(day), figures.get(day)) for day in sorted({*rows, *figures})]


def _month_end(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)


async def _within_day(con: Connection, period: Row, day: date, total: _Sum, threshold: Decimal) -> _Step | None:
    """The first ledger row of the day after which the sum is above the threshold."""
    for row in await con.fetch(quarter_values(), period["version_id"], day, day + timedelta(days=1)):
        after = total.plus(row["value"], row["amount"])
        if after.value > threshold:
            return await _within_row(con, period, _Step(total, after, day, row["key"]), threshold)
        total = after
    return None


async def _within_row(con: Connection, period: Row, step: _Step, threshold: Decimal) -> _Step:
    """The reading with which the sum gets above the threshold; the row alone where readings are no longer kept."""
    shares = await _row_shares(con, period["version_id"], step.starts_at or 0, step.day)
    total = step.before
    for share in shares:
        after = total.plus(share.value, share.amount)
        if after.value > threshold:
            at_reading = await _at_reading(con, period, step, shares, share.read_at)
            return step._replace(before=total, after=after, reading=_named(share), at_reading=at_reading)
        total = after
    return step


def _named(share: _Share) -> tuple[int, str, int]:
    return share.register_id, share.name, share.read_at


async def _row_shares(con: Connection, version_id: int, starts_at: int, day: date) -> list[_Share]:
    """What each reading brought into a row, in order of the readings."""
    rows = await con.fetch(SQL["budget_row_registers"], version_id, starts_at, day)
    closed = await _closed(con, [row["register_id"] for row in rows], starts_at)
    shares = [
        _Share(read_at, row["register_id"], row["name"], amount * row["unit_value"], amount * row["sign"])
        for row in rows
        for read_at, amount in closed.get(row["register_id"], {}).items()
    ]
    return sorted(shares, key=lambda share: share[:2])


async def _at_reading(con: Connection, period: Row, row: _Step, shares: list[_Share], read_at: int) -> Decimal:
    """The sum when the reading came: the row, those that it closed after it, and what else was read until then.

    Of a segment longer than a week the first week; in the period only.
    """
    if read_at <= (row.starts_at or 0) + QUARTER_US:
        return row.before.value + _read_until(shares, read_at)
    total = row.after.value
    last = min(day_of(period["zone"], read_at), row.day + LONGEST, period["ends_on"] - timedelta(days=1))
    for day in (row.day + timedelta(days=each) for each in range((last - row.day).days + 1)):
        for each in await con.fetch(quarter_values(), period["version_id"], day, day + timedelta(days=1)):
            if each["key"] <= (row.starts_at or 0) or each["key"] >= read_at or each["value"] is None:
                continue
            if each["key"] + QUARTER_US <= read_at:
                total += each["value"]
            else:
                total += _read_until(await _row_shares(con, period["version_id"], each["key"], day), read_at)
    return total


def _read_until(shares: list[_Share], read_at: int) -> Decimal:
    return sum((share.value for share in shares if share.read_at <= read_at), Decimal(0))


async def _closed(con: Connection, register_ids: list[int], starts_at: int) -> dict[int, dict[int, Decimal]]:
    """For each register, what its segments brought into a ledger row, by the reading that closed them."""
    cards = await load_cards(con, register_ids)
    folds = {register_id: Fold(card.policy) for register_id, card in cards.items()}
    ends_at = starts_at + QUARTER_US
    for row in await con.fetch(SQL["budget_readings"], register_ids, starts_at, ends_at):
        register_id = row["register_id"]
        folds[register_id].take(row["read_at"], cards[register_id].raw(row["value"], row["value_text"]))
    return {register_id: _shares(fold, starts_at) for register_id, fold in folds.items()}


def _shares(fold: Fold, starts_at: int) -> dict[int, Decimal]:
    found: dict[int, int] = defaultdict(int)
    for segment in fold.effects.segments:
        if segment.end >= starts_at and segment.start <= starts_at + QUARTER_US:
            found[segment.end] += split([segment]).get(starts_at, [0])[0]
    return {read_at: Decimal(amount) / fold.policy.parts for read_at, amount in found.items()}
