"""Changes of what judges readings, and of what they count for: policies, acts, memberships, levels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.ledger.cards import load_cards
from services.ledger.entries import Entries, Newest
from services.ledger.late import Change, refold_all
from services.ledger.rebuild import refuse_other_rule
from services.ledger.reported import keep_reported
from services.store.pool import INFINITY
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from services.store.pool import Connection


async def rebook(
    con: Connection,
    register_ids: Sequence[int],
    since_us: int,
    change: Callable[[], Awaitable[None]],
    *,
    cause: str,
    until_us: int = INFINITY,
) -> None:
    """Run `change`, an SQL change of these registers' policies or acts, and book the difference it makes.

    Args:
        con: Inside a transaction; the registers' state rows are locked first.
        register_ids: Whose policy or acts change.
        since_us: The first instant that is judged otherwise.
        change: Writes the new policy rows or acts.
        cause: What revisions of closed rows say: 'act' or 'policy'.
        until_us: The last instant that is judged otherwise; a multiplier or policy has none.

    Raises:
        TanfengError: Another accounting rule made the books of one of them.
    """
    rows = await con.fetch(SQL["lock_states"], sorted(register_ids))
    await refuse_other_rule(con, register_ids)
    old = await load_cards(con, register_ids)
    await change()
    await con.execute(SQL["bump_policies"], register_ids)
    new = await load_cards(con, register_ids)
    started = [row for row in rows if row["newest_at"] is not None]
    changes = [Change(new[row["register_id"]], old[row["register_id"]].policy, since_us, until_us) for row in started]
    differences = await refold_all(con, changes)
    entries = Entries(cause=cause)
    for row in started:
        newest = Newest(row["newest_at"], row["newest_value"])
        entries.add(new[row["register_id"]], differences[row["register_id"]], newest, row["newest_at"])
    await entries.write(con)
    ratios = [row for row in started if new[row["register_id"]].is_ratio]
    await keep_reported(con, {row["register_id"]: (since_us, min(until_us, row["newest_at"])) for row in ratios}, new)
    await con.execute(SQL["booked"])


async def rescope(con: Connection, register_ids: Sequence[int], change: Callable[[], Awaitable[None]]) -> None:
    """Run `change`, an SQL change of memberships or levels, and move these registers' days to their new scopes."""
    await con.fetch(SQL["lock_states"], sorted(register_ids))
    await con.execute(SQL["move_scope_days"], register_ids, -1)
    await change()
    await con.execute(SQL["bump_policies"], register_ids)
    await con.execute(SQL["move_scope_days"], register_ids, 1)
    await con.execute(SQL["drop_all_empty_scope_days"])
