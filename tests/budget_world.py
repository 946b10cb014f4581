"""A budget put straight into a database, without a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.store.pool import Connection


async def add_budget(con: Connection, enterprise: str, site: str, kwh: int) -> int:
    """A budget of an enterprise's electricity for January 2026, and a figure of its site by hand; the budget's id."""
    budget_id: int = await con.fetchval(
        "INSERT INTO core.budget (code, district_code, enterprise_id)"
        " SELECT code || '-budget', district_code, enterprise_id FROM core.enterprise WHERE code = $1"
        " RETURNING budget_id",
        enterprise,
    )
    version_id = await con.fetchval(
        "INSERT INTO core.budget_version (budget_id, year, name_zh, name_en, period, measure, carriers, unit,"
        " shown_per_base, split, levels, coverage_ratio, pace_ratio, scheme, source, author)"
        " VALUES ($1, 2026, '预算', 'Budget', 'month', 'energy', '{electricity}', 'kWh', 1, 'monthly', '{0.8,1}',"
        " 0.95, 1.05, 'barometer', $2, 'li') RETURNING version_id",
        budget_id,
        enterprise,
    )
    await con.execute("INSERT INTO core.budget_part VALUES ($1, '2026-01-01', $2)", version_id, kwh)
    await con.execute(
        "INSERT INTO core.manual_figure (site_id, carrier, month, amount, source, author)"
        " SELECT site_id, 'diesel', '2026-01-01', $2, 'statement', 'li' FROM core.site WHERE code = $1",
        site,
        kwh,
    )
    return budget_id
