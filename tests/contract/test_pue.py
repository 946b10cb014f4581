"""PUE: a ratio of summed energies over aligned windows, known only where both sides are; the reported one beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from services.errors import TanfengError
from services.figures.pue import Pue, pue_at, pue_between
from services.model import HOUR_US, QUARTER_US, SECOND_US, to_us
from services.store.pool import connect
from tests.figure_world import instant
from tests.pue_world import book, declare, register, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

START = instant("2026-01-05T00:00+08:00")
DAY_US = 24 * HOUR_US
MINUTE_US = 60 * SECOND_US


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A migrated database."""
    opened = await connect(edition_database, name="test")
    yield opened
    await opened.close()


async def hours(con: Connection, total: list[int], it: list[int], *, step: int = QUARTER_US) -> None:
    """Book hours of these kWh, each as quarter-hours; or as readings each `step`."""
    parts = HOUR_US // step
    for path, amounts in (("intake/import", total), ("ups/it", it)):
        each = [Decimal(amount) / parts for amount in amounts for _ in range(parts)]
        await book(con, path, running(START, step, each))


async def the(con: Connection, window: str, ends_at: int) -> Pue:
    """The only window that ends then."""
    found = await pue_at(con, window, ends_at)
    assert len(found) == 1, found
    return found[0]


async def test_pue_is_the_ratio_of_the_sums_and_no_mean_of_ratios(con: Connection) -> None:
    """Hours of 150/100 and 30/10 kWh, with 22 idle ones at 0, are 180/110 = 1.636; the mean would be 2.25."""
    await declare(con)
    await hours(con, [150, 30] + [0] * 22, [100, 10] + [0] * 22)
    day = await the(con, "24h", START + DAY_US)
    assert (day.total_kwh, day.it_kwh, day.pue_ratio) == (180, 110, Decimal("1.636364"))
    assert (day.state, day.why, day.category, day.label) == ("high", None, 1, "iPUE")
    first, second = [await the(con, "1h", START + hour * HOUR_US) for hour in (1, 2)]
    assert (first.pue_ratio, first.state) == (Decimal("1.5"), "ok")
    assert (second.pue_ratio, second.state) == (3, "high")
    assert first.total_resolution_ratio == first.it_resolution_ratio == 1
    assert first.total_uncertainty_ratio == first.it_uncertainty_ratio == 0


async def test_exactly_the_limit_is_not_above_it_and_a_watt_hour_more_is(con: Connection) -> None:
    """1.5 is allowed; a watt-hour more is high, though it shows as 1.5 to six digits."""
    await declare(con)
    await book(con, "ups/it", running(START, QUARTER_US, [12_500] * 8))
    await book(con, "intake/import", running(START, QUARTER_US, [18_750] * 7 + [Decimal("18750.001")]))
    first, second = [await the(con, "1h", START + hour * HOUR_US) for hour in (1, 2)]
    assert (first.state, second.state) == ("ok", "high")
    assert first.pue_ratio == second.pue_ratio == Decimal("1.5")


@pytest.mark.parametrize(
    ("total", "it", "state", "why"),
    [
        (100, 100, "implausible", "it_not_below_total"),
        (90, 100, "implausible", "it_not_below_total"),
        (100, 0, "unknown", "it_load_low"),
        (0, 0, "unknown", "it_load_low"),
    ],
)
async def test_a_ratio_of_one_or_less_is_a_data_fault_and_no_load_is_no_pue(
    con: Connection, total: int, it: int, state: str, why: str
) -> None:
    """Neither is shown as a PUE."""
    await declare(con)
    await hours(con, [total], [it])
    hour = await the(con, "1h", START + HOUR_US)
    assert (hour.state, hour.why, hour.pue_ratio) == (state, why, None)
    assert (hour.total_kwh, hour.it_kwh) == (total, it)


async def test_below_the_minimum_it_load_there_is_no_pue(con: Connection) -> None:
    """A hall being commissioned: 49.9 kW of IT load under a minimum of 50 gives none, 50 kW does."""
    await declare(con, "{category: 1, total: [intake/import], it: [ups/it], minimum_it_kw: 50}")
    await book(con, "intake/import", running(START, QUARTER_US, [100] * 8))
    await book(con, "ups/it", running(START, QUARTER_US, [Decimal("12.475")] * 4 + [Decimal("12.5")] * 4))
    assert (await the(con, "1h", START + HOUR_US)).why == "it_load_low"
    assert (await the(con, "1h", START + 2 * HOUR_US)).pue_ratio == 8


async def test_a_side_that_stopped_or_never_came_makes_it_unknown(con: Connection) -> None:
    """Missing is neither zero nor the last value: no ratio, and the reason."""
    await declare(con)
    await hours(con, [150] * 3, [100])
    assert (await the(con, "1h", START + HOUR_US)).state == "ok"
    stopped = await the(con, "1h", START + HOUR_US + QUARTER_US)
    assert (stopped.state, stopped.why, stopped.pue_ratio) == ("unknown", "it_missing", None)
    assert (await the(con, "1h", START + 3 * HOUR_US)).it_kwh is None
    assert (await the(con, "24h", START + 24 * HOUR_US)).why == "it_missing"
    await book(con, "ups/it", [(START + 3 * HOUR_US, 300)])
    assert (await the(con, "1h", START + 4 * HOUR_US)).why == "it_missing"


async def test_a_missing_total_is_told_apart_from_a_missing_it_meter(con: Connection) -> None:
    """The IT side is there, the intake is not."""
    await declare(con)
    await book(con, "ups/it", running(START, QUARTER_US, [25] * 8))
    hour = await the(con, "1h", START + HOUR_US)
    assert (hour.state, hour.why, hour.total_kwh, hour.it_kwh) == ("unknown", "total_missing", None, 100)


async def test_a_gap_inside_the_window_leaves_it_exact_and_its_hours_unknown(con: Connection) -> None:
    """Six hours without readings: the day is known to the watt-hour, an hour inside is not."""
    await declare(con)
    quarters = running(START, QUARTER_US, [25] * 96)
    await book(con, "ups/it", quarters)
    gap = [(at, level * 2) for at, level in quarters if not START + 6 * HOUR_US < at < START + 12 * HOUR_US]
    await book(con, "intake/import", gap)
    day = await the(con, "24h", START + DAY_US)
    assert (day.pue_ratio, day.state, day.total_uncertainty_ratio) == (2, "high", 0)
    assert day.total_resolution_ratio == Decimal("0.75")
    inside = await the(con, "1h", START + 8 * HOUR_US)
    assert (inside.state, inside.why, inside.total_uncertainty_ratio) == ("unknown", "total_uncertain", 1)
    assert (await the(con, "1h", START + 13 * HOUR_US)).state == "high"


async def test_a_gap_over_the_edge_makes_the_day_uncertain_by_its_share(con: Connection) -> None:
    """From 22:00 to 04:00 nothing is read: two of 24 hours of this day are guessed, which is more than 5 %."""
    await declare(con)
    quarters = running(START, QUARTER_US, [25] * 192)
    await book(con, "ups/it", quarters)
    gap = [(at, level * 2) for at, level in quarters if not START + 22 * HOUR_US < at < START + 28 * HOUR_US]
    await book(con, "intake/import", gap)
    first, second = await the(con, "24h", START + DAY_US), await the(con, "24h", START + 2 * DAY_US)
    assert (first.state, first.why, first.total_uncertainty_ratio) == (
        "unknown",
        "total_uncertain",
        Decimal("0.083333"),
    )
    assert second.total_uncertainty_ratio == Decimal("0.166667")
    spared = await the(con, "24h", START + 28 * HOUR_US)
    assert (spared.state, spared.total_uncertainty_ratio) == ("high", 0)


async def test_readings_slower_than_their_gap_leave_aligned_windows_known(con: Connection) -> None:
    """Each two hours, estimated all along: a day that ends at a reading is exact, one that ends between is 1/24 off."""
    await declare(con)
    await hours(con, [150] * 48, [100] * 48, step=QUARTER_US)
    await con.execute("UPDATE core.register_policy SET interval_s = 60, gap_s = 60")
    await con.execute("UPDATE core.register_state SET policy_version = policy_version + 1")
    await book(con, "intake/import", [(START + (50 + 2 * n) * HOUR_US, (50 + 2 * n) * 150) for n in range(13)])
    await book(con, "ups/it", [(START + (50 + 2 * n) * HOUR_US, (50 + 2 * n) * 100) for n in range(13)])
    aligned = await the(con, "24h", START + 74 * HOUR_US)
    assert (aligned.pue_ratio, aligned.total_uncertainty_ratio, aligned.total_resolution_ratio) == (
        Decimal("1.5"),
        0,
        0,
    )
    between = await the(con, "24h", START + 73 * HOUR_US)
    assert (between.why, between.total_uncertainty_ratio) == ("it_uncertain", Decimal("0.083333"))
    coarse = await the(con, "1h", START + 73 * HOUR_US)
    assert coarse.state == "unknown"


async def test_fuels_and_chilled_water_add_to_the_total(con: Connection) -> None:
    """100 kWh of IT, 120 of electricity, 2 Nm3 of gas at 10.5 and 0.1 GJ of cold at 250 kWh: 166 kWh."""
    fuels = "fuels: [{register: intake/gas, kwh_per_unit: 10.5}]"
    cold = "chilled_water: [{register: intake/cold, kwh_per_unit: 250}]"
    await declare(con, f"{{category: 2, total: [intake/import], it: [ups/it], {fuels}, {cold}}}")
    await hours(con, [120], [100])
    await book(con, "intake/gas", running(START, QUARTER_US, [Decimal("0.5")] * 4))
    await book(con, "intake/cold", running(START, QUARTER_US, [Decimal("0.025")] * 4))
    hour = await the(con, "1h", START + HOUR_US)
    assert (hour.total_kwh, hour.pue_ratio, hour.category) == (166, Decimal("1.66"), 2)


@pytest.mark.parametrize(("category", "it", "ratio"), [(1, 125, "1.2"), (2, 120, "1.25"), (3, 100, "1.5")])
async def test_the_category_says_where_it_energy_is_measured(
    con: Connection, category: int, it: int, ratio: str
) -> None:
    """Of 150 kWh, 125 leave the UPS, 120 the PDU and 100 reach the equipment: what is lost on the way is not IT."""
    await declare(con, f"{{category: {category}, total: [intake/import], it: [ups/it]}}")
    await hours(con, [150], [it])
    hour = await the(con, "1h", START + HOUR_US)
    assert (hour.category, hour.it_kwh, hour.pue_ratio, hour.state) == (category, it, Decimal(ratio), "ok")


async def test_a_boundary_that_changes_counts_each_register_from_its_date(con: Connection) -> None:
    """Gas counts from the second day on; the window over both sums each day by its own boundary."""
    fuels = "fuels: [{register: intake/gas, kwh_per_unit: 10}]"
    base = "category: 1, total: [intake/import], it: [ups/it]"
    await declare(con, f"{{from: 2026-01-05, {base}, changes: [{{from: 2026-01-06, {fuels}}}]}}")
    await hours(con, [120] * 48, [100] * 48)
    await book(con, "intake/gas", running(START, QUARTER_US, [Decimal("0.5")] * 192))
    ends = [START + DAY_US + hour * HOUR_US for hour in (0, 12, 24)]
    totals = [(await the(con, "24h", end)).total_kwh for end in ends]
    assert totals == [2880, 2880 + 12 * 20, 2880 + 24 * 20]


async def test_before_the_first_boundary_nothing_is_known(con: Connection) -> None:
    """A window that begins before the boundary is in force has no definition of its sides."""
    await declare(con, "{from: 2026-01-06, category: 1, total: [intake/import], it: [ups/it]}")
    await hours(con, [150] * 48, [100] * 48)
    assert (await the(con, "24h", START + DAY_US + HOUR_US)).why == "no_boundary"
    assert (await the(con, "24h", START + 2 * DAY_US)).state == "ok"


async def test_thirty_days_months_and_twelve_months_come_from_days(con: Connection) -> None:
    """Calendar months of the site's zone; only twelve months are a PUE, all else is interim."""
    await declare(con, interval="1d")
    first = instant("2025-01-01T00:00+08:00")
    for path, daily in (("intake/import", 3000), ("ups/it", 2400)):
        await book(con, path, [(first + n * DAY_US, n * daily) for n in range(366)])
    months = await pue_between(con, "1mo", first, first + 366 * DAY_US)
    assert [month.pue_ratio for month in months] == [Decimal("1.25")] * 12
    assert [month.label for month in months] == ["iPUE"] * 12
    assert months[1].total_kwh == 28 * 3000
    rolling = await pue_between(con, "30d", first, first + 365 * DAY_US)
    assert [window.pue_ratio for window in rolling[29:]] == [Decimal("1.25")] * 336
    assert {window.why for window in rolling[:29]} == {"it_missing"}
    year = await the(con, "12mo", first + 365 * DAY_US)
    assert (year.total_kwh, year.pue_ratio, year.label) == (365 * 3000, Decimal("1.25"), "PUE")


async def test_late_data_that_lowers_a_past_window_changes_it(con: Connection) -> None:
    """What was unknown or high is what the set of readings says, whenever they come."""
    await declare(con)
    quarters = running(START, QUARTER_US, [25] * 8)
    await book(con, "ups/it", [reading for reading in quarters if reading[0] != START + 4 * QUARTER_US])
    await book(con, "intake/import", [(at, 2 * level) for at, level in quarters])
    assert (await the(con, "1h", START + HOUR_US)).state == "unknown"
    await book(con, "ups/it", [(START + 4 * QUARTER_US, Decimal(120))])
    assert (await the(con, "1h", START + HOUR_US)).pue_ratio == Decimal("1.666667")


async def test_another_owner_reads_no_window_that_began_before_it(con: Connection) -> None:
    """A site sold on the 7th: windows over the sale are unknown to the new owner, and carry no energies."""
    await declare(con)
    await hours(con, [150] * 96, [100] * 96)
    await con.execute(
        "INSERT INTO core.enterprise (code, district_code, industry, name_zh, name_en)"
        " VALUES ('buyer', 'd', 'data_centre', '买方', 'Buyer')"
    )
    await con.execute("UPDATE core.site_membership SET valid_until = '2026-01-07'")
    await con.execute(
        "INSERT INTO core.site_membership (site_id, enterprise_id, valid_from)"
        " SELECT site_id, enterprise_id, '2026-01-07' FROM core.site, core.enterprise WHERE enterprise.code = 'buyer'"
    )
    sale = START + 2 * DAY_US
    over = await the(con, "24h", sale + HOUR_US)
    assert (over.enterprise, over.why, over.total_kwh, over.it_kwh) == ("buyer", "owner_changed", None, None)
    assert (await the(con, "24h", sale)).enterprise == "cloud"
    assert (await the(con, "24h", sale + DAY_US)).state == "ok"


async def test_the_current_windows_are_known_until_a_meter_stops(con: Connection) -> None:
    """The newest that every meter had time for; the intake goes on, the IT meter does not: unknown."""
    await declare(con)
    begun = to_us(datetime.now(UTC)) // QUARTER_US * QUARTER_US - 30 * HOUR_US
    current = "SELECT span, state, why, ends_at FROM report.pue_current WHERE span IN ('1h', '24h') ORDER BY span"
    quarters = running(begun, QUARTER_US, [25] * 120)
    await book(con, "intake/import", [(at, 2 * level) for at, level in quarters])
    await book(con, "ups/it", quarters[:120])
    last = quarters[-1][0]
    assert [tuple(row) for row in await con.fetch(current)] == [
        ("1h", "high", None, last - QUARTER_US),
        ("24h", "high", None, (last - QUARTER_US) // HOUR_US * HOUR_US),
    ]
    await con.execute(
        "DELETE FROM core.energy_15m WHERE starts_at >= $1 AND register_id = $2",
        last - 2 * HOUR_US,
        await register(con, "ups/it"),
    )
    assert [row["why"] for row in await con.fetch(current)] == ["it_missing", "it_missing"]


async def test_an_unknown_window_is_refused_by_name(con: Connection) -> None:
    """A window is one of five."""
    with pytest.raises(TanfengError, match="no PUE over"):
        await pue_at(con, "2h", START)
