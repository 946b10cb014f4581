"""The fleet of the example district: what each plant is supposed to look like."""

from __future__ import annotations

import time
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from services.errors import TanfengError
from services.model import HOUR_US, SECOND_US
from simulators.calendar import FIRST_DAY
from simulators.district import read_points
from simulators.faults import CYCLE, FaultKind, Saboteur
from simulators.fleet import Fleet
from simulators.loads import DAY_US, EPOCH_US, MINUTE_US
from simulators.points import Key
from simulators.production import production

EXAMPLE = Path(__file__).parents[2] / "examples" / "district.yaml"
MIDNIGHT = EPOCH_US + 600 * DAY_US


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """Every meter of the example district."""
    return Fleet(read_points(EXAMPLE), seed=1)


def flowed(fleet: Fleet, enterprise: str, meter: str, register: str = "import", days: int = 7) -> Decimal:
    """What flowed through a register in some days."""
    return fleet.truth(Key(enterprise, meter, register), MIDNIGHT, MIDNIGHT + days * DAY_US)


def test_every_register_has_a_value_and_every_counter_moves(fleet: Fleet) -> None:
    """No register of the file is forgotten, none stands still for a week."""
    points = read_points(EXAMPLE)
    shown = {(m.enterprise, m.code, code) for m in fleet.meters for code in m.sample(MIDNIGHT + 10 * HOUR_US).registers}
    assert shown == {tuple(point.key) for point in points}
    assert all(flowed(fleet, *key) > 0 for key in fleet.counters)


def test_no_counter_outruns_its_maximum_between_any_two_minutes(fleet: Fleet) -> None:
    """Each minute of a day rises by at most max_rate and one step."""
    for counter in fleet.counters.values():
        point = counter.point
        assert point.max_rate is not None
        limit = Fraction(point.max_rate) * point.unit_size / 60
        step = Fraction(counter.amount(1))
        steps = [counter.steps(MIDNIGHT + n * MINUTE_US) for n in range(0, 1440, 7)]
        assert all(0 <= Fraction(counter.amount(b - a)) <= 7 * limit + step for a, b in pairwise(steps))


def test_the_data_centres_are_one_good_and_one_above_the_limit(fleet: Fleet) -> None:
    """A week's energies: about 1.3, and above 1.5."""
    good = flowed(fleet, "cloud-a", "intake") / flowed(fleet, "cloud-a", "ups", "it-import")
    bad = flowed(fleet, "cloud-b", "intake") / flowed(fleet, "cloud-b", "ups", "it-import")
    assert Decimal("1.25") < good < Decimal("1.35")
    assert Decimal("1.55") < bad < Decimal("1.7")


def test_the_plants_have_the_load_factors_of_their_kind(fleet: Fleet) -> None:
    """Mean over peak of a week of quarter-hours: base loads high, arc furnace in between, building and sun low."""

    def factor(enterprise: str, meter: str, register: str = "import") -> float:
        counter = fleet.counters[Key(enterprise, meter, register)]
        steps = [counter.steps(MIDNIGHT + n * HOUR_US // 4) for n in range(7 * 96 + 1)]
        rises = [b - a for a, b in pairwise(steps)]
        return sum(rises) / len(rises) / max(rises)

    assert factor("electronics", "main-10kv") > 0.75
    assert factor("cloud-a", "ups", "it-import") > 0.8
    assert 0.5 < factor("steel", "furnace") < 0.85
    assert factor("civic", "main") < 0.6
    assert factor("tyre", "pv", "generation") < 0.4


def test_sub_meters_and_losses_fit_into_their_intakes(fleet: Fleet) -> None:
    """Level 2 is less than level 1 at each plant; the export is less than what the roof makes."""
    assert flowed(fleet, "steel", "furnace") + flowed(fleet, "steel", "rolling-mill") < flowed(
        fleet, "steel", "main-110kv"
    )
    assert flowed(fleet, "tyre", "mixing") < flowed(fleet, "tyre", "main-35kv")
    assert 0 < flowed(fleet, "tyre", "main-35kv", "export") < flowed(fleet, "tyre", "pv", "generation")


def test_a_meter_with_a_declared_zone_never_loses_it_on_purpose(fleet: Fleet) -> None:
    """There a time without zone would be accepted, as local: no fault, but a wrong reading."""
    saboteur = Saboteur(fleet, seed=3)
    for number in range(20 * CYCLE):
        saboteur.tick(number, MIDNIGHT + (2 * number + 1) * SECOND_US)
    naive = {f.meter for f in saboteur.happened if f.kind is FaultKind.NO_ZONE and f.enterprise == "strontium"}
    assert "main-10kv" not in naive
    assert {f.kind for f in saboteur.happened} == set(FaultKind)


def test_a_tick_of_the_whole_district_is_cheap(fleet: Fleet) -> None:
    """A day of backfill comes within seconds: the integral since the epoch is not added up again."""
    fleet.tick(MIDNIGHT)
    since = time.process_time()
    for number in range(20):
        fleet.tick(MIDNIGHT + number * SECOND_US)
    assert time.process_time() - since < 1.0


def test_a_registry_file_with_a_mistake_is_named_with_its_line(tmp_path: Path) -> None:
    """The first mistake, where it is and how to mend it."""
    file = tmp_path / "wrong.yaml"
    file.write_text(EXAMPLE.read_text("utf-8").replace("unit: GJ", "unit: furlong"), "utf-8")
    with pytest.raises(TanfengError, match=r"wrong\.yaml:\d+: .*furlong"):
        read_points(file)


def test_plants_make_what_their_energy_allows(fleet: Fleet) -> None:
    """Within a fifth of the cited intensities; the reductant's CO₂ is counted with the fuel, once."""
    hours = {
        key: [int(1000 * fleet.truth(key, MIDNIGHT + n * HOUR_US, MIDNIGHT + (n + 1) * HOUR_US)) for n in range(48)]
        for key in fleet.counters
        if key.enterprise in {"steel", "tyre"}
    }
    hours[Key("strontium", "coal-belt", "import")] = [10_000_000] * 48
    made = list(production(hours, MIDNIGHT, seed=1))
    steel = [each for each in made if each.product == "粗钢"]
    assert len(steel) == 2
    intensity = sum(hours[Key("steel", "furnace", "import")]) / 1000 / float(sum(each.tonnes for each in steel))
    assert 0.8 * 425 < intensity < 1.2 * 425
    assert all(each.process_kgco2 > 0 for each in steel)
    assert [each.process_kgco2 for each in made if each.product == "strontium_carbonate"] == [0, 0]


def test_holidays_are_like_sundays_and_summers_need_more_cooling(fleet: Fleet) -> None:
    """National Day 2026 against the Thursday a week before; July against January."""

    def used(meter: Key, day: int) -> Decimal:
        return fleet.truth(meter, EPOCH_US + day * DAY_US, EPOCH_US + (day + 1) * DAY_US)

    hall = Key("civic", "main", "import")
    national_day = (date(2026, 10, 1) - FIRST_DAY).days
    assert used(hall, national_day) < used(hall, national_day - 14) / 2
    cooling = Key("cloud-a", "cooling", "import")
    assert sum(used(cooling, 560 + n) for n in range(7)) > sum(used(cooling, 380 + n) for n in range(7))


def test_the_base_station_never_sleeps(fleet: Fleet) -> None:
    """Its load factor over a week is that of a server room."""
    counter = fleet.counters[Key("telecom", "main", "import")]
    steps = [counter.steps(MIDNIGHT + n * HOUR_US) for n in range(7 * 24 + 1)]
    rises = [b - a for a, b in pairwise(steps)]
    assert sum(rises) / len(rises) / max(rises) > 0.8
