"""The simulated fleet: a pure function of time, within what its meters can measure."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.errors import TanfengError
from services.model import HOUR_US, QUARTER_US, SECOND_US, Direction, Kind
from simulators.faults import CYCLE, SCHEDULE, FaultKind, Saboteur
from simulators.fleet import Fleet
from simulators.loads import DAY_US, EPOCH_US, NANO, Mix, Shaped
from simulators.points import Counter, Key, Point
from simulators.shapes import SHAPES
from simulators.truth import used

NOON = EPOCH_US + 400 * DAY_US + 12 * HOUR_US


def point(site: str, meter: str, **changes: object) -> Point:
    """A kWh register of 10 Wh resolution, 1,000 kW at most."""
    usual: dict[str, object] = {
        "key": Key(site, meter, "import"),
        "industry": "steel",
        "site": site,
        "site_kind": "plant",
        "level": 1,
        "quantity": "energy",
        "direction": Direction.IMPORT,
        "carrier": "electricity",
        "unit": "kWh",
        "kind": Kind.TOTAL_INCREASING,
        "multiplier": Decimal(1),
        "resolution": Decimal("0.01"),
        "modulus": None,
        "max_rate": Decimal(1000),
        "interval_us": QUARTER_US,
    }
    return Point(**(usual | changes))  # type: ignore[arg-type]  # a test's shorthand


def power(site: str, meter: str, unit: str = "kW") -> Point:
    """A momentary register of the same meter."""
    return point(
        site, meter, key=Key(site, meter, "power"), quantity="power", unit=unit, kind=Kind.MEASUREMENT, max_rate=None
    )


def district() -> list[Point]:
    """A steel works with two levels, a gas register, two data centres, roof PV and a meter of intervals."""
    centre = {"site_kind": "data_centre", "industry": "data_centre"}
    return [
        point("steel", "m-1", max_rate=Decimal(30_000), multiplier=Decimal(2000)),
        power("steel", "m-1"),
        point("steel", "m-2", level=2, max_rate=Decimal(24_000), modulus=Decimal(10_000_000)),
        point("steel", "m-3", level=2, max_rate=Decimal(9_000)),
        point("steel", "gas-1", carrier="natural_gas", unit="Nm3", max_rate=Decimal(800)),
        *(
            row
            for site in ("dc-1", "dc-2")
            for row in (
                point(site, "main", unit="MWh", resolution=Decimal("0.00001"), max_rate=Decimal(4), **centre),
                point(site, "it", level=2, quantity="it_energy", max_rate=Decimal(3000), **centre),
                point(site, "cooling", level=2, max_rate=Decimal(2000), **centre),
                point(
                    site,
                    "bms",
                    key=Key(site, "bms", "pue"),
                    unit="ratio",
                    quantity="pue_reported",
                    kind=Kind.MEASUREMENT,
                    **centre,
                ),
            )
        ),
        point("office", "m-1", site_kind="public_building", industry="public"),
        point("office", "pv", site_kind="public_building", direction=Direction.PRODUCED),
        point("tyre", "m-1", industry="tyre", kind=Kind.INTERVAL),
    ]


def rise(counter: Counter, from_us: int, until_us: int) -> Decimal:
    """The true amount between two moments."""
    return counter.amount(counter.steps(until_us) - counter.steps(from_us))


def limit(point: Point) -> Fraction:
    """The register's max_rate in base units per hour."""
    return Fraction(point.max_rate or 0) * point.unit_size


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """The fleet of the test district."""
    return Fleet(district(), seed=1)


def test_the_same_seed_gives_the_same_readings_and_another_seed_others(fleet: Fleet) -> None:
    """A second process with the same seed publishes the very same bytes."""
    assert Fleet(district(), seed=1).tick(NOON) == fleet.tick(NOON)
    assert Fleet(district(), seed=2).tick(NOON) != fleet.tick(NOON)


def test_a_restart_continues_where_the_fleet_would_have_been(fleet: Fleet) -> None:
    """A fleet that starts late shows what one shows that has run all the time."""
    for at in range(NOON, NOON + HOUR_US, QUARTER_US):
        fleet.tick(at)
    assert Fleet(district(), seed=1).tick(NOON + HOUR_US) == fleet.tick(NOON + HOUR_US)


@settings(max_examples=200, deadline=None)
@given(st.integers(EPOCH_US, EPOCH_US + 1000 * DAY_US), st.integers(1, 2 * DAY_US))
def test_no_register_falls_or_outruns_its_maximum(fleet: Fleet, at: int, span: int) -> None:
    """Between any two moments 0 ≤ rise ≤ max_rate × span + one step."""
    for counter in fleet.counters.values():
        step = Fraction(counter.amount(1))
        assert 0 <= rise(counter, at, at + span) <= limit(counter.point) * span / HOUR_US + step


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(sorted(SHAPES)), st.integers(EPOCH_US, EPOCH_US + 30 * DAY_US), st.integers(0, DAY_US))
def test_energy_is_additive_and_below_the_peak(shape: str, at: int, span: int) -> None:
    """The load's integral over a span lies between 0 and peak × span."""
    load = Shaped(NANO * 100, shape, 3, "x")
    energy = load.energy(at + span) - load.energy(at)
    assert 0 <= energy <= load.peak * span // HOUR_US + 1
    assert load.rate(at) <= load.peak


def test_energy_follows_the_rate_within_a_minute() -> None:
    """Over one minute the rise is the rate of that minute."""
    load = Shaped(NANO * 60, "furnace", 3, "x")
    minute = 60 * SECOND_US
    assert abs(load.energy(NOON + minute) - load.energy(NOON) - load.rate(NOON) // 60) <= 1


def test_a_mix_is_the_sum_of_its_shares() -> None:
    """Thousandths of each part."""
    parts = [Shaped(NANO * 50, "kiln", 3, name) for name in "ab"]
    mix = Mix([(1020, parts[0]), (500, parts[1])])
    expected = (1020 * parts[0].energy(NOON) + 500 * parts[1].energy(NOON)) // 1000
    assert mix.energy(NOON) == expected
    assert mix.rate(NOON) <= mix.peak


def test_a_feeder_carries_its_sub_meters_and_their_losses(fleet: Fleet) -> None:
    """Level 1 is at least level 2 and its stated losses, also where the sub-meters could overload it."""
    top = rise(fleet.counters[Key("steel", "m-1", "import")], NOON, NOON + DAY_US)
    subs = sum(rise(fleet.counters[Key("steel", m, "import")], NOON, NOON + DAY_US) for m in ("m-2", "m-3"))
    assert subs > 0
    assert top >= subs * Decimal("1.02") - 20  # one step of the feeder's counter is 20 kWh


def test_one_data_centre_is_efficient_and_one_above_the_limit(fleet: Fleet) -> None:
    """The day's PUE is about 1.3 and above 1.5, and the reported ratio is one too."""

    def pue(site: str) -> Decimal:
        whole, it = (fleet.counters[Key(site, meter, "import")] for meter in ("main", "it"))
        return rise(whole, NOON, NOON + DAY_US) / rise(it, NOON, NOON + DAY_US)

    assert Decimal("1.25") < pue("dc-1") < Decimal("1.35")
    assert Decimal("1.5") < pue("dc-2") < Decimal("1.75")
    reported = next(meter for meter in fleet.meters if (meter.enterprise, meter.code) == ("dc-2", "bms"))
    assert Decimal("1.4") < reported.sample(NOON).registers["pue"] < Decimal("1.9")


def test_the_sun_does_not_shine_at_night(fleet: Fleet) -> None:
    """PV produces by day only."""
    roof = fleet.counters[Key("office", "pv", "import")]
    midnight = NOON + 12 * HOUR_US
    assert rise(roof, midnight, midnight + 5 * HOUR_US) == 0
    assert rise(roof, NOON, NOON + HOUR_US) > 0


def test_power_is_that_of_the_same_meters_energy(fleet: Fleet) -> None:
    """The momentary register shows the rate of the register beside it."""
    meter = next(meter for meter in fleet.meters if (meter.enterprise, meter.code) == ("steel", "m-1"))
    load = fleet.counters[Key("steel", "m-1", "import")].load
    shown = meter.sample(NOON).registers["power"]
    assert abs(Fraction(shown) - Fraction(load.rate(NOON), NANO)) <= Fraction(1, 100)


def test_an_interval_register_speaks_at_the_end_of_its_interval(fleet: Fleet) -> None:
    """Its values add up to what the counter counted."""
    meter = next(meter for meter in fleet.meters if meter.enterprise == "tyre")
    assert meter.sample(NOON + SECOND_US).registers == {}
    counter = fleet.counters[Key("tyre", "m-1", "import")]
    ends = range(NOON + QUARTER_US, NOON + 4 * QUARTER_US + 1, QUARTER_US)
    assert sum(meter.sample(end).registers["import"] for end in ends) == rise(counter, NOON, NOON + HOUR_US)


def test_a_register_rolls_over_at_its_modulus() -> None:
    """The display stays below the modulus, the truth goes on."""
    small = point("steel", "m-1", modulus=Decimal(1000))
    meter = Fleet([small], seed=1).meters[0]
    shown = [meter.sample(NOON + n * QUARTER_US).registers["import"] for n in range(48)]
    assert all(0 <= value < 1000 for value in shown)
    assert any(later < earlier for earlier, later in pairwise(shown))


def test_a_backfill_has_every_meter_at_every_quarter_hour(fleet: Fleet) -> None:
    """Half-open, aligned to the spacing, in batches of one enterprise each."""
    found: dict[str, set[str]] = {}
    for message in fleet.backfill(NOON + 1, NOON + HOUR_US, QUARTER_US):
        enterprise = message.topic.split("/")[2]
        for reading in json.loads(message.payload):
            found.setdefault(f"{enterprise}/{reading['meter']}", set()).add(reading["read_at"])
    assert len(found) == len(fleet.meters)
    assert {len(moments) for moments in found.values()} == {3}


def test_each_fault_happens_once_a_cycle_and_none_changes_the_truth(fleet: Fleet) -> None:
    """What is late comes later, what is false is only one reading, what is spoilt comes beside the good one."""
    saboteur, every = Saboteur(fleet, seed=1), 2 * SECOND_US
    good, sent = [], []
    start = NOON + SECOND_US
    for number in range(CYCLE):
        good += fleet.tick(start + number * every)
        sent += saboteur.tick(number, start + number * every)
    sent += saboteur.rest()
    assert [fault.kind for fault in saboteur.happened] == list(SCHEDULE.values())
    missing = [message for message in good if message not in sent]
    assert len(missing) == 1  # the one that the false zero replaced
    spoilt = len(FaultKind) - len([FaultKind.FALSE_ZERO, FaultKind.LATE, FaultKind.DUPLICATE])
    assert len(sent) == len(good) + 1 + spoilt  # the duplicate


def test_faults_repeat_by_seed_and_spare_the_quarter_hours(fleet: Fleet) -> None:
    """A later backfill sends the quarter-hours again and must agree with what was live."""
    runs = []
    for _ in range(2):
        saboteur = Saboteur(fleet, seed=5)
        runs.append([saboteur.tick(number, NOON + number * SECOND_US) for number in range(CYCLE)])
    assert runs[0] == runs[1]
    assert Saboteur(fleet, seed=5).tick(min(SCHEDULE), NOON) == fleet.tick(NOON)


def test_the_truth_is_level_one_import(fleet: Fleet) -> None:
    """Sub-meters and produced energy are not added."""
    rows = {(row.enterprise, row.carrier): row.amount for row in used(fleet, NOON, NOON + HOUR_US)}
    assert rows["steel", "electricity"] == fleet.truth(Key("steel", "m-1", "import"), NOON, NOON + HOUR_US)
    assert rows["office", "electricity"] == fleet.truth(Key("office", "m-1", "import"), NOON, NOON + HOUR_US)
    assert rows["steel", "natural_gas"] > 0


def test_a_clock_before_the_epoch_is_refused(fleet: Fleet) -> None:
    """The plants did not exist then."""
    with pytest.raises(TanfengError, match="2025"):
        fleet.tick(EPOCH_US - 1)


def test_a_registry_without_registers_is_refused() -> None:
    """There would be nothing to publish."""
    with pytest.raises(TanfengError, match="no register"):
        Fleet([], seed=1)
