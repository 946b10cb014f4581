"""What the database holds of the registers of a fleet, for the comparison with the truth."""

from __future__ import annotations

from collections import Counter as Count
from typing import TYPE_CHECKING, NamedTuple

from services.accounting.fold import Fold
from services.accounting.policy import Act
from services.model import ActKind
from services.store.access import act_as
from services.store.acts import declare
from services.store.cards import load_cards
from services.store.held import find_register
from services.store.queries import SQL
from services.units import MILLI, factor
from simulators.compare import Books, Compared, DayFound, compare
from simulators.figures import Figure, days_of, figures
from simulators.incidents import TOLD, What
from simulators.ledger import booked_unit, level

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping
    from datetime import date
    from decimal import Decimal

    from services.accounting.state import Segment
    from services.store.cards import Card
    from services.store.pool import Connection
    from simulators.fleet import Fleet
    from simulators.incidents import Incident
    from simulators.ledger import Truth
    from simulators.points import Counter, Key


async def declare_told(con: Connection, fleet: Fleet, truth: Truth, author: str) -> int:
    """Declare every reset and swap that somebody would have told of; how many acts that were."""
    declared = 0
    for key, counter in fleet.counters.items():
        for incident in truth.incidents:
            if incident.kind in TOLD and incident.hits(key.enterprise, key.meter):
                register = await find_register(con, "/".join(key))
                async with con.transaction():
                    await declare(con, register, act_of(incident, counter), author=author, reason="simulated")
                declared += 1
    return declared


def act_of(incident: Incident, counter: Counter) -> Act:
    """The act that an operator enters for a reset or a swap."""
    at = incident.from_us
    if incident.kind is What.RESET_TOLD:
        return Act(ActKind.RESET, at)
    resolution = counter.point.resolution
    final, start = counter.shown_before(at) * resolution, counter.shown_steps(at) * resolution
    return Act(ActKind.REPLACEMENT, at, final=final, start=start)


class FigureFound(NamedTuple):
    """A known figure of the database beside the true one."""

    true: Figure
    stored: Decimal
    is_plain: bool
    """Whether every hour of the registers that it follows from is right, so that it must be equal."""

    @property
    def is_wrong(self) -> bool:
        """Whether it is another one, and nothing says why."""
        return self.is_plain and self.stored != self.true.value


async def compare_figures(
    con: Connection, fleet: Fleet, truth: Truth, not_right: Collection[tuple[Key, date]]
) -> list[FigureFound]:
    """CO₂ and PUE of whole days, where the views know them; `not_right`: registers and days with other hours."""
    points = [counter.point for counter in fleet.counters.values()]
    all_true = list(figures(points, truth.hours, truth.from_us))
    true = {(each.kind, each.where, each.carrier, each.day): each for each in all_true}
    days = [each.day for each in all_true]
    async with con.transaction(readonly=True):
        await act_as(con, "tanfeng_district")
        rows = await con.fetch(SQL["known_figures"], min(days), max(days)) if days else []
    return [
        FigureFound(each, row["value"], not any((key, each.day) in not_right for key in each.keys))
        for row in rows
        if (each := true.get((row["kind"], row["place"], row["carrier"], row["day"]))) is not None
    ]


async def compare_all(con: Connection, fleet: Fleet, truth: Truth) -> AsyncIterator[tuple[Key, Compared]]:
    """Compare every counting register with the truth, in one snapshot."""
    async with con.transaction(isolation="repeatable_read", readonly=True):
        for key, counter in fleet.counters.items():
            register = await find_register(con, "/".join(key))
            card = (await load_cards(con, [register]))[register]
            days = {row["day"]: row["amount"] for row in await con.fetch(SQL["days_of"], register)}
            yield key, _compare(await _books(con, card), days, counter, truth)


def _compare(books: Books, days: Mapping[date, int], counter: Counter, truth: Truth) -> Compared:
    unit = booked_unit(counter)
    step = counter.point.step * factor(counter.point.base_unit, unit) * MILLI / 10**9

    def flowed(start: int, end: int) -> int:
        return level(counter, end, unit) - level(counter, start, unit)

    def shown(at: int) -> int:
        return round(counter.shown_steps(at) * step)

    whole = max(1, int(step))
    found = compare(books, truth.hours[counter.point.key], truth.from_us, whole, flowed, shown)
    hours = days_of([hour.booked for hour in found.hours], truth.from_us)
    found.days = [DayFound(day, days.get(day, 0), sum_) for day, sum_ in hours.items() if days.get(day, 0) != sum_]
    return found


async def _books(con: Connection, card: Card) -> Books:
    fold = Fold(card.policy)
    values: dict[int, int] = {}
    async for row in con.cursor(SQL["all_readings"], card.register_id, prefetch=5000):
        raw = card.raw(row["value"], row["value_text"])
        values[row["read_at"]] = card.policy.rules_at(row["read_at"]).level(raw)
        fold.take(row["read_at"], raw)
    return Books(
        values=values,
        doubts={row["read_at"]: row["outcome"] for row in await con.fetch(SQL["doubts_of"], card.register_id)},
        events=[(row["kind"], row["read_at"]) for row in await con.fetch(SQL["open_events_of"], card.register_id)],
        segments=_standing(fold.effects.segments),
        ledger={row[0]: tuple(row)[1:] for row in await con.fetch(SQL["ledger_of"], card.register_id)},
    )


def _standing(segments: list[Segment]) -> list[Segment]:
    """Segments without those that were taken back."""
    left: Count[Segment] = Count()
    for segment in segments:
        left[segment._replace(sign=1)] += segment.sign
    return sorted(segment for segment, times in left.items() if times > 0)
