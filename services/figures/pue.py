"""PUE of the data centres that the role in force may read, measured and reported by the operator side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from services.errors import TanfengError
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from services.store.pool import Connection

WINDOW_DAYS: Final = {"1h": 1, "24h": 1, "1d": 1, "30d": 30, "1mo": 31, "12mo": 366}
"""Windows, and their width in days, rounded up."""


@dataclass(frozen=True, slots=True)
class Pue:
    """One window of one data centre; instants in µs, energies in kWh.

    `state`: ok, high, implausible, or unknown, which `why` explains; None where no energy is metered there at all.
    `pue_ratio` is None unless the state is ok or high. The `reported_…` fields are what the operator publishes
    (None: nothing is), time-weighted; `apart_ratio` is how far both are apart where both are known.
    """

    enterprise: str
    enterprise_zh: str
    enterprise_en: str
    site: str
    site_zh: str
    site_en: str
    zone: str
    starts_at: int
    ends_at: int
    total_kwh: Decimal | None
    it_kwh: Decimal | None
    pue_ratio: Decimal | None
    state: str | None
    why: str | None
    total_resolution_ratio: Decimal | None
    it_resolution_ratio: Decimal | None
    total_uncertainty_ratio: Decimal | None
    it_uncertainty_ratio: Decimal | None
    category: int | None
    label: str
    limit_ratio: Decimal
    reported_ratio: Decimal | None
    reported_state: str | None
    reported_why: str | None
    reported_resolution_ratio: Decimal | None
    apart_ratio: Decimal | None


async def pue_at(con: Connection, window: str, ends_at_us: int) -> list[Pue]:
    """The window of every data centre that ends at this instant; none where that is no end of such a window.

    An hour ends at any quarter, 24 hours at any hour, days, 30 days, months and 12 months at midnights of the site.

    Raises:
        TanfengError: There is no such window.
    """
    return await pue_between(con, window, ends_at_us, ends_at_us)


async def pue_between(
    con: Connection, window: str, since_us: int, until_us: int, *, sites: Sequence[str] | None = None
) -> list[Pue]:
    """The windows that end in [since, until], in order of their ends; those of `sites` alone where they are given.

    Raises:
        TanfengError: There is no such window.
    """
    if window not in WINDOW_DAYS:
        raise TanfengError(f"there is no PUE over {window!r}", f"use one of {', '.join(WINDOW_DAYS)}")
    statement = SQL["pue_between"].format(span=window)
    return [Pue(*row.values()) for row in await con.fetch(statement, since_us, until_us, WINDOW_DAYS[window], sites)]
