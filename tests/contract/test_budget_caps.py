"""The district's cap: metered energy and figures entered by hand, site by site."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from services.budgets.entry import enter_budgets
from services.budgets.manual_figures import put_figure
from services.budgets.status import budget_sites
from services.errors import TanfengError
from services.store.pool import connect
from tests.budget_rig import COAL_CAP, DAY, JAN_1, add_works, booked, status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A migrated database with the works and the mill."""
    opened = await connect(edition_database, name="test")
    await add_works(opened)
    yield opened
    await opened.close()


async def test_a_district_cap_adds_metered_and_manual_figures_and_lists_every_plant(con: Connection) -> None:
    """w1 meters its coal, w2 reports by hand, mill-1 does neither: it is listed, and is missing where it is a plant."""
    await booked(con, 59, 10_000, carrier="bituminous_coal", unit="t")
    for month in (1, 2):
        await put_figure(
            con, "w2", "raw_coal", date(2026, month, 1), Decimal("12.5"), "t", source="statement", author="li"
        )
    await put_figure(
        con, "w1", "bituminous_coal", date(2026, 1, 1), Decimal(1000), "t", source="statement", author="li"
    )
    await enter_budgets(con, [COAL_CAP], "li")
    found = await status(con, JAN_1 + 59 * DAY, COAL_CAP)
    assert (found.state, found.enterprise, found.district) == ("within", None, "demo")
    assert (found.metered, found.manual, found.actual) == (Decimal("56.64"), Decimal(25), Decimal("81.64"))
    sites = {each.site: each for each in await budget_sites(con, found)}
    assert {code: each.state for code, each in sites.items()} == {
        "w1": "known", "w2": "known", "mill-1": "not_expected"
    }  # fmt: skip
    assert sites["w1"].manual_beside == 1000
    await enter_budgets(con, [replace(COAL_CAP, plants=("mill-1",))], "li")
    found = await status(con, JAN_1 + 59 * DAY, COAL_CAP)
    assert (found.state, found.missing_sites) == ("unknown", ["mill-1"])
    assert {each.site: each.state for each in await budget_sites(con, found)}["mill-1"] == "no_data"


async def test_a_monthly_figure_that_is_due_makes_the_cap_unknown(con: Connection) -> None:
    """From the end of a month on its figure is due; entering it, even zero, makes the cap known again."""
    await put_figure(con, "w2", "raw_coal", date(2026, 1, 1), Decimal(5), "t", source="statement", author="li")
    await enter_budgets(con, [COAL_CAP], "li")
    assert (await status(con, JAN_1 + 40 * DAY, COAL_CAP)).state == "within"
    found = await status(con, JAN_1 + 60 * DAY, COAL_CAP)
    assert (found.state, found.missing_sites) == ("unknown", ["w2"])
    await put_figure(con, "w2", "raw_coal", date(2026, 2, 1), Decimal(0), "t", source="stood still", author="li")
    assert (await status(con, JAN_1 + 60 * DAY, COAL_CAP)).state == "within"


async def test_a_manual_figure_is_superseded_not_overwritten(con: Connection) -> None:
    """The same again changes nothing; another one is a new row; what cannot be is refused."""
    place = ("w2", "diesel", date(2026, 1, 1))
    assert await put_figure(con, *place, Decimal("1.5"), "t", source="a", author="li")
    assert not await put_figure(con, *place, Decimal("1.5"), "t", source="a", author="li")
    assert await put_figure(con, *place, Decimal(2), "t", source="a", author="li")
    rows = await con.fetch(
        "SELECT amount, recorded_until = 'infinity' AS stands FROM core.manual_figure ORDER BY recorded_at"
    )
    assert [tuple(row) for row in rows] == [(1_500_000, False), (2_000_000, True)]
    for amount, unit in ((Decimal(-1), "t"), (Decimal("0.0000001"), "t"), (Decimal(1), "kWh")):
        with pytest.raises(TanfengError):
            await put_figure(con, *place, amount, unit, source="a", author="li")
    with pytest.raises(TanfengError, match="no site"):
        await put_figure(con, "nowhere", "diesel", date(2026, 1, 1), Decimal(1), "t", source="a", author="li")
