"""Changes that are not newer readings: the refolds of many registers at once, fed with pages from the store."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from services.accounting.fold import HistoryNeededError
from services.accounting.refold import Before, Difference, Stored, refold
from services.accounting.standstills import began
from services.accounting.state import BASELINES, Outcome, Verdict
from services.store.pool import NEG_INFINITY
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from fractions import Fraction

    from services.accounting.policy import Policy
    from services.ledger.cards import Card
    from services.store.pool import Connection, Row

FIRST_PAGE: Final = 16
LARGEST_PAGE: Final = 4096
_BACK_PAGE: Final = 100


@dataclass(slots=True)
class Change:
    """What changes for one register between `since` and `until`: new readings, or another policy."""

    card: Card
    old: Policy
    since: int
    until: int
    added: dict[int, int | Fraction] = field(default_factory=dict)
    judged: list[tuple[int, int]] = field(default_factory=list)
    """The judgements of standstills since then: where each began, and the reading at which it was made."""


async def refold_all(con: Connection, changes: Sequence[Change]) -> dict[int, Difference]:
    """The difference that each change makes, by register.

    A judgement that looked back on what changes is made again, and one that needs readings from before where a refold
    began starts that one anew from there.
    """
    registers = {each.card.register_id: each for each in changes}
    for row in await con.fetch(SQL["judged"], *_since(changes)):
        registers[row["register_id"]].judged.append((row["flat_at"], row["judged_at"]))
    done: dict[int, Difference] = {}
    while changes:
        changes = await _refold(con, changes, done)
    return done


async def _refold(con: Connection, changes: Sequence[Change], done: dict[int, Difference]) -> list[Change]:
    """Refold side by side, a page of each that still needs one a round; gives those to begin again from earlier."""
    running = await _begun(con, changes)
    again: list[Change] = []
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
                except HistoryNeededError as needed:
                    change.since = change.since - 1 if needed.since is None else min(needed.since, change.since - 1)
                    again.append(change)
                    del running[register]
        size = min(size * 2, LARGEST_PAGE)
    return again


async def _begun(con: Connection, changes: Sequence[Change]) -> dict[int, tuple[Any, int]]:
    starts = await _starts(con, changes)
    standing = await _standing(con, starts)
    running = {}
    for change in changes:
        register = change.card.register_id
        sound_at, counted = starts[register]
        before = None
        if (newest := _newest(counted)) is not None:
            before = await _before(con, change.card, newest, counted, standing[register])
        steps = refold(
            change.old,
            change.card.policy,
            before,
            sound_at,
            added=change.added,
            settled_at=change.until,
            judged=change.judged,
        )
        running[register] = (steps, next(steps))
    return running


async def _starts(con: Connection, changes: Sequence[Change]) -> dict[int, tuple[int, list[Stored]]]:
    """Where each refold starts, and what was counted before that, the newest first."""
    cards = {change.card.register_id: change.card for change in changes}
    starts = {}
    rows = await con.fetch(SQL["checkpoints"], *_since(changes))
    for register, own in groupby(rows, key=lambda row: row["register_id"]):
        found = list(own)
        sound_at = NEG_INFINITY if found[0]["sound_at"] is None else found[0]["sound_at"]
        counted = [_stored(cards[register], row) for row in found if row["read_at"] is not None]
        starts[register] = (sound_at, counted)
    return starts


async def _standing(con: Connection, starts: Mapping[int, tuple[int, list[Stored]]]) -> dict[int, Row]:
    newest = {register: found.at for register, (_, counted) in starts.items() if (found := _newest(counted))}
    rows = await con.fetch(SQL["standing"], list(newest), list(newest.values())) if newest else []
    return {row["register_id"]: row for row in rows}


def _newest(counted: Iterable[Stored]) -> Stored | None:
    """The newest baseline; those before it were overruled."""
    return next((each for each in counted if each.verdict.outcome in BASELINES), None)


async def _before(con: Connection, card: Card, newest: Stored, counted: list[Stored], standing: Row) -> Before:
    broke_at = standing["doubted_from"]
    is_doubted = broke_at is not None and not card.policy.acts_between(broke_at, newest.at)
    if newest is not counted[0] or newest.verdict.outcome is Outcome.CLOSING:
        return Before(newest, newest.at, is_doubted)
    flat_at = standing["flat_at"]
    if flat_at is None:
        flat_at = await _shown_since(con, card, counted)
    return Before(newest, flat_at, is_doubted)


async def _shown_since(con: Connection, card: Card, counted: list[Stored]) -> int:
    """Since when the newest level is shown; a standstill that is not written down is short, so it is read."""
    while (found := began(card.policy, counted)) is None:
        rows = await con.fetch(SQL["counted_before"], card.register_id, counted[-1].at, _BACK_PAGE)
        if not rows:
            return counted[-1].at
        counted += [_stored(card, row) for row in rows]
    return found


def _stored(card: Card, row: Row) -> Stored:
    outcome = Outcome.SOUND if row["outcome"] is None else Outcome(row["outcome"])
    return Stored(row["read_at"], card.raw(row["value"], row["value_text"]), Verdict(outcome, row["high"]))


def _since(changes: Sequence[Change]) -> tuple[list[int], list[int]]:
    return [each.card.register_id for each in changes], [each.since for each in changes]


async def _pages(con: Connection, wanted: Mapping[int, int], size: int) -> dict[int, list[Row]]:
    pages: dict[int, list[Row]] = {register: [] for register in wanted}
    for row in await con.fetch(SQL["pages"], list(wanted), list(wanted.values()), size):
        pages[row["register_id"]].append(row)
    return pages
