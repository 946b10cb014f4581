"""Figures as the API and the live view show them: rows of report.*, seen as the role in force sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.store.queries import SQL

if TYPE_CHECKING:
    from decimal import Decimal

    from services.store.pool import Connection


@dataclass(frozen=True, slots=True)
class EnterpriseToday:
    """One enterprise since its local midnight: electricity, standard coal (calorific) and CO₂ of all carriers.

    `emissions_kgco2` is None where a factor is missing: unknown, not zero. An enterprise without a booked quarter
    hour today is not there at all.
    """

    code: str
    name_zh: str
    name_en: str
    energy_kwh: Decimal
    coal_tce: Decimal
    emissions_kgco2: Decimal | None
    provisional: bool


@dataclass(frozen=True, slots=True)
class IngestTotals:
    """Register values since the first migration; `held_open` are those whose run is not decided yet."""

    accepted: int
    duplicates: int
    rejected: int
    held: int
    held_open: int


@dataclass(frozen=True, slots=True)
class Health:
    """The newest migration, and how old the newest minute is in which ingest committed (None: never), in seconds."""

    migration: str
    ingest_age_s: float | None


async def today_by_enterprise(con: Connection) -> list[EnterpriseToday]:
    """Today's figures of the enterprises the role in force may read, by code."""
    return [EnterpriseToday(*row.values()) for row in await con.fetch(SQL["figures_today"])]


async def ingest_totals(con: Connection) -> IngestTotals:
    """What ingest has done so far; for the owner's eyes."""
    row = await con.fetchrow(SQL["figures_ingest_totals"])
    assert row is not None  # noqa: S101 - an aggregate always gives one row
    return IngestTotals(*row.values())


async def health(con: Connection) -> Health:
    """What /healthz reports, readable by the API's own role."""
    row = await con.fetchrow(SQL["figures_health"])
    assert row is not None  # noqa: S101 - a row of sub-queries always comes
    newest = row["newest_minute"]
    return Health(row["migration"], None if newest is None else (row["now"] - newest) / 1e6)
