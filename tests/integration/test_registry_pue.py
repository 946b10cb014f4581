"""The `pue:` block of a registry file: stored as written, dated, and refused with line and fix where it cannot be."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from services.registry.apply import apply_plan
from services.registry.content import load_content, plan_file
from services.registry.models import PueSide
from services.store.pool import connect
from tests.pue_world import HALL, MEASURED, declare

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

BASE = "category: 1, total: [intake/import], it: [ups/it]"


@pytest.fixture
async def con(database: str) -> AsyncIterator[Connection]:
    """A connection to the test's database."""
    opened = await connect(database, name="test")
    yield opened
    await opened.close()


async def test_a_boundary_is_stored_as_written_and_a_second_plan_is_empty(con: Connection) -> None:
    """Sides, factors, limits, the reported register and both dates."""
    fuels = "fuels: [{register: intake/gas, kwh_per_unit: 10.5}]"
    cold = "chilled_water: [{register: intake/cold, kwh_per_unit: 277.8}]"
    changed = "changes: [{from: 2026-02-01, category: 2, minimum_it_kw: 80}]"
    pue = f"{{from: 2026-01-01, {BASE}, {fuels}, {cold}, reported: dcim/pue, limit: 1.4, {changed}}}"
    await declare(con, pue)
    first, second = (await load_content(con)).sites["hall"].pue
    assert (str(first.valid_from), str(first.valid_until), second.valid_until) == ("2026-01-01", "2026-02-01", None)
    assert (first.category, second.category) == (1, 2)
    assert (first.minimum_it_kw, second.minimum_it_kw) == (0, 80)
    assert first.limit_ratio == second.limit_ratio == Decimal("1.4")
    assert first.reported == ("cloud", "dcim", "pue")
    assert [(part.side, part.register[1:], part.kwh_per_unit) for part in second.parts] == [
        (PueSide.CHILLED_WATER, ("intake", "cold"), Decimal("277.8")),
        (PueSide.FUEL, ("intake", "gas"), Decimal("10.5")),
        (PueSide.IT, ("ups", "it"), 1),
        (PueSide.TOTAL, ("intake", "import"), 1),
    ]
    plan, _ = await plan_file(con, HALL.format(pue=pue, interval="15m", reported="5m"), is_csv=False)
    assert plan.is_empty


async def test_a_changed_boundary_supersedes_and_a_file_without_one_leaves_it(con: Connection) -> None:
    """The old version keeps its place in history."""
    await declare(con, MEASURED)
    await declare(con, f"{{{BASE}, limit: 1.3}}")
    assert [each.limit_ratio for each in (await load_content(con)).sites["hall"].pue] == [Decimal("1.3")]
    text = HALL.format(pue="X", interval="15m", reported="5m").replace("        pue: X\n", "")
    plan, problems = await plan_file(con, text, is_csv=False)
    assert plan.is_empty
    assert not [each for each in problems if not each.is_warning]
    await apply_plan(con, plan, "tester")
    assert await con.fetchval("SELECT count(*) FROM core.pue_boundary WHERE recorded_until < 'infinity'") == 1
    assert "PUE" in str(await con.fetchval("SELECT detail FROM core.audit ORDER BY audit_id DESC LIMIT 1"))


WRONG = {
    f"{{{BASE}, total: [intake/import]}}": "stands here twice",
    "{category: 4, total: [intake/import], it: [ups/it]}": "'4' is unknown — use one of 1, 2, 3",
    "{total: [intake/import], it: [ups/it]}": "has no category",
    "{category: 1, total: [intake/import]}": "lacks a side — list at least one register as total and one as it",
    "{category: 1}": "lacks a side",
    "{category: 1, total: [intake/nothing], it: [ups/it]}": "intake/nothing is not registered",
    "{category: 1, total: [import], it: [ups/it]}": "'import' names no register",
    "{category: 1, total: [intake/import, intake/import], it: [ups/it]}": "intake/import counts twice",
    "{category: 1, total: [intake/gas], it: [ups/it]}": "counts Nm3, not kWh",
    "{category: 1, total: [dcim/pue], it: [ups/it]}": "counts no energy",
    f"{{{BASE}, fuels: [intake/gas]}}": "counts Nm3, not kWh — write {register: …, kwh_per_unit:",
    f"{{{BASE}, reported: ups/it}}": "reports no PUE",
    f"{{{BASE}, minimum_it_kw: -1}}": "below zero",
    f"{{{BASE}, cooling: [intake/cold]}}": "unknown field 'cooling'",
}


@pytest.mark.parametrize("pue", WRONG)
async def test_a_wrong_boundary_is_refused_with_its_line(con: Connection, pue: str) -> None:
    """Nothing changes, and the line is that of the block."""
    _, problems = await plan_file(con, HALL.format(pue=pue, interval="15m", reported="5m"), is_csv=False)
    found = [problem for problem in problems if not problem.is_warning]
    assert any(WRONG[pue] in str(problem) and problem.line == 12 for problem in found), [*map(str, found)]


async def test_only_a_data_centre_has_a_boundary_and_only_of_its_own_meters(con: Connection) -> None:
    """A plant has no PUE; a meter of another site is none of this one's."""
    text = HALL.format(pue=MEASURED, interval="15m", reported="5m")
    _, problems = await plan_file(con, text.replace("kind: data_centre", "kind: plant"), is_csv=False)
    assert any("is no data centre" in str(problem) for problem in problems)
    other = "      store: {kind: plant, name_zh: 库, name_en: Store}\n"
    _, problems = await plan_file(con, text + other, is_csv=False)
    assert problems == []
    other = "      store:\n        kind: plant\n        name_zh: 库\n        name_en: Store\n        meters:\n"
    other += "          dcim:\n"
    _, problems = await plan_file(con, text.replace("          dcim:\n", other), is_csv=False)
    assert any("dcim/pue stands at another site" in str(problem) for problem in problems)
