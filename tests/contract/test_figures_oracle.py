"""Days, months and CO₂ of any ledger against plain loops."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.model import QUARTER_US
from services.store.pool import connect
from tests.figure_world import (
    Quarter,
    add_district,
    add_enterprise,
    add_register,
    book,
    day_seconds,
    instant,
    local_day,
)

if TYPE_CHECKING:
    from datetime import date

    from services.store.pool import Connection

LEDGER = st.lists(
    st.tuples(
        st.integers(0, 3),  # register
        st.integers(0, 96 * 40),  # quarter-hours after 25 January
        st.integers(0, 5),
        st.integers(0, 900),
    ).filter(lambda row: any(row[2:])),  # the ledger has no empty rows
    max_size=25,
    unique_by=lambda row: row[:2],
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ledger=LEDGER)
async def test_days_and_months_equal_naive_sums(database: str, ledger: list[tuple[int, int, int, int]]) -> None:
    """Energy, coverage and CO₂ of any ledger equal plain loops over its rows, at every grain."""
    con = await connect(database, name="test")
    outer = con.transaction()
    await outer.start()
    try:
        await add_district(con)
        await add_enterprise(con, "works", "works-1")
        await add_enterprise(con, "far", "far-1", zone="America/New_York")
        registers = [
            (await add_register(con, site, meter, level=level), site, level)
            for site, meter, level in (
                ("works-1", "a", 1),
                ("works-1", "b", 1),
                ("works-1", "c", 2),
                ("far-1", "d", 1),
            )
        ]
        start = instant("2026-01-25T00:00+08:00")
        rows = [(registers[index], Quarter(start + n * QUARTER_US, amount, 0, s)) for index, n, amount, s in ledger]
        for register in registers:
            await book(con, register[0], [row for owner, row in rows if owner is register])
        await compare(con, rows)
    finally:
        await outer.rollback()
        await con.close()


async def compare(con: Connection, rows: list[tuple[tuple[int, str, int], Quarter]]) -> None:
    """The views against loops."""
    days: dict[tuple[str, date], list[int]] = defaultdict(lambda: [0, 0])
    months: dict[tuple[str, date], int] = defaultdict(int)
    for (_, site, level), row in rows:
        if level == 1:
            day = local_day(row.starts_at, "Asia/Shanghai" if site == "works-1" else "America/New_York")
            days[site, day] = [days[site, day][0] + row.amount, days[site, day][1] + row.covered_s]
            months[site, day.replace(day=1)] += row.amount
    found = await con.fetch("SELECT site, day, amount, covered_s, expected_s FROM report.energy_site_1d")
    assert {(each["site"], each["day"]): [each["amount"] * 1000, each["covered_s"]] for each in found} == days
    for day_row in found:
        zone, count = ("Asia/Shanghai", 2) if day_row["site"] == "works-1" else ("America/New_York", 1)
        assert day_row["expected_s"] == count * day_seconds(day_row["day"], zone)
    months_found = await con.fetch("SELECT site, month, emissions_kgco2 FROM report.emissions_1mo")
    assert {(each["site"], each["month"]): each["emissions_kgco2"] for each in months_found} == {
        key: Decimal(amount) / 1000 * Decimal("0.5581") for key, amount in months.items()
    }
