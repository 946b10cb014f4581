"""What the database holds of the registers of a fleet, for the comparison with the truth."""

from __future__ import annotations

from collections import Counter as Count
from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

from services.accounting.fold import Fold
from services.accounting.policy import Act
from services.days import day_of
from services.model import ActKind
from services.store.acts import declare
from services.store.cards import load_cards
from services.store.held import find_register
from services.store.production import add_production
from services.store.queries import SQL
from services.units import MILLI, factor
from simulators.compare import Books, Compared, DayFound, compare
from simulators.figures import ZONE, days_of, periods
from simulators.incidents import TOLD, What
from simulators.ledger import booked_unit, level
from simulators.production import production

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from datetime import date

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


async def declare_production(con: Connection, truth: Truth, author: str) -> int:
    """Declare what the plants made in every whole month, under the names that the example budgets use; how many."""
    months = {
        day_of(ZONE, period.starts_us) for period in periods(truth.from_us, truth.hour_count) if period.span == "1mo"
    }
    made: dict[tuple[str, date, str], Decimal] = defaultdict(Decimal)
    for each in production(truth.hours, truth.from_us, truth.seed):
        if (month := each.day.replace(day=1)) in months:
            made[each.site, month, each.product] += each.tonnes
    for (site, month, product), tonnes in made.items():
        await add_production(con, site, month, product, tonnes, "t", author=author)
    return len(made)


def act_of(incident: Incident, counter: Counter) -> Act:
    """The act that an operator enters for a reset or a swap."""
    at = incident.from_us
    if incident.kind is What.RESET_TOLD:
        return Act(ActKind.RESET, at)
    resolution = counter.point.resolution
    final, start = counter.shown_before(at) * resolution, counter.shown_steps(at) * resolution
    return Act(ActKind.REPLACEMENT, at, final=final, start=start)


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
    point = counter.point
    found = compare(books, truth.hours[point.key], truth.from_us, whole, point.interval_us, flowed, shown)
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
        bound=lambda start, end: card.policy.rules_at(end).bound(end - start),
        ledger={row[0]: tuple(row)[1:] for row in await con.fetch(SQL["ledger_of"], card.register_id)},
    )


def _standing(segments: list[Segment]) -> list[Segment]:
    """Segments without those that were taken back."""
    left: Count[Segment] = Count()
    for segment in segments:
        left[segment._replace(sign=1)] += segment.sign
    return sorted(segment for segment, times in left.items() if times > 0)
