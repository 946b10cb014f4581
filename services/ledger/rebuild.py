"""Books that an older accounting rule made, made anew register by register while everything else runs.

Each register is one transaction under the lock of its state row, so a rebuild can be killed at any moment, goes on
where it ended, and can run in several processes at once. Closed rows that change leave revisions of the cause 'rule'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.accounting.version import ACCOUNTING_VERSION
from services.errors import TanfengError
from services.ledger.cards import load_cards
from services.ledger.entries import Entries, Newest
from services.ledger.rebuilt import after, difference, rebuilt, stored_books
from services.ledger.reported import keep_reported
from services.store.pool import NEG_INFINITY
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from services.store.pool import Connection, Row

CAUSE: Final = "rule"


async def refuse_other_rule(con: Connection, register_ids: Sequence[int]) -> None:
    """See that the present rule made all of these books; asked whenever a register's card is loaded to book with it.

    Raises:
        TanfengError: An older rule made some, which `tanfeng migrate` mends, or a newer one did.
    """
    row = await con.fetchrow(SQL["other_books"], register_ids, ACCOUNTING_VERSION)
    if row is not None and row["newer"]:
        raise TanfengError(
            f"a newer accounting rule than {ACCOUNTING_VERSION} made the books of {row['newer']} registers",
            "run the version of Tanfeng that made them, or a later one",
        )
    if row is not None and row["older"]:
        raise TanfengError(
            f"an older accounting rule made the books of {row['older']} registers",
            "run `tanfeng migrate`: it rebuilds them while everything else runs",
        )


async def rebuild_older(con: Connection, done: Callable[[int], None]) -> int:
    """Rebuild every register of an older rule; calls `done` with how many are left after each. Gives how many it did.

    What another process is rebuilding is left to it, and waited for at the end.
    """
    mine, is_waiting = 0, False
    while older := await con.fetch(SQL["older_books"], ACCOUNTING_VERSION):
        for place, (register_id,) in enumerate(older, 1):
            mine += await _rebuild(con, register_id, is_waiting=is_waiting)
            done(len(older) - place)
        is_waiting = True
    return mine


async def _rebuild(con: Connection, register_id: int, *, is_waiting: bool) -> bool:
    """Rebuild one register unless another process has or does; the latter is waited for if `is_waiting`."""
    async with con.transaction():
        row = await con.fetchrow(SQL["lock_older"].format(manner="" if is_waiting else "SKIP LOCKED"), register_id)
        if row is None or row["books_version"] >= ACCOUNTING_VERSION:
            return False
        await _book_anew(con, row)
    return True


async def _book_anew(con: Connection, row: Row) -> None:
    register_id: int = row["register_id"]
    card = (await load_cards(con, [register_id]))[register_id]
    stored = await stored_books(con, card)
    new = await rebuilt(con, card, stored.doubts, dropped=row["kept_from"] > NEG_INFINITY)
    entries = Entries(cause=CAUSE)
    entries.add(card, difference(stored, new), Newest(row["newest_at"], row["newest_value"]), row["newest_at"])
    await entries.write(con)
    if card.is_ratio:
        await keep_reported(con, {register_id: (new.start, row["newest_at"])}, {register_id: card})
    await con.execute(SQL["books_rebuilt"], register_id, new.start, after(new.start))
