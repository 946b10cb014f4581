"""The figures of report.*: energy, standard coal and CO₂ by register, site and enterprise, now and as of earlier."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from services.figures.factors import FactorKey, add_factor, switch_factor
from services.figures.rows import Ask, emissions, energy
from services.model import QUARTER_US
from services.store.pool import connect
from tests.figure_world import (
    Quarter,
    add_district,
    add_enterprise,
    add_register,
    book,
    instant,
    quarters,
    restate_day,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

JAN_1 = instant("2026-01-01T00:00+08:00")
RECORDED = instant("2026-03-01T00:00Z")


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A migrated database with a district and the works of one site."""
    opened = await connect(edition_database, name="test")
    await add_district(opened)
    await add_enterprise(opened, "works", "works-1")
    yield opened
    await opened.close()


async def one(con: Connection, statement: str, *values: Any) -> dict[str, Any]:
    """The only row."""
    rows = await con.fetch(statement, *values)
    assert len(rows) == 1, rows
    return dict(rows[0])


async def test_half_a_year_of_the_steel_works_emits_exactly_its_kilograms(con: Connection) -> None:
    """521,199.76 kWh × 0.5581 = 290,881.586056 kg, from sums of thousandths, however it is grouped."""
    await con.execute("UPDATE core.district SET factor_policy = '2023'")
    register = await add_register(con, "works-1", "main")
    months = [126_238_290, 91_497_340, 80_230_410, 78_769_800, 79_059_280, 65_404_640]
    for month, amount in enumerate(months, 1):
        await book(con, register, [Quarter(instant(f"2018-{month:02}-07T00:00+08:00"), amount)])
    for view in ("emissions_1mo", "emissions_1d", "emissions_15m", "emissions_register_1mo", "emissions_enterprise_1d"):
        row = await one(con, f"SELECT sum(emissions_kgco2) AS kg, sum(amount) AS kwh FROM report.{view}")
        assert row == {"kg": Decimal("290881.586056"), "kwh": Decimal("521199.76")}, view
    january = await one(con, "SELECT * FROM report.emissions_1mo WHERE month = '2018-01-01'")
    assert str(january["emissions_kgco2"]) == "70453.589649"
    assert (january["data_year"], january["provisional"], january["state"]) == (2023, False, "known")


async def test_energy_is_import_less_export_less_sold_of_level_one(con: Connection) -> None:
    """Levels 2 and 3 measure the same energy again, and produced energy crosses no boundary."""
    for meter, more, amount in (
        ("main", {}, 1000),
        ("out", {"direction": "export"}, 200),
        ("tenant", {"direction": "sold"}, 100),
        ("pv", {"direction": "produced"}, 700),
        ("sub", {"level": 2}, 900),
        ("machine", {"level": 3}, 800),
    ):
        await book(con, await add_register(con, "works-1", meter, **more), [Quarter(JAN_1, amount * 1000)])
    for view in (
        "energy_site_15m",
        "energy_site_1d",
        "energy_site_1mo",
        "energy_enterprise_1d",
        "energy_enterprise_1mo",
    ):
        row = await one(con, f"SELECT * FROM report.{view}")
        parts = [row[f"{part}_amount"] for part in ("import", "export", "sold", "produced")]
        assert [row["amount"], *parts] == [700, 1000, 200, 100, 700], view
        assert row["covered_s"] == 2700
    assert await con.fetchval("SELECT count(*) FROM report.energy_1d") == 6


async def test_exported_energy_is_not_a_negative_emission(con: Connection) -> None:
    """CO₂ counts what was imported less what was sold on."""
    for meter, direction, amount in (("main", "import", 1000), ("pv-out", "export", 1500), ("tenant", "sold", 100)):
        register = await add_register(con, "works-1", meter, direction=direction)
        await book(con, register, [Quarter(JAN_1, amount * 1000)])
    row = await one(con, "SELECT emissions_kgco2, amount FROM report.emissions_1d")
    assert row == {"emissions_kgco2": 900 * Decimal("0.5581"), "amount": 900}
    rows = await con.fetch("SELECT direction, emissions_kgco2 FROM report.emissions_register_1d ORDER BY 1")
    assert [tuple(each) for each in rows] == [("import", Decimal("558.1")), ("sold", Decimal("-55.81"))]


async def test_standard_coal_names_its_basis_and_never_mixes_two(con: Connection) -> None:
    """Electricity: 0.1229 calorific and 0.3024 primary; gas has one coefficient, shown as calorific on both bases."""
    await book(con, await add_register(con, "works-1", "main"), [Quarter(JAN_1, 10_000_000)])
    gas = await add_register(con, "works-1", "gas", carrier="natural_gas", unit="Nm3")
    await book(con, gas, [Quarter(JAN_1, 1_000_000)])
    rows = await con.fetch(
        "SELECT carrier, basis, coal_tce, coefficient_basis, provisional FROM report.coal_1mo ORDER BY 1, 2"
    )
    assert [tuple(row) for row in rows] == [
        ("electricity", "calorific", Decimal("1.229"), "calorific", False),
        ("electricity", "primary", Decimal("3.024"), "primary", True),
        ("natural_gas", "calorific", Decimal("1.2143"), "calorific", False),
        ("natural_gas", "primary", Decimal("1.2143"), "calorific", False),
    ]


async def test_a_missing_factor_or_coefficient_is_unknown_and_not_zero(con: Connection) -> None:
    """Raw coal has no CO₂ factor, a disabled coefficient gives no coal, and a sum with them is unknown too."""
    coal = await add_register(con, "works-1", "coal", carrier="raw_coal", unit="kg")
    await book(con, coal, [Quarter(JAN_1, 5_000)])
    row = await one(con, "SELECT emissions_kgco2, state FROM report.emissions_1d")
    assert row == {"emissions_kgco2": None, "state": "factor_missing"}
    assert (await one(con, "SELECT emissions_kgco2 FROM report.emissions_enterprise_1d"))["emissions_kgco2"] is None
    await con.execute("UPDATE core.coal_coefficient SET enabled = false")
    rows = await con.fetch("SELECT coal_tce, state FROM report.coal_1d")
    assert {tuple(each) for each in rows} == {(None, "coefficient_missing")}


async def test_an_exempt_register_emits_nothing_and_is_shown(con: Connection) -> None:
    """Declared exempt: its energy counts, its carbon does not, and a missing factor is no fault then."""
    await book(con, await add_register(con, "works-1", "main"), [Quarter(JAN_1, 1_000_000)])
    exempt = await add_register(con, "works-1", "feedstock", emission_exempt="counted elsewhere")
    await book(con, exempt, [Quarter(JAN_1, 400_000)])
    air = await add_register(con, "works-1", "air", carrier="compressed_air", unit="Nm3", emission_exempt="medium")
    await book(con, air, [Quarter(JAN_1, 7_000)])
    for view in ("emissions_15m", "emissions_1d", "emissions_1mo"):
        rows = await con.fetch(
            f"SELECT carrier, emissions_kgco2, exempt_amount, state FROM report.{view} ORDER BY carrier"
        )
        assert [tuple(row) for row in rows] == [
            ("compressed_air", 0, 7, "exempt"),
            ("electricity", Decimal("558.1"), 400, "known"),
        ], view
    assert (await one(con, "SELECT amount FROM report.energy_site_1d WHERE carrier = 'electricity'"))["amount"] == 1400


async def test_import_that_is_metered_but_was_not_booked_is_unknown(con: Connection) -> None:
    """An export alone must not look like negative use; a site without import meter just has none."""
    await add_register(con, "works-1", "main")
    out = await add_register(con, "works-1", "out", direction="export")
    await book(con, out, [Quarter(JAN_1, 5_000)])
    for view in ("energy_site_15m", "energy_site_1d", "energy_site_1mo"):
        row = await one(con, f"SELECT amount, import_amount, export_amount FROM report.{view}")
        assert tuple(row.values()) == (None, None, 5), view
    assert (await one(con, "SELECT state FROM report.emissions_1d"))["state"] == "energy_missing"
    await con.execute("DELETE FROM core.register_state USING core.register r WHERE r.register_id <> $1", out)
    await con.execute("DELETE FROM core.register WHERE register_id <> $1", out)
    assert (await one(con, "SELECT amount FROM report.energy_site_1d"))["amount"] == -5


async def test_days_and_months_are_those_of_the_sites_zone(con: Connection) -> None:
    """A quarter-hour at 23:45 in Berlin belongs to another day than in Dazu, and a spring day has 23 hours."""
    await add_enterprise(con, "abroad", "berlin", zone="Europe/Berlin")
    register = await add_register(con, "berlin", "main")
    await book(
        con,
        register,
        [Quarter(instant("2026-03-31T23:45+02:00"), 1_000), *quarters(instant("2026-03-29T00:00+01:00"), 92, 1)],
    )
    rows = await con.fetch(
        "SELECT day, expected_s, coverage_ratio FROM report.energy_1d WHERE enterprise = 'abroad' ORDER BY day"
    )
    assert [tuple(row) for row in rows] == [
        (date(2026, 3, 29), 82_800, 1),
        (date(2026, 3, 31), 86_400, Decimal("0.010417")),
    ]
    month = await one(con, "SELECT month, expected_s FROM report.energy_1mo WHERE enterprise = 'abroad'")
    assert tuple(month.values()) == (date(2026, 3, 1), 31 * 86_400 - 3600)


async def test_coverage_and_resolution_tell_measured_from_estimated_and_missing(con: Connection) -> None:
    """Resolution counts only measured seconds; a silent second meter halves what is expected of a site."""
    await add_register(con, "works-1", "silent")
    main = await add_register(con, "works-1", "main")
    await book(con, main, [Quarter(JAN_1, 100), Quarter(JAN_1 + QUARTER_US, 100, 100, 900, 900)])
    row = await one(con, "SELECT * FROM report.energy_1d")
    assert (row["covered_s"], row["estimated_s"], row["expected_s"]) == (1800, 900, 86_400)
    assert row["resolution_ratio"] == round(Decimal(900) / 86_400, 6)
    for view, expected in (
        ("energy_site_1d", 172_800),
        ("energy_enterprise_1d", 172_800),
        ("energy_site_1mo", 2 * 31 * 86_400),
        ("energy_enterprise_1mo", 2 * 31 * 86_400),
    ):
        site = await one(con, f"SELECT expected_s, coverage_ratio FROM report.{view}")
        assert site["expected_s"] == expected, view
        assert site["coverage_ratio"] == round(Decimal(1800) / expected, 6), view
    rows = await con.fetch("SELECT expected_s FROM report.energy_site_15m")
    assert [row["expected_s"] for row in rows] == [1800, 1800]


async def test_figures_as_of_a_moment_are_those_that_were_reported_then(con: Connection) -> None:
    """A late change of a day and a new factor restate the present; the past is reproduced to the last digit."""
    register = await add_register(con, "works-1", "main")
    await book(con, register, [Quarter(JAN_1, 1_000_001)], recorded_at=RECORDED)
    changed, refactored = RECORDED + 86_400_000_000, RECORDED + 2 * 86_400_000_000
    await restate_day(con, register, date(2026, 1, 1), 2_000_002, changed)
    await con.execute(
        "UPDATE core.emission_factor SET recorded_until = $1 WHERE carrier = 'electricity' AND data_year = 2023"
        " AND region = 'CN-CQ'",
        refactored,
    )
    key = FactorKey("electricity", "CN-CQ", "grid_average", 2023)
    await add_factor(con, key, Decimal("0.6"), scope=2, source="revised", author="li")
    await con.execute("UPDATE core.emission_factor SET recorded_at = $1 WHERE author = 'li'", refactored)
    story = [
        (RECORDED - 1, None),
        (RECORDED, Decimal("1000.001") * Decimal("0.5581")),
        (changed - 1, Decimal("1000.001") * Decimal("0.5581")),
        (changed, Decimal("2000.002") * Decimal("0.5581")),
        (refactored - 1, Decimal("2000.002") * Decimal("0.5581")),
        (refactored, Decimal("2000.002") * Decimal("0.6")),
    ]
    for view in ("emissions_1d_history", "emissions_1mo_history"):
        for moment, kg in story:
            rows = await con.fetch(
                f"SELECT emissions_kgco2 FROM report.{view} WHERE recorded_from <= $1 AND $1 < recorded_until", moment
            )
            assert [row["emissions_kgco2"] for row in rows] == ([] if kg is None else [kg]), (view, moment)
    asked = Ask("enterprise", "1mo", date(2026, 1, 1), date(2026, 2, 1), as_of=changed - 1)
    assert (await energy(con, asked))[0]["amount"] == Decimal("1000.001")
    assert (await emissions(con, asked))[0]["emissions_kgco2"] == Decimal("1000.001") * Decimal("0.5581")


async def test_as_of_now_is_the_present(con: Connection) -> None:
    """The histories' newest versions equal the present views, row by row."""
    for meter, more, amount in (
        ("main", {}, 1000),
        ("sub", {"level": 2}, 900),
        ("out", {"direction": "export"}, 30),
        ("gas", {"carrier": "natural_gas", "emission_exempt": "x"}, 80),
        ("gas-2", {"carrier": "natural_gas"}, 8),
    ):
        register = await add_register(con, "works-1", meter, **more)
        await book(con, register, quarters(JAN_1 + 80 * QUARTER_US, 40, amount), recorded_at=RECORDED)
        await restate_day(con, register, date(2026, 1, 2), amount * 7, RECORDED + 1)
    await switch_factor(con, FactorKey("coke", "CN", "fuel_default", None), enabled=False, author="li")
    for view in await con.fetch(
        "SELECT viewname::text FROM pg_views WHERE schemaname = 'report'"
        " AND viewname ~ '^(energy|coal|emissions)_.*_history$' AND viewname NOT LIKE 'energy_15m%'"
    ):
        history = view["viewname"]
        columns = await con.fetchval(
            "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns"
            " WHERE table_schema = 'report' AND table_name = $1 AND column_name NOT LIKE 'recorded_%'",
            history,
        )
        present = f"SELECT {columns} FROM report.{history.removesuffix('_history')}"
        past = f"SELECT {columns} FROM report.{history} WHERE recorded_from <= now() AND now() < recorded_until"
        for left, right in ((present, past), (past, present)):
            assert await con.fetch(f"{left} EXCEPT ALL {right}") == [], history
        assert await con.fetchval(f"SELECT count(*) FROM ({past}) AS p") > 0, history


async def test_a_moved_site_takes_its_later_days_along(con: Connection) -> None:
    """Days before the move are the old enterprise's, from the move on the new one's."""
    await add_enterprise(con, "buyer")
    register = await add_register(con, "works-1", "main")
    await con.execute("UPDATE core.site_membership SET valid_until = '2026-01-02'")
    await con.execute(
        "INSERT INTO core.site_membership (site_id, enterprise_id, valid_from, recorded_at)"
        " SELECT site_id, enterprise_id, '2026-01-02', '-infinity' FROM core.site, core.enterprise e"
        " WHERE e.code = 'buyer'"
    )
    await book(con, register, quarters(JAN_1, 192, 1000))
    for view in ("energy_1d", "energy_site_1d", "energy_enterprise_1d"):
        rows = await con.fetch(f"SELECT day, enterprise, amount FROM report.{view} ORDER BY day")
        assert [tuple(row) for row in rows] == [(date(2026, 1, 1), "works", 96), (date(2026, 1, 2), "buyer", 96)], view
    rows = await con.fetch("SELECT enterprise, sum(amount) FROM report.energy_15m GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in rows] == [("buyer", 96), ("works", 96)]
    rows = await con.fetch("SELECT enterprise, expected_s FROM report.energy_1mo ORDER BY 1")
    assert [tuple(row) for row in rows] == [("buyer", 30 * 86_400), ("works", 86_400)]
