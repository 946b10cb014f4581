"""Production as declared, energy per unit of it against the limits, and the share of non-fossil electricity."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from services.budgets.production import Limit, add_production, list_limits, list_production, put_limit
from services.errors import TanfengError
from services.store.pool import connect
from tests.figure_world import add_district, add_enterprise, add_register, book, instant, quarters

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

JAN = date(2026, 1, 1)
START = instant("2026-01-01T00:00+08:00")
QUARTERS = 31 * 96


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A district with two works; the first used 1,000 kWh of electricity in each quarter-hour of January."""
    opened = await connect(edition_database, name="test")
    await add_district(opened, factor_policy="2023")
    await add_enterprise(opened, "works", "works-1")
    await add_enterprise(opened, "other", "other-1")
    main = await add_register(opened, "works-1", "main")
    await book(opened, main, quarters(START, QUARTERS, 1_000_000))
    yield opened
    await opened.close()


async def intensity(con: Connection, product: str, basis: str = "calorific") -> dict[str, Any]:
    """The row of January."""
    row = await con.fetchrow(
        "SELECT * FROM report.intensity_1mo WHERE month = $1 AND product = $2 AND basis IS NOT DISTINCT FROM $3",
        JAN,
        product,
        basis,
    )
    assert row is not None
    return dict(row)


async def test_energy_per_unit_is_all_energy_of_the_site_over_its_production(con: Connection) -> None:
    """2,976,000 kWh × 0.1229 = 365,750.4 kgce; over 5,800 t 63.060414 kgce/t: grade 2 of 61 / 64 / 72."""
    await add_production(con, "works-1", JAN, "eaf_steel", Decimal(5800), "t", author="li")
    row = await intensity(con, "eaf_steel")
    assert (row["coal_tce"], row["kgce_per_unit"]) == (Decimal("365.7504"), Decimal("63.060414"))
    assert (row["state"], row["grade"], row["limit_confidence"]) == ("known", "2", "medium")
    assert row["kgco2_per_unit"] == round(2_976_000 * Decimal("0.5581") / 5800, 6)
    assert (await intensity(con, "eaf_steel", "primary"))["grade"] is None


GRADES: list[tuple[int | Decimal, str]] = [
    (-31, "1"),
    (-30, "1"),
    (-29, "2"),
    (-28, "2"),
    (-12, "3"),
    (Decimal("-11.9"), "above"),
    (5, "above"),
]


async def test_negative_limits_are_compared_as_numbers(con: Connection) -> None:
    """A converter must recover: −30 / −28 / −12."""
    for value, grade in GRADES:
        assert await con.fetchval("SELECT core.grade($1::numeric, -30, -28, -12)", Decimal(value)) == grade
    assert await con.fetchval("SELECT core.grade(NULL, -30, -28, -12)") is None
    assert await con.fetchval("SELECT core.grade(5, NULL, NULL, NULL)") is None


async def test_limits_are_data_with_source_and_can_be_superseded(con: Connection) -> None:
    """The shipped ones are marked medium; a declared one takes its place and the old one is kept."""
    shipped = {row["product"]: row for row in await list_limits(con)}
    assert shipped["converter_steel"]["grade_3"] == -12
    assert {row["confidence"] for row in shipped.values()} == {"medium"}
    assert all(row["source"] for row in shipped.values())
    grades = (Decimal(60), Decimal(63), Decimal(70))
    await put_limit(con, Limit("eaf_steel", "t", "电炉钢", "EAF steel", grades, "新标准"), author="li")
    await add_production(con, "works-1", JAN, "eaf_steel", Decimal(5800), "t", author="li")
    assert (await intensity(con, "eaf_steel"))["grade"] == "3"
    assert await con.fetchval("SELECT count(*) FROM core.product_limit WHERE product = 'eaf_steel'") == 2
    with pytest.raises(TanfengError, match="strictest"):
        await put_limit(con, Limit("x", "t", "x", "x", grades[::-1], "s"), author="li")


async def test_a_product_without_a_limit_has_an_intensity_and_no_grade(con: Connection) -> None:
    """Strontium carbonate, pieces of electronics, output value."""
    for product, unit, amount in (("strontium_carbonate", "t", 1000), ("output_value", "万元", 5000)):
        await add_production(con, "works-1", JAN, product, Decimal(amount), unit, author="li")
        row = await intensity(con, product)
        assert (row["grade"], row["state"]) == (None, "known")
        assert row["kgce_per_unit"] == round(Decimal("365750.4") / amount, 6)


async def test_two_products_at_one_site_are_not_graded_and_output_value_is_no_second_product(con: Connection) -> None:
    """The energy of one is not known apart from that of the other."""
    await add_production(con, "works-1", JAN, "eaf_steel", Decimal(5800), "t", author="li")
    await add_production(con, "works-1", JAN, "output_value", Decimal(900), "万元", author="li")
    assert (await intensity(con, "eaf_steel"))["grade"] == "2"
    await add_production(con, "works-1", JAN, "pig_iron", Decimal(10), "t", author="li")
    assert (await intensity(con, "eaf_steel"))["grade"] is None


async def test_missing_energy_is_no_saving(con: Connection) -> None:
    """No energy, half a month of it, no production: unknown, each with its reason."""
    await add_production(con, "other-1", JAN, "eaf_steel", Decimal(10), "t", author="li")
    assert (await intensity(con, "eaf_steel", None))["why"] == "energy_missing"  # type: ignore[arg-type]
    half = await add_register(con, "other-1", "main")
    await book(con, half, quarters(START, QUARTERS // 2, 1_000_000))
    row = await intensity(con, "eaf_steel")
    assert (row["state"], row["why"], row["kgce_per_unit"], row["grade"]) == ("unknown", "coverage_low", None, None)
    await add_production(con, "works-1", JAN, "pig_iron", Decimal(0), "t", author="li")
    assert (await intensity(con, "pig_iron"))["why"] == "no_production"


async def test_a_figure_is_corrected_by_declaring_again_and_kept(con: Connection) -> None:
    """With author and time; the very same figure changes nothing."""
    assert await add_production(con, "works-1", JAN, "eaf_steel", Decimal(5000), "t", author="li")
    assert not await add_production(con, "works-1", JAN, "eaf_steel", Decimal(5000), "t", author="wang")
    assert await add_production(con, "works-1", JAN, "eaf_steel", Decimal(5800), "t", author="wang")
    rows = await list_production(con, "works-1")
    assert [(row["amount"], row["author"], row["grade"]) for row in rows] == [(5800, "wang", "2")]
    assert await con.fetchval("SELECT count(*) FROM core.production") == 2
    assert await con.fetchval("SELECT count(*) FROM core.audit WHERE action = 'production declared'") == 2


async def test_what_cannot_be_is_refused_with_its_fix(con: Connection) -> None:
    """Unknown site, negative amount, a day that is no month, a unit the limits are not per."""
    for site, month, amount, unit, words in (
        ("nowhere", JAN, 1, "t", "no site"),
        ("works-1", JAN, -1, "t", "no month's production"),
        ("works-1", date(2026, 1, 2), 1, "t", "no month's production"),
        ("works-1", JAN, 1, "kg", "per t"),
    ):
        with pytest.raises(TanfengError, match=words):
            await add_production(con, site, month, "eaf_steel", Decimal(amount), unit, author="li")


async def nonfossil(con: Connection) -> dict[str | None, tuple[Any, ...]]:
    """Enterprise (None: the district) → its January."""
    rows = await con.fetch("SELECT enterprise, nonfossil_ratio, state FROM report.nonfossil_1mo WHERE month = $1", JAN)
    return {row["enterprise"]: (row["nonfossil_ratio"], row["state"]) for row in rows}


async def test_the_share_of_nonfossil_electricity_per_enterprise_and_district(con: Connection) -> None:
    """250 of 1,250 kWh, and 0 of 1,250: a ratio of sums in the district, 10 %."""
    await book(
        con,
        await add_register(con, "works-1", "pv", carrier="electricity_nonfossil"),
        quarters(START, QUARTERS, 250_000),
    )
    await book(con, await add_register(con, "other-1", "main"), quarters(START, QUARTERS, 1_250_000))
    assert await nonfossil(con) == {
        "works": (Decimal("0.2"), "known"),
        "other": (0, "known"),
        None: (Decimal("0.1"), "known"),
    }


async def test_a_silent_meter_makes_the_share_unknown(con: Connection) -> None:
    """Half a month of the intake missing would look green."""
    await book(con, await add_register(con, "other-1", "main"), quarters(START, QUARTERS // 2, 1_000_000))
    found = await nonfossil(con)
    assert found["other"] == (None, "coverage_low")
    assert found[None] == (None, "coverage_low")
    assert found["works"] == (0, "known")
