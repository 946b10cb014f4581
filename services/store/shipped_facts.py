"""The shipped facts: emission factors, coal coefficients and carriers, loaded into a database.

They stand in services/store/facts/*.csv with source and confidence. Rows marked unverified or low ship disabled. On
the first load every row counts as recorded on the day it was published, supposing that it was known here from that
day; rows of a later release are recorded when they come.
"""

from __future__ import annotations

import csv
import json
from importlib.resources import files
from typing import TYPE_CHECKING

from services.errors import TanfengError
from services.store.queries import SQL

if TYPE_CHECKING:
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
