"""A tenant sees its own budgets, never the district's or another's, at whatever moment it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.budgets.status import budget_statuses
from tests.access_world import FOREIGN, JAN_1, World, open_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

VIEWS = (
    "budget_status", "budget_running", "budget_months", "budget_sites", "budget_running_sites", "budget_versions",
    "manual_figures",
)  # fmt: skip


@pytest.fixture
async def world(edition_database: str) -> AsyncIterator[World]:
    """Two enterprises with a budget each, and a budget of the district besides."""
    async with open_world(edition_database) as opened:
        district = await opened.owner.fetchval(
            "INSERT INTO core.budget (code, district_code) SELECT 'whole', code FROM core.district RETURNING budget_id"
        )
        version = await opened.owner.fetchval(
            "INSERT INTO core.budget_version (budget_id, year, name_zh, name_en, period, measure, carriers, unit,"
            " shown_per_base, split, levels, coverage_ratio, pace_ratio, scheme, source, author)"
            " SELECT $1, year, '全区', 'rival of all', period, measure, carriers, unit, shown_per_base, split, levels,"
            " coverage_ratio, pace_ratio, scheme, source, author FROM core.budget_version LIMIT 1 RETURNING version_id",
            district,
        )
        await opened.owner.execute("INSERT INTO core.budget_part VALUES ($1, '2026-01-01', 5)", version)
        yield opened


@pytest.mark.parametrize("at", ["", "2026-01-01T02:00+08:00", "2030-01-01T00:00+08:00"])
@pytest.mark.parametrize("as_of", ["", "2026-01-15T00:00Z", "2030-01-01T00:00Z"])
async def test_no_moment_asked_for_shows_a_foreign_row(world: World, at: str, as_of: str) -> None:
    """The settings that choose the moment choose nothing else."""
    await world.tenant.execute(
        "SELECT set_config('tanfeng.at', $1, false), set_config('tanfeng.as_of', $2, false)", at, as_of
    )
    for view in VIEWS:
        text = await world.tenant.fetchval(
            f"SELECT coalesce(string_agg(row_to_json(r)::text, ' '), '') FROM report.{view} AS r"
        )
        assert not [word for word in FOREIGN if word in text], view


async def test_only_the_district_sees_its_own_budget_with_the_sum_of_all(world: World) -> None:
    """A tenant's share of the sum would be a wrong sum."""
    assert [each.budget for each in await budget_statuses(world.tenant, JAN_1 + 1)] == ["works-budget"]
    assert [each.budget for each in await budget_statuses(world.owner, JAN_1 + 1)] == [
        "rival-budget", "whole", "works-budget"
    ]  # fmt: skip
