"""Meters that go on for hours with what is not so, and registers that speak at moments of their own."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from services.accounting.fold import Fold
from services.accounting.policy import Version, compile_policy
from services.model import HOUR_US, QUARTER_US, SECOND_US, ActKind, Kind
from services.wire.times import iso_time
from simulators.district import read_points
from simulators.expected import expected_of, untrue_of
from simulators.feed import Feed
from simulators.fleet import Fleet, Meter
from simulators.incidents import Incident, What
from simulators.ledger import Flow
from simulators.loads import DAY_US, EPOCH_US, MINUTE_US
from simulators.mistold import JITTER_S, SCALES, TOLD_SCALES, is_tellable, lag_us, scale_of
from simulators.planner import Planner
from simulators.points import Key
from simulators.told import acts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulators.sample import Message

EXAMPLE = Path(__file__).parents[2] / "examples" / "district.yaml"
POINTS = read_points(EXAMPLE, EXAMPLE.with_name("every-kind.yaml"))
START = EPOCH_US + 400 * DAY_US
FROM = START + 40 * QUARTER_US
FURNACE = Key("steel", "furnace", "import")
LATHES = Key("joinery", "lathes", "energy")
BOOTH = Key("joinery", "paint-booth", "energy")
LAMPS = Key("joinery", "lamps", "power")


def incident(kind: What, key: Key = FURNACE, ticks: int = 40) -> Incident:
    """One of this register's meter, for ten hours."""
    return Incident(kind, key.enterprise, key.meter, FROM, FROM + ticks * QUARTER_US)


def said(messages: Sequence[Message], key: Key = FURNACE) -> dict[int, Decimal]:
    """read_at → value of a register, out of the messages of its meter."""
    found: dict[int, Decimal] = {}
    for topic, payload, _ in messages:
        if topic == f"keu/v1/{key.enterprise}/{key.meter}/readings":
            body = json.loads(payload, parse_float=Decimal, parse_int=Decimal)
            for reading in body if isinstance(body, list) else [body]:
                if key.register in reading["registers"]:
                    found[iso_time(reading["read_at"], None)] = reading["registers"][key.register]
    return found


def meter_of(key: Key, fleet: Fleet | None = None) -> Meter:
    """The meter that has this register."""
    meters = (fleet or Fleet(POINTS, 1)).meters
    return next(meter for meter in meters if (meter.enterprise, meter.code) == key[:2])


def fed(happens: Incident | None, key: Key = FURNACE, ticks: int = 100) -> tuple[dict[int, Decimal], Feed]:
    """What one meter says in some ticks; the feed afterwards."""
    feed = Feed(Fleet([point for point in POINTS if point.key[:2] == key[:2]], 1), QUARTER_US)
    if happens is not None:
        feed.add(happens)
    messages = [message for n in range(ticks) for message in feed.tick(START + n * QUARTER_US)]
    return said(messages, key), feed


def test_a_stuck_gateway_repeats_the_last_value_with_new_stamps_and_then_tells_the_truth() -> None:
    """The value of the tick before, ten hours long."""
    true, _ = fed(None)
    false, _ = fed(incident(What.STUCK))
    assert set(false) == set(true)
    wrong = {at: value for at, value in false.items() if value != true[at]}
    assert set(wrong) == set(range(FROM, FROM + 40 * QUARTER_US, QUARTER_US))
    assert set(wrong.values()) == {true[FROM - QUARTER_US]}


def test_a_scale_changes_the_display_for_a_while() -> None:
    """Whole steps of the value times the scale, rollovers taken off; before and after it is true."""
    happens = incident(What.SCALE)
    true, _ = fed(None)
    false, feed = fed(happens)
    point = feed.fleet.counters[FURNACE].point
    assert point.modulus is not None
    for at, value in false.items():
        scaled = Decimal(int(Fraction(true[at]) * scale_of(happens) / Fraction(point.resolution))) * point.resolution
        assert value == (scaled % point.modulus if FROM <= at < happens.until_us else true[at])


def test_scales_are_drawn_from_all_that_happen() -> None:
    """Tenth, ten times, thousands both ways, 3.6 and its inverse; what is declared leaves the multiplier exact."""
    starts = range(FROM, FROM + 400 * QUARTER_US, QUARTER_US)
    assert {scale_of(Incident(What.SCALE, "e", "m", at, at + HOUR_US)) for at in starts} == set(SCALES)
    assert {scale_of(Incident(What.SCALE_TOLD, "e", "m", at, at + HOUR_US)) for at in starts} == set(TOLD_SCALES)


def test_a_declared_scale_is_booked_to_the_step() -> None:
    """A replacement and a multiplier where it comes and where it goes: the sum is what flowed."""
    happens = incident(What.SCALE_TOLD)
    readings, feed = fed(happens)
    counter = feed.fleet.counters[FURNACE]
    point = counter.point
    version = Version(
        max_rate=point.max_rate,
        resolution=point.resolution,
        modulus=point.modulus,
        interval_us=QUARTER_US,
        gap_us=4 * QUARTER_US,
        slack_us=60 * SECOND_US,
        noise=point.resolution,
    )
    acts = list(acts_of(happens, counter, QUARTER_US))
    assert [act.kind for act in acts] == [ActKind.REPLACEMENT, ActKind.MULTIPLIER] * 2
    policy = compile_policy(Kind.TOTAL_INCREASING, [version], acts, multiplier=Fraction(point.multiplier))
    fold = Fold(policy)
    fold.take_all([(at, Fraction(value) * 1000) for at, value in sorted(readings.items())])
    first, last = min(readings), max(readings)
    assert sum(segment.amount * segment.sign for segment in fold.effects.segments) == expected_of(counter).flowed(
        first, last
    )
    assert not any(segment.estimated for segment in fold.effects.segments)


def test_a_clock_that_is_behind_stamps_too_early_and_collides_with_what_is_there() -> None:
    """Stamps of moments that have their reading come once all else is stored; nothing else is lost."""
    happens = incident(What.CLOCK_BEHIND, ticks=80)
    true, _ = fed(None, ticks=130)
    false, feed = fed(happens, ticks=130)
    lag = lag_us(happens)
    behind = {at: value for at, value in true.items() if FROM <= at < happens.until_us}
    assert said(feed.aftermath) == {at - lag: value for at, value in behind.items() if at - lag < FROM}
    others = {at: value for at, value in true.items() if at not in behind}
    assert false == others | {at - lag: value for at, value in behind.items() if at - lag >= FROM}


def test_jitter_moves_stamps_by_seconds_and_nothing_else() -> None:
    """Each amount once, some stamps off, none by more than the most."""
    true, _ = fed(None, LATHES)
    false, _ = fed(incident(What.JITTER, LATHES), LATHES)
    off = [at - near for (at, _), (near, _) in zip(sorted(false.items()), sorted(true.items()), strict=True)]
    assert list(dict(sorted(false.items())).values()) == list(dict(sorted(true.items())).values())
    assert max(map(abs, off)) <= JITTER_S * SECOND_US
    assert len(set(off)) > 10


def test_a_start_stamped_interval_says_the_same_amounts_an_interval_earlier() -> None:
    """It comes when the interval is over."""
    assert next(point for point in POINTS if point.key == BOOTH).stamps_start
    ends = next(point for point in POINTS if point.key == LATHES)
    starts = replace(ends, stamps_start=True)
    meters = [Fleet([point], 1).meters[0] for point in (ends, starts)]
    at = START + 10 * HOUR_US
    by_end, by_start = (meter.samples(at, HOUR_US) for meter in meters)
    assert [each.read_at_us for each in by_end] == [at - n * QUARTER_US for n in (3, 2, 1, 0)]
    assert by_start == [each._replace(read_at_us=each.read_at_us - QUARTER_US) for each in by_end]


def test_a_power_that_is_integrated_is_sampled_at_its_own_interval() -> None:
    """Each minute since the last time it was asked; the trapezoids come to what flowed within a hundredth."""
    feed = Feed(Fleet(POINTS, 1), QUARTER_US)
    messages = [message for n in range(97) for message in feed.tick(START + n * QUARTER_US)]
    readings = said(messages, LAMPS)
    minutes = range(START, START + DAY_US + 1, MINUTE_US)
    assert set(minutes) <= set(readings)
    gauge = feed.fleet.metered[LAMPS]
    summed = sum(expected_of(gauge).flowed(at, at + MINUTE_US) for at in minutes[:-1])
    flow = Flow(gauge)
    true = flow.until(minutes[-1]) - flow.until(minutes[0])
    assert true > 500
    assert abs(summed - true) < true / 100 + len(minutes)


@pytest.mark.parametrize("kind", [What.STUCK, What.SCALE, What.SCALE_TOLD, What.CLOCK_BEHIND])
def test_only_what_the_policy_can_tell_is_planned(kind: What) -> None:
    """A year's plan of one kind, of meters that have registers that only rise."""
    fleet = Fleet(POINTS, 1)
    planned = Planner(fleet, 1, START, START + 100 * DAY_US, QUARTER_US).plan(40, [kind])
    assert len(planned) > 30
    for each in planned:
        meter = next(m for m in fleet.meters if each.hits(m.enterprise, m.code))
        assert is_tellable(each, meter, QUARTER_US)
        assert not meter.keeps_time
        assert len(list(untrue_of(next(iter(meter.displays.values())), planned, QUARTER_US))) >= 1


def test_a_short_standstill_of_a_slow_register_is_no_test() -> None:
    """The rise after it could have come with the last reading alone: nobody could tell."""
    short = incident(What.STUCK, ticks=2)
    assert not is_tellable(short, meter_of(FURNACE), QUARTER_US)
    assert is_tellable(incident(What.STUCK), meter_of(FURNACE), QUARTER_US)
