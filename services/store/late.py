"""Changes that are not newer readings: the refolds of many registers at once, fed with pages from the store."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from services.accounting.refold import Before, Difference, refold
from services.accounting.state import Outcome, Verdict
from services.store.pool import NEG_INFINITY
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from fractions import Fraction

    from services.accounting.policy import Policy
    from services.store.cards import Card
    from services.store.pool import Connection, Row

FIRST_PAGE: Final = 16
LARGEST_PAGE: Final = 4096


@dataclass(slots=True)
class Change:
    """What changes for one register between `since` and `until`: new readings, or another policy."""

    card: Card
    old: Policy
    since: int
    until: int
    added: dict[int, int | Fraction] = field(default_factory=dict)


async def refold_all(con: Connection, changes: Sequence[Change]) -> dict[int, Difference]:
    """The difference that each change makes, by register; every round reads one page of each that still needs one."""
    running = await _begun(con, changes)
    done: dict[int, Difference] = {}
    size = FIRST_PAGE
    while running:
        pages = await _pages(con, {register: wanted for register, (_, wanted) in running.items()}, size)
        for change in changes:
            register = change.card.register_id
            if register in running:
                steps, _ = running[register]
                page = [(row["read_at"], change.card.raw(row["value"], row["value_text"])) for row in pages[register]]
                try:
                    running[register] = (steps, steps.send(page))
                except StopIteration as stop:
                    done[register] = stop.value
                    del running[register]
        size = min(size * 2, LARGEST_PAGE)
    return done


async def _begun(con: Connection, changes: Sequence[Change]) -> dict[int, tuple[Any, int]]:
    rows = await con.fetch(
        SQL["checkpoints"], [each.card.register_id for each in changes], [each.since for each in changes]
    )
    starts = {row["register_id"]: row for row in rows}
    running = {}
    for change in changes:
        row = starts[change.card.register_id]
        steps = refold(
            change.old,
            change.card.policy,
            _before(change.card, row),
            NEG_INFINITY if row["sound_at"] is None else row["sound_at"],
            added=change.added,
            settled_at=change.until,
        )
        running[change.card.register_id] = (steps, next(steps))
    return running


def _before(card: Card, row: Row) -> Before | None:
    if row["read_at"] is None:
        return None
    outcome = Outcome.SOUND if row["outcome"] is None else Outcome(row["outcome"])
    return Before(row["read_at"], card.raw(row["value"], row["value_text"]), Verdict(outcome, row["high"]))


async def _pages(con: Connection, wanted: Mapping[int, int], size: int) -> dict[int, list[Row]]:
    pages: dict[int, list[Row]] = {register: [] for register in wanted}
    for row in await con.fetch(SQL["pages"], list(wanted), list(wanted.values()), size):
        pages[row["register_id"]].append(row)
    return pages
