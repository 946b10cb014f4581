"""Emission factors: what operators add to the shipped facts, from the moment they do.

Facts and how they are loaded: services/store/shipped_facts.py.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.errors import TanfengError
from services.store.queries import SQL

if TYPE_CHECKING:
    from decimal import Decimal

    import asyncpg

    from services.store.pool import Connection


@dataclass(frozen=True, slots=True)
class FactorKey:
    """What an emission factor is of; `data_year` None holds for all dates."""

    carrier: str
    region: str
    method: str
    data_year: int | None


async def list_factors(con: Connection, carrier: str | None = None) -> list[asyncpg.Record]:
    """The current factors, disabled ones too, ordered by carrier, region, method and data year."""
    return await con.fetch(SQL["factor_list"], carrier)


async def add_factor(
    con: Connection, key: FactorKey, kgco2_per_unit: Decimal, *, scope: int, source: str, author: str
) -> None:
    """Record a factor from now on; one of the same key that is in force is superseded, not forgotten.

    Raises:
        TanfengError: There is no such carrier.
    """
    async with con.transaction():
        if not await con.fetchval("SELECT EXISTS (SELECT FROM core.carrier WHERE code = $1)", key.carrier):
            raise TanfengError(f"there is no carrier {key.carrier!r}", "see `tanfeng factors list`")
        await con.execute(SQL["factor_supersede"], *_key(key))
        await con.execute(SQL["factor_add"], *_key(key), kgco2_per_unit, scope, source, author)
        await _audit(con, author, "factor add", key, {"kgco2_per_unit": str(kgco2_per_unit), "source": source})


async def switch_factor(con: Connection, key: FactorKey, *, enabled: bool, author: str) -> None:
    """Enable or disable the current factor of this key from now on; the past stays as it was.

    Raises:
        TanfengError: There is no such factor.
    """
    async with con.transaction():
        if not await con.fetchval(SQL["factor_switch"], *_key(key), enabled, author):
            raise TanfengError(
                f"there is no factor to {'enable' if enabled else 'disable'} with {key}",
                "see `tanfeng factors list`; name carrier, region, method and data year as there",
            )
        await _audit(con, author, "factor enable" if enabled else "factor disable", key, {})


def _key(key: FactorKey) -> tuple[str, str, str, int | None]:
    return key.carrier, key.region, key.method, key.data_year


async def _audit(con: Connection, author: str, action: str, key: FactorKey, more: dict[str, str]) -> None:
    detail = {"carrier": key.carrier, "region": key.region, "method": key.method, "data_year": key.data_year}
    await con.execute(SQL["audit_add"], author, action, json.dumps(detail | more))
