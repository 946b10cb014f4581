"""The directory that decoding needs: every registered meter with its registers."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from services.model import Kind, MeterRef, RegisterRef
from services.store.queries import SQL
from services.units import declared_factor

if TYPE_CHECKING:
    from services.store.pool import Connection

Directory = dict[tuple[str, str], MeterRef]


async def registry_version(con: Connection) -> int:
    """Rises with every applied plan; the directory of an older version must be loaded again."""
    version: int = await con.fetchval(SQL["registry_version"])
    return version


async def load_directory(con: Connection) -> tuple[int, Directory]:
    """The registry version and every registered meter by (enterprise, meter).

    The version is read first: what changes in between is loaded again.
    """
    version = await registry_version(con)
    directory: Directory = {}
    for row in await con.fetch(SQL["registry_directory"]):
        key = (row["enterprise"], row["meter"])
        meter = directory.get(key)
        if meter is None:
            meter = directory[key] = MeterRef(*key, registers={}, zone=row["naive_zone"])
        unit_factor = _factor(row["unit"], row["carrier_unit"], row["kind"])
        meter.registers[row["register"]] = RegisterRef(row["register_id"], unit_factor, Fraction(row["multiplier"]))
    return version, directory


@lru_cache(maxsize=1024)
def _factor(unit: str, carrier_unit: str | None, kind: str) -> Fraction:
    return declared_factor(unit, carrier_unit, momentary=kind == Kind.MEASUREMENT)
