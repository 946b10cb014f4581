"""What is held now, for the person who decides it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from services.accounting.explain import Explanation, explanations, run_amount
from services.accounting.policy import PLAIN_KINDS
from services.errors import TanfengError
from services.ledger.cards import load_cards
from services.ledger.entries import state_of
from services.model import Kind
from services.store.queries import SQL
from services.units import MILLI

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from services.accounting.state import Level, Run
    from services.store.pool import Connection, Row


SHOWN: Final = 50
"""So many of the held readings of amounts and momentary values are listed."""


@dataclass(frozen=True, slots=True)
class HeldRegister:
    """A register with something held that nothing has settled. Levels are thousandths of `unit`.

    `first_at`, `until_at` and `readings` are of the whole stretch, whatever the state remembers of it. `base` and
    `runs`: of a register that counts. `suspect`: the newest suspicion, '' where there is none.
    """

    register_id: int
    name: str
    unit: str
    kind: Kind
    first_at: int
    until_at: int
    readings: int
    suspect: str
    base: Level | None
    runs: Sequence[Run]


@dataclass(frozen=True, slots=True)
class HeldReading:
    """A held reading as it was sent, in the register's own unit before its multiplier, and what is suspected of it."""

    at: int
    sent: Decimal
    suspect: str


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
    """Registers with something held that no later reading and nobody has settled, all or one."""
    found = []
    for row in await con.fetch(SQL["held_registers"], register_id):
        kind = Kind(row["kind"])
        state = None if kind in PLAIN_KINDS else state_of(await _state_row(con, row["register_id"]))
        stretch = (row["first_at"], row["until_at"], row["readings"], row["suspect"])
        base, runs = (None, []) if state is None else (state.base, state.runs)
        found.append(HeldRegister(row["register_id"], row["name"], row["unit"], kind, *stretch, base, runs))
    return found


async def held_readings(con: Connection, held: HeldRegister) -> list[HeldReading]:
    """The first held readings of the stretch."""
    card = (await load_cards(con, [held.register_id]))[held.register_id]
    own = card.unit_factor * MILLI
    return [
        HeldReading(row["read_at"], _sent(row["value"] / own, row["value_text"]), row["suspect"])
        for row in await con.fetch(SQL["held_readings"], held.register_id, held.first_at, SHOWN)
    ]


def _sent(value: Fraction, text: str | None) -> Decimal:
    return Decimal(value.numerator) / value.denominator if text is None else Decimal(text)


async def multiplier_of(con: Connection, held: HeldRegister) -> Fraction:
    """The multiplier in force when the held stretch begins."""
    card = (await load_cards(con, [held.register_id]))[held.register_id]
    return card.policy.rules_at(held.first_at).multiplier


async def explain(con: Connection, held: HeldRegister) -> list[HeldRun]:
    """Each run of a register that counts, with its explanations."""
    if held.base is None:
        return []
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
