"""What the database holds of the registers of a fleet, for the comparison with the truth."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

from services.accounting.fold import Fold
from services.accounting.split import NOTHING
from services.budgets.production import add_production
from services.days import day_of
from services.ledger.acts import declare
from services.ledger.cards import load_cards
from services.ledger.held import find_register
from services.ledger.sums import in_parts
from services.model import QUARTER_US
from services.store.queries import SQL
from simulators.compare import Books, Compared, DayFound
from simulators.expected import compared, standing
from simulators.figures import ZONE, days_of, periods
from simulators.incidents import TOLD
from simulators.production import production
from simulators.told import acts_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from datetime import date

    from services.ledger.cards import Card
    from services.store.pool import Connection
    from simulators.fleet import Fleet
    from simulators.ledger import Truth
    from simulators.points import Key


async def declare_told(con: Connection, fleet: Fleet, truth: Truth, author: str) -> int:
    """Declare every reset and swap that somebody would have told of; how many acts that were."""
    declared = 0
    for key, counter in fleet.counters.items():
        for incident in truth.incidents:
            if incident.kind in TOLD and incident.hits(key.enterprise, key.meter):
                register = await find_register(con, "/".join(key))
                for act in acts_of(incident, counter, truth.every_us):
                    async with con.transaction():
                        await declare(con, register, act, author=author, reason="simulated")
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


async def compare_all(con: Connection, fleet: Fleet, truth: Truth) -> AsyncIterator[tuple[Key, Compared]]:
    """Compare every counting register with the truth, in one snapshot."""
    async with con.transaction(isolation="repeatable_read", readonly=True):
        for key, display in fleet.metered.items():
            register = await find_register(con, "/".join(key))
            card = (await load_cards(con, [register]))[register]
            books = await _books(con, card)
            rows = await con.fetch(SQL["days_of"], register)
            days = {day: in_parts(columns, books.parts)[0] for day, *columns in rows}
            found = compared(books, display, truth)
            found.days = list(_days(books, days, truth))
            yield key, found


def _days(books: Books, days: Mapping[date, int], truth: Truth) -> Iterator[DayFound]:
    """Days whose row is not the sum of their quarter-hours, to the last part."""
    quarters = [books.ledger.get(at, NOTHING)[0] for at in range(truth.from_us, truth.until_us, QUARTER_US)]
    hours = [sum(quarters[n : n + 4]) for n in range(0, len(quarters), 4)]
    for day, summed in days_of(hours, truth.from_us).items():
        if days.get(day, 0) != summed:
            yield DayFound(day, days.get(day, 0) // books.parts, summed // books.parts)


async def _books(con: Connection, card: Card) -> Books:
    fold, parts = Fold(card.policy), card.policy.parts
    values: dict[int, int] = {}
    async for row in con.cursor(SQL["all_readings"], card.register_id, prefetch=5000):
        raw = card.raw(row["value"], row["value_text"])
        values[row["read_at"]] = card.policy.rules_at(row["read_at"]).level(raw)
        fold.take(row["read_at"], raw)
    return Books(
        values=values,
        doubts={row["read_at"]: row["outcome"] for row in await con.fetch(SQL["doubts_of"], card.register_id)},
        events=[(row["kind"], row["read_at"]) for row in await con.fetch(SQL["open_events_of"], card.register_id)],
        segments=standing(fold.effects.segments),
        bound=lambda start, end: card.policy.rules_at(end).bound(end - start),
        ledger={at: in_parts(columns, parts) for at, *columns in await con.fetch(SQL["ledger_of"], card.register_id)},
        parts=parts,
    )
