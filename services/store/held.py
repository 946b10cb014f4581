"""What is held now, for the person who decides it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.accounting.explain import Explanation, explanations, run_amount
from services.errors import TanfengError
from services.store.cards import load_cards
from services.store.entries import state_of
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.accounting.state import Level, Run
    from services.store.pool import Connection, Row


@dataclass(frozen=True, slots=True)
class HeldRegister:
    """A register with held runs after its baseline. Levels are thousandths of `unit`."""

    register_id: int
    name: str
    unit: str
    base: Level
    runs: Sequence[Run]


@dataclass(frozen=True, slots=True)
class HeldRun:
    """One held run, what the policy allowed until its first reading, and what each explanation would book."""

    run: Run
    bound: int | None
    own_amount: int
    explanations: list[Explanation]


async def find_register(con: Connection, name: str) -> int:
    """The register that 'enterprise/meter/register' names.

    Raises:
        TanfengError: There is none.
    """
    parts = name.split("/")
    found = await con.fetchval(SQL["find_register"], *parts) if len(parts) == 3 else None  # noqa: PLR2004
    if found is None:
        raise TanfengError(f"there is no register {name!r}", "name it as enterprise/meter/register")
    return int(found)


async def zone_of(con: Connection, register_id: int) -> str:
    """The time zone of the site where a register's meter stands, or stood last."""
    zone: str = await con.fetchval(SQL["zone_of_register"], register_id)
    return zone


async def held_registers(con: Connection, register_id: int | None = None) -> list[HeldRegister]:
    """Registers with something held after their baseline, all or one."""
    found = []
    for row in await con.fetch(SQL["held_registers"], register_id):
        state = state_of(await _state_row(con, row["register_id"]))
        if state.base is not None and state.runs:
            found.append(HeldRegister(row["register_id"], row["name"], row["unit"], state.base, state.runs))
    return found


async def explain(con: Connection, held: HeldRegister) -> list[HeldRun]:
    """Each run of a register with its explanations."""
    policy = (await load_cards(con, [held.register_id]))[held.register_id].policy
    runs = []
    for run in held.runs:
        rules = policy.rules_at(run.first.at)
        bound = rules.bound(run.first.at - held.base.at)
        own = run_amount(run.members, rules)
        runs.append(HeldRun(run, bound, own, explanations(held.base, run.first, rules)))
    return runs


async def _state_row(con: Connection, register_id: int) -> Row:
    row = await con.fetchrow(SQL["state_row"], register_id)
    if row is None:
        raise TanfengError(f"register {register_id} has no state", "apply the registry again")
    return row
