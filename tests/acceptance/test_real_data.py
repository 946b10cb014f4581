"""Real recordings, through the command line and MQTT, into the database: the figures their publishers state.

The reference sends each recording once, in order, through one ingest worker; the other run sends all readings
shuffled and twice, through two workers.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from services.model import from_us, to_us
from tests import servers
from tests.programs import Site, site

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("real data")]  # one world for all of it

REGISTRY = Path(__file__).with_name("real_data.yaml")
DATA = servers.SHARED / "data"
STEEL = DATA / "steel" / "steel_2018_h1.csv"
OPSD = DATA / "opsd" / "opsd_residential4_2015-10_2016-03.csv"
ION = DATA / "ion6200" / "mb-001.log"
PREFIX = "DE_KN_residential4_"

STEEL_MONTHS = ["126238.29", "91497.34", "80230.41", "78769.80", "79059.28", "65404.64"]
STEEL_KWH = Decimal("521199.76")
STEEL_KGCO2 = Decimal("290881.586056")
OPSD_KWH = {
    ("grid", "import"): "2783.263",
    ("grid", "export"): "1817.449",
    ("roof", "pv"): "2790.490",
    ("heat-pump", "import"): "2108.030",
    ("ev", "import"): "453.951",
}


def replay_all(here: Site, *options: str) -> None:
    """Every recording into its meters."""
    grid = ("--column", f"{PREFIX}grid_import", "--register", "export", "--column", f"{PREFIX}grid_export")
    replay(here, STEEL, "steel", "steel", "main", *options)
    replay(here, OPSD, "opsd", "household", "grid", "--register", "import", *grid, *options)
    replay(here, OPSD, "opsd", "household", "roof", "--register", "pv", "--column", f"{PREFIX}pv", *options)
    replay(here, OPSD, "opsd", "household", "heat-pump", "--column", f"{PREFIX}heat_pump", *options)
    replay(here, OPSD, "opsd", "household", "ev", "--column", f"{PREFIX}ev", *options)
    replay(here, ION, "ion6200", "office", "ion6200", *options)


def replay(here: Site, file: Path, kind: str, enterprise: str, meter: str, *options: str) -> None:
    """One recording into one meter, until it is committed."""
    here.tanfeng("replay", str(file), "--as", kind, "--enterprise", enterprise, "--meter", meter, *options)


@pytest.fixture(scope="module")
def replayed(postgres: servers.Postgres, _migrated: str) -> Iterator[Site]:
    """Every recording once, in order, through one worker."""
    with site(postgres, _migrated, REGISTRY) as here:
        replay_all(here)
        yield here


@pytest.fixture(scope="module")
def shuffled(postgres: servers.Postgres, _migrated: str) -> Iterator[Site]:
    """Every reading twice, in random order, through two workers."""
    with site(postgres, _migrated, REGISTRY, workers=2) as here:
        replay_all(here, "--shuffle", "7", "--twice", "--batch", "10")
        yield here


async def test_the_steel_half_year_books_every_watt_hour(replayed: Site) -> None:
    """521,199.76 kWh, and each month as published, in the days of the site's zone; nothing of it estimated."""
    months = await replayed.report(
        "SELECT month, amount, estimated_amount, resolution_ratio FROM report.energy_1mo"
        " WHERE enterprise = 'steel' ORDER BY month"
    )
    expected = [(date(2018, n, 1), Decimal(kwh), 0, 1) for n, kwh in enumerate(STEEL_MONTHS, 1)]
    assert months == expected
    assert sum(amount for _, amount, _, _ in months) == STEEL_KWH
    assert await replayed.rows(
        "SELECT sum(l.amount)::bigint FROM core.energy_15m l JOIN core.register r USING (register_id)"
        " JOIN core.meter m USING (meter_id) WHERE m.code = 'main'"
    ) == [(521_199_760,)]


async def test_the_steel_half_year_emits_the_exact_co2(replayed: Site) -> None:
    """At Chongqing's factor of data year 2023, pinned: 290,881.586056 kgCO₂, unrounded."""
    for grain in ("1d", "1mo"):
        rows = await replayed.report(
            f"SELECT sum(emissions_kgco2), min(data_year), max(data_year), bool_or(provisional)"
            f" FROM report.emissions_{grain} WHERE enterprise = 'steel'"
        )
        assert rows[0][:3] == (STEEL_KGCO2, 2023, 2023)


async def test_the_largest_quarter_hour_is_where_it_was(replayed: Site) -> None:
    """153.14 kWh ending 2018-01-15 13:45 in UTC+9."""
    rows = await replayed.report(
        "SELECT amount, ends_at FROM report.energy_15m WHERE enterprise = 'steel' ORDER BY amount DESC LIMIT 1"
    )
    ((amount, ends_at),) = rows
    assert amount == Decimal("153.14")
    assert from_us(ends_at) == datetime(2018, 1, 15, 13, 45, tzinfo=ZoneInfo("Asia/Seoul"))


async def test_opsd_registers_book_their_differences(replayed: Site) -> None:
    """Last less first of each register, gaps and all."""
    rows = await replayed.report(
        "SELECT meter, register, sum(amount) FROM report.energy_1d WHERE enterprise = 'household' GROUP BY 1, 2"
    )
    assert {(meter, register): amount for meter, register, amount in rows} == {
        key: Decimal(kwh) for key, kwh in OPSD_KWH.items()
    }


async def test_the_energy_of_gaps_is_marked_estimated(replayed: Site) -> None:
    """grid_import from 2015-11-14T12Z to 11-15T17Z: 15.755 kWh are real, when is unknown. 10Z is lost as well."""
    days = await replayed.report(
        "SELECT day, estimated_amount > 0, covered_s, estimated_s FROM report.energy_1d WHERE enterprise = 'household'"
        " AND meter = 'grid' AND register = 'import' AND estimated_s > 0 ORDER BY day"
    )
    gap = {day: (estimated, covered, seconds) for day, estimated, covered, seconds in days}
    assert gap[date(2015, 11, 14)] == (True, 86_400, (11 + 2) * 3600)
    assert gap[date(2015, 11, 15)] == (True, 86_400, 18 * 3600)
    ((estimated,),) = await replayed.report(
        "SELECT sum(estimated_amount) FROM report.energy_15m WHERE meter = 'grid' AND register = 'import'"
        " AND starts_at >= $1 AND starts_at < $2",
        to_us(datetime.fromisoformat("2015-11-14T12:00:00+00:00")),
        to_us(datetime.fromisoformat("2015-11-15T17:00:00+00:00")),
    )
    assert estimated == Decimal("301.885") - Decimal("286.130")


async def test_the_ion6200_log_books_769_kwh(replayed: Site) -> None:
    """25 quarter-hours, each its own row."""
    rows = await replayed.report("SELECT count(*), sum(amount) FROM report.energy_15m WHERE enterprise = 'office'")
    assert rows == [(25, Decimal(769))]


async def test_nothing_was_held_or_rejected(replayed: Site) -> None:
    """Real data of sound meters: no doubt, no event, no rejection."""
    for table in ("doubt", "event", "rejection"):
        assert await replayed.rows(f"SELECT count(*) FROM core.{table}") == [(0,)]


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("energy_15m", "starts_at, amount, estimated_amount, covered_s, estimated_s"),
        ("energy_day", "day, amount, estimated_amount, covered_s, estimated_s"),
        ("event", "t.kind, read_at, shift"),
        ("doubt", "read_at, outcome, high"),
        ("reading", "read_at, value, value_text"),
        ("register_state", "baseline_at, baseline_value, previous_at, previous_value, runs, newest_at, newest_value"),
    ],
)
async def test_any_order_twice_and_two_workers_book_the_same(
    replayed: Site, shuffled: Site, table: str, columns: str
) -> None:
    """Ledger, days, events, doubts, readings and states are those of the ordered run."""
    query = (
        f"SELECT e.code, m.code, r.code, {columns} FROM core.{table} t JOIN core.register r USING (register_id)"
        " JOIN core.meter m USING (meter_id) JOIN core.enterprise e USING (enterprise_id) ORDER BY 1, 2, 3, 4, 5"
    )
    assert await shuffled.rows(query) == await replayed.rows(query)


async def test_the_scopes_are_the_same_as_well(replayed: Site, shuffled: Site) -> None:
    """energy_scope_day of both runs, by code."""
    query = (
        "SELECT e.code, s.code, carrier, direction, day, amount, estimated_amount, covered_s, estimated_s"
        " FROM core.energy_scope_day JOIN core.enterprise e USING (enterprise_id) JOIN core.site s USING (site_id)"
        " ORDER BY 1, 2, 3, 4, 5"
    )
    rows = await shuffled.rows(query)
    assert rows == await replayed.rows(query)
    assert rows


async def test_both_workers_had_their_part(shuffled: Site) -> None:
    """Each slot accepted readings; what came twice was found to be there."""
    rows = await shuffled.rows(
        "SELECT count(DISTINCT slot), sum(accepted)::bigint - sum(duplicates)::bigint, sum(rejected)::bigint"
        " FROM core.ingest_minute WHERE accepted > 0"
    )
    assert rows == [(2, 0, 0)]


def test_verify_finds_both_databases_right(replayed: Site, shuffled: Site) -> None:
    """Rebuilding ledger and rollups from the readings gives what is stored."""
    for here in (replayed, shuffled):
        here.tanfeng("verify")
