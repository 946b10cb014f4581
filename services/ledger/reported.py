"""Ratios that operators publish (quantity pue_reported), weighted by time: kept beside the readings, never booked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.ledger.cards import Card
    from services.store.pool import Connection


async def keep_reported(con: Connection, spans: Mapping[int, tuple[int, int]], cards: Mapping[int, Card]) -> None:
    """Weigh these ratios anew between two instants (µs) each, in the caller's transaction; their cards are given."""
    if not spans:
        return
    # An instant of long ago ("ever") has no predecessor in PostgreSQL; no reading is older than the epoch.
    since = [max(0, first) for first, _ in spans.values()]
    until = [max(0, last) for _, last in spans.values()]
    await con.execute(SQL["keep_reported"], [*spans], since, until)
    await con.execute(SQL["keep_reported_days"], [*spans], since, until, [cards[each].zone for each in spans])
