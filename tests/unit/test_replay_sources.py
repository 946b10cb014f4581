"""The recordings become register readings with exactly the published totals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from services.errors import TanfengError
from services.model import HOUR_US, QUARTER_US, from_us, to_us
from simulators.replay import ion6200, opsd, plain, plan, steel
from simulators.sample import Sample, meter_message

if TYPE_CHECKING:
    from collections.abc import Sequence

DATA = Path(__file__).parents[3] / "shared" / "data"
STEEL = DATA / "steel" / "steel_2018_h1.csv"
OPSD = DATA / "opsd" / "opsd_residential4_2015-10_2016-03.csv"
ION = DATA / "ion6200" / "mb-001.log"
SEOUL = timezone(timedelta(hours=9))
MONTHS = {1: "126238.29", 2: "91497.34", 3: "80230.41", 4: "78769.80", 5: "79059.28", 6: "65404.64"}
OPSD_DIFFERENCES = {
    "grid-import": "2783.263",
    "grid-export": "1817.449",
    "pv": "2790.490",
    "heat-pump": "2108.030",
    "ev": "453.951",
}


def steel_samples() -> list[Sample]:
    """The whole steel recording."""
    with STEEL.open() as lines:
        return list(steel.samples(lines))


def of(samples: Sequence[Sample], register: str) -> list[tuple[int, Decimal]]:
    """(read_at, value) of one register."""
    return [(sample.read_at_us, sample.registers[register]) for sample in samples if register in sample.registers]


def test_the_steel_register_rises_by_the_published_total() -> None:
    """One reading before the first quarter-hour and one at the end of each: 521,199.76 kWh."""
    samples = steel_samples()
    assert len(samples) == 17_376 + 1
    assert samples[-1].registers["import"] - samples[0].registers["import"] == Decimal("521199.76")
    assert from_us(samples[0].read_at_us) == datetime(2018, 1, 1, tzinfo=SEOUL)
    assert from_us(samples[-1].read_at_us) == datetime(2018, 7, 1, tzinfo=SEOUL)


def test_the_steel_register_never_falls_and_has_no_gap() -> None:
    """The midnight row belongs to the end of its day, so file order is a gap-free grid."""
    samples = steel_samples()
    steps = {later.read_at_us - earlier.read_at_us for earlier, later in pairwise(samples)}
    assert steps == {QUARTER_US}
    rises = [b.registers["import"] - a.registers["import"] for a, b in pairwise(samples)]
    assert min(rises) >= 0
    peak = max(range(len(rises)), key=rises.__getitem__)
    assert rises[peak] == Decimal("153.14")
    assert from_us(samples[peak + 1].read_at_us) == datetime(2018, 1, 15, 13, 45, tzinfo=SEOUL)


def test_the_steel_months_are_the_published_ones() -> None:
    """Months by the start of the interval, in UTC+9."""
    samples = steel_samples()
    months = dict.fromkeys(MONTHS, Decimal(0))
    for earlier, later in pairwise(samples):
        month = from_us(earlier.read_at_us).astimezone(SEOUL).month
        months[month] += later.registers["import"] - earlier.registers["import"]
    assert months == {month: Decimal(kwh) for month, kwh in MONTHS.items()}


def test_steel_rows_out_of_order_are_refused() -> None:
    """A file sorted by label would make the register run backwards every day: refused with its line."""
    with STEEL.open() as lines:
        rows = [next(lines) for _ in range(5)]
    with pytest.raises(TanfengError, match="line 4"):
        list(steel.samples([rows[0], rows[1], rows[2], rows[4], rows[3]]))


@pytest.mark.parametrize("interpolated", [True, False])
def test_opsd_registers_differ_by_the_published_amounts(interpolated: bool) -> None:  # noqa: FBT001 - a case
    """Differences hold with and without what the publisher interpolated."""
    with OPSD.open() as lines:
        samples = list(opsd.samples(lines, interpolated=interpolated))
    for register, difference in OPSD_DIFFERENCES.items():
        values = of(samples, register)
        assert values[-1][1] - values[0][1] == Decimal(difference)


def test_opsd_gaps_stay_gaps() -> None:
    """grid_import has eight gaps; the longest is 29 hours from 2015-11-14T12Z."""
    with OPSD.open() as lines:
        values = of(list(opsd.samples(lines)), "grid-import")
    gaps = [(b[0] - a[0], a[0]) for a, b in pairwise(values) if b[0] - a[0] > HOUR_US]
    assert len(gaps) == 8
    assert max(gaps) == (29 * HOUR_US, to_us(datetime(2015, 11, 14, 12, tzinfo=UTC)))


def test_opsd_columns_become_register_codes() -> None:
    """Nine registers, named after their columns."""
    with OPSD.open() as lines:
        registers = {register for sample in opsd.samples(lines) for register in sample.registers}
    assert len(registers) == 9
    assert set(OPSD_DIFFERENCES) < registers


def test_the_ion6200_log_holds_769_kwh_and_151_kvarh() -> None:
    """26 readings make 25 intervals; power is four times each difference."""
    with ION.open() as lines:
        samples = list(ion6200.samples(lines, {"import": "POINT00", "demand": "POINT01", "reactive": "POINT05"}))
    assert len(samples) == 26
    assert samples[-1].registers["import"] - samples[0].registers["import"] == 769
    assert samples[-1].registers["reactive"] - samples[0].registers["reactive"] == 151
    for earlier, later in pairwise(samples):
        assert 4 * (later.registers["import"] - earlier.registers["import"]) == later.registers["demand"]


def test_a_plain_file_needs_zones_and_skips_empty_values() -> None:
    """`read_at` with a zone; an empty value is a missing reading, not zero."""
    rows = ["read_at,value", "2026-01-01T00:00:00+08:00,1.50", "2026-01-01T00:15:00+08:00,", "2026-01-01T00:30:00Z,2"]
    assert [sample.registers["import"] for sample in plain.samples(rows)] == [Decimal("1.50"), Decimal(2)]
    with pytest.raises(TanfengError, match="no zone"):
        list(plain.samples(["read_at,value", "2026-01-01T00:00:00,1"]))
    with pytest.raises(TanfengError, match="not a number"):
        list(plain.samples(["read_at,value", "2026-01-01T00:00:00Z,NaN"]))


def test_a_missing_column_is_named() -> None:
    """The error lists what there is."""
    with pytest.raises(TanfengError, match="choose from: read_at, value"):
        list(plain.samples(["read_at,value"], {"import": "energy"}))


def test_shifting_moves_whole_quarter_hours_to_now() -> None:
    """The newest reading ends up within the quarter-hour before now, the spacing is kept."""
    now = to_us(datetime(2026, 11, 22, 10, 7, tzinfo=UTC))
    samples = [Sample(0, {"import": Decimal(1)}), Sample(QUARTER_US, {"import": Decimal(2)})]
    moved = plan.shifted_to(samples, now)
    assert from_us(moved[1].read_at_us) == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert moved[1].read_at_us - moved[0].read_at_us == QUARTER_US


def test_the_order_is_a_function_of_the_seed() -> None:
    """Shuffled twice over, every reading is there two times."""
    samples = [Sample(at, {"import": Decimal(at)}) for at in range(50)]
    order = plan.arranged(samples, shuffle=7, twice=True)
    assert order == plan.arranged(samples, shuffle=7, twice=True)
    assert order != [*samples, *samples]
    assert sorted(order) == sorted([*samples, *samples])


def test_numbers_reach_the_wire_with_every_digit() -> None:
    """No exponent, no lost zero, no float."""
    values = {"import": Decimal("1E+3"), "export": Decimal("0.10")}
    message = meter_message("plant", "m-1", [Sample(0, values)])
    assert message.topic == "keu/v1/plant/m-1/readings"
    assert message.payload == b'{"read_at": "1970-01-01T00:00:00Z", "registers": {"import": 1000, "export": 0.10}}'


def test_readings_beyond_the_horizon_are_counted() -> None:
    """Zero days is no horizon."""
    samples = [Sample(0, {}), Sample(10 * 86_400_000_000, {})]
    assert plan.beyond_horizon(samples, 10 * 86_400_000_000, 5) == 1
    assert plan.beyond_horizon(samples, 10 * 86_400_000_000, 0) == 0
