"""Windows summed a week at a time are those looked up one by one, and each week is summed once."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from services.store.pool import connect
from tests.pue_world import add_history, declare

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from services.store.pool import Connection

DAYS = 20
WINDOWS = """
SELECT p.span, p.starts_at, p.ends_at, p.total_kwh, p.it_kwh, p.state, p.why, p.total_coverage, p.it_coverage,
       p.total_resolution, p.it_resolution, p.total_uncertain_kwh, p.it_uncertain_kwh, p.category, p.limit_ratio
FROM {} p WHERE p.span IN ('1h', '24h') ORDER BY p.span, p.starts_at
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


async def test_windows_of_a_week_are_those_looked_up_one_by_one(con: Connection) -> None:
    """Over holes, estimates across edges, rests, a boundary that changes and a site that was somebody else's."""
    await add_history(con, date.today() - timedelta(days=DAYS), DAYS)  # noqa: DTZ011 - weeks, not hours
    await con.execute(SPOILED)
    swept = await con.fetch(WINDOWS.format("(TABLE core.caller_pue_1h UNION ALL TABLE core.caller_pue_24h)"))
    assert swept == await con.fetch(WINDOWS.format("core.caller_pue"))
    told = {row["why"] for row in swept}
    assert told >= {None, "owner_changed", "it_missing", "it_uncertain", "it_coarse"}
    assert any(row["total_uncertain_kwh"] for row in swept)
    assert {row["span"] for row in swept} == {"1h", "24h"}


@pytest.mark.parametrize("span", ["1h", "24h"])
@pytest.mark.parametrize(("days", "weeks"), [(365, 53), (70, 11)])
async def test_each_week_is_summed_once_whatever_days_are_asked_for(
    con: Connection, span: str, days: int, weeks: int
) -> None:
    """A plan that summed it anew for each of its days would take seven times as long."""
    await add_history(con, date.today() - timedelta(days=365), 365)  # noqa: DTZ011 - years, not hours
    asked = f"SELECT avg(pue_ratio) FROM report.pue_{span} WHERE day >= current_date - {days}"
    if days == 365:
        asked = f"SELECT avg(pue_ratio) FROM report.pue_{span}"
    plan = json.loads(await con.fetchval(f"EXPLAIN (ANALYZE, FORMAT json, TIMING off) {asked}"))
    kept = [node for node in nodes(plan[0]["Plan"]) if node["Node Type"] == "Memoize" and "week" in node["Cache Key"]]
    assert [node["Cache Misses"] for node in kept] == [pytest.approx(weeks, abs=1)]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's node and all below it."""
    yield plan
    for each in plan.get("Plans", []):
        yield from nodes(each)
