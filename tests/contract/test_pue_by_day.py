"""Windows summed a day at a time are those looked up one by one."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from services.store.pool import connect
from tests.pue_world import add_history, declare

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

DAYS = 20
WINDOWS = """
SELECT p.span, p.starts_at, p.ends_at, p.total_kwh, p.it_kwh, p.state, p.why, p.total_coverage, p.it_coverage,
       p.total_resolution, p.it_resolution, p.total_uncertain_kwh, p.it_uncertain_kwh, p.category, p.limit_ratio
FROM core.{} p WHERE p.span IN ('1h', '24h') ORDER BY p.span, p.starts_at
"""
SPOILED = """
DELETE FROM core.energy_15m WHERE extract(epoch FROM starts_at)::bigint / 900 % 131 < 3;
UPDATE core.energy_15m SET covered_s = 600 WHERE extract(epoch FROM starts_at)::bigint / 900 % 61 = 0;
UPDATE core.energy_15m SET amount = amount + extract(epoch FROM starts_at)::bigint / 900 % 977, rest = 4321;
UPDATE core.energy_15m SET estimated_s = covered_s, estimated_amount = amount, estimated_rest = rest
WHERE extract(epoch FROM starts_at)::bigint / 900 % 97 < 7;
INSERT INTO core.reading (register_id, read_at, value, lag_s)
SELECT register_id, starts_at, 0, 0 FROM core.energy_15m WHERE extract(epoch FROM starts_at)::bigint / 900 % 5 = 0;
UPDATE core.pue_boundary SET valid_until = current_date - 8;
INSERT INTO core.pue_boundary (site_id, category, minimum_it_kw, limit_ratio, valid_from)
SELECT site_id, 2, 1001, 1.7, current_date - 8 FROM core.pue_boundary;
INSERT INTO core.pue_part
SELECT (SELECT max(boundary_id) FROM core.pue_boundary), side, register_id, kwh_per_unit FROM core.pue_part;
UPDATE core.site_membership SET valid_from = current_date - 18;
"""


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A migrated database with a declared hall."""
    opened = await connect(edition_database, name="test")
    await declare(opened)
    yield opened
    await opened.close()


async def test_windows_of_a_day_are_those_looked_up_one_by_one(con: Connection) -> None:
    """Over holes, estimates across edges, rests, a boundary that changes and a site that was somebody else's."""
    await add_history(con, date.today() - timedelta(days=DAYS), DAYS)  # noqa: DTZ011 - weeks, not hours
    await con.execute(SPOILED)
    swept = await con.fetch(WINDOWS.format("caller_pue_by_day"))
    assert swept == await con.fetch(WINDOWS.format("caller_pue"))
    told = {row["why"] for row in swept}
    assert told >= {None, "owner_changed", "it_missing", "it_uncertain", "it_coarse"}
    assert any(row["total_uncertain_kwh"] for row in swept)
    assert {row["span"] for row in swept} == {"1h", "24h"}
