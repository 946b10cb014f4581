"""A register's card: all that booking needs to know of it, as of its policy version."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from services.accounting.policy import EVER, Act, Policy, Version, compile_policy
from services.model import SECOND_US, ActKind, Kind, OnFall, Stamp
from services.store.queries import SQL
from services.units import MILLI, declared_factor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from services.store.pool import Connection, Row


@dataclass(frozen=True, slots=True)
class Scope:
    """What a level-1 register counts for in [valid_from, valid_until) of its site's days."""

    enterprise_id: int
    site_id: int
    carrier: str
    direction: str
    valid_from: date
    valid_until: date


@dataclass(frozen=True, slots=True)
class Card:
    """One register as booking sees it. `zone` is that of its site; days and months are counted in it."""

    register_id: int
    version: int
    policy: Policy
    unit_factor: Fraction
    zone: str
    scopes: tuple[Scope, ...] = field(default=())
    is_ratio: bool = False
    """A ratio that an operator publishes: weighted by time, never booked."""

    def raw(self, value: int, text: str | None) -> int | Fraction:
        """A stored value as the fold takes it: the received decimal where the integer lost something of it."""
        return value if text is None else Fraction(Decimal(text)) * self.unit_factor * MILLI

    def scope_on(self, day: date) -> Scope | None:
        """What the register counts for on a day; None below level 1."""
        for scope in self.scopes:
            if scope.valid_from <= day < scope.valid_until:
                return scope
        return None


async def load_cards(con: Connection, register_ids: Sequence[int]) -> dict[int, Card]:
    """The present cards of these registers; read under the lock of their state rows they stay true."""
    policies = _grouped(await con.fetch(SQL["card_policies"], register_ids))
    acts = _grouped(await con.fetch(SQL["card_acts"], register_ids))
    scopes = _grouped(await con.fetch(SQL["card_scopes"], register_ids))
    return {
        row["register_id"]: _card(
            row, policies[row["register_id"]], acts[row["register_id"]], scopes[row["register_id"]]
        )
        for row in await con.fetch(SQL["card_registers"], register_ids)
    }


def _grouped(rows: Iterable[Row]) -> dict[int, list[Row]]:
    groups: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["register_id"]].append(row)
    return groups


def _card(
    row: Row,
    policies: Sequence[Row],
    acts: Sequence[Row],
    scopes: Sequence[Row],
) -> Card:
    kind = Kind(row["kind"])
    unit_factor = declared_factor(row["unit"], row["carrier_unit"], momentary=kind is Kind.MEASUREMENT)
    policy = compile_policy(
        kind,
        [_version(each) for each in policies],
        [_act(each) for each in acts],
        unit_factor=unit_factor,
        multiplier=Fraction(row["multiplier"]),
        integrate=row["integrate"],
    )
    own = tuple(
        Scope(
            each["enterprise_id"],
            each["site_id"],
            row["carrier"],
            row["direction"],
            each["valid_from"],
            each["valid_until"],
        )
        for each in scopes
    )
    return Card(
        row["register_id"], row["policy_version"], policy, unit_factor, row["zone"] or "UTC", own, row["is_ratio"]
    )


def _version(row: Row) -> Version:
    return Version(
        max_rate=row["max_rate"],
        resolution=row["resolution"],
        modulus=row["modulus"],
        interval_us=row["interval_s"] * SECOND_US,
        gap_us=row["gap_s"] * SECOND_US,
        slack_us=row["slack_s"] * SECOND_US,
        noise=row["noise"],
        on_fall=OnFall(row["on_fall"]),
        valid_from=max(EVER, row["valid_from"]),
        flat_us=None if row["flat_s"] is None else row["flat_s"] * SECOND_US,
        stamp=Stamp(row["stamp"]),
    )


def _act(row: Row) -> Act:
    return Act(ActKind(row["kind"]), row["at"], row["until"], row["final"], row["start"], row["value"], row["reading"])
