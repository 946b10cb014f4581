"""Emission factors, coal coefficients and carriers: the shipped facts, and what operators add to them.

The facts stand in services/store/facts/*.csv with source and confidence. Rows marked unverified or low ship
disabled. On the first load every row counts as recorded on the day it was published, supposing that it was known
here from that day; rows of a later release, and rows that operators add, are recorded when they come.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from services.errors import TanfengError
from services.store.queries import SQL

if TYPE_CHECKING:
    from decimal import Decimal

    import asyncpg

    from services.store.pool import Connection


def fact_rows(name: str) -> list[dict[str, str | None]]:
    """The rows of services/store/facts/<name>.csv; an empty field is None."""
    text = (files("services.store") / "facts" / f"{name}.csv").read_text("utf-8")
    return [{key: value or None for key, value in row.items()} for row in csv.DictReader(text.splitlines())]


async def load_facts(con: Connection) -> int:
    """Load the shipped facts inside the caller's transaction; how many rows were added or superseded.

    Raises:
        TanfengError: A fact is per another unit than its carrier's.
    """
    await con.execute(SQL["facts_stage"])
    for name, query in (
        ("carriers", "facts_fill_carriers"),
        ("emission_factors", "facts_fill_factors"),
        ("coal_coefficients", "facts_fill_coefficients"),
    ):
        await con.execute(SQL[query], json.dumps(fact_rows(name)))
    changed = _count(await con.execute(SQL["facts_carriers"]))
    await _refuse_wrong_units(con)
    for kind in ("factors", "coefficients"):
        await con.execute(SQL[f"facts_supersede_{kind}"])
        changed += _count(await con.execute(SQL[f"facts_add_{kind}"]))
    return changed


async def _refuse_wrong_units(con: Connection) -> None:
    for row in await con.fetch(SQL["facts_wrong_unit"]):
        raise TanfengError(
            f"a fact of {row['carrier']} is per {row['unit']}, not per the unit of its carrier",
            "mend services/store/facts",
        )


def _count(status: str) -> int:
    return int(status.rsplit(" ", 1)[1])


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
