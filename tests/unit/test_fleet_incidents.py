"""Incidents of the simulated fleet: planned from a seed, true to their kind, and judged by what the books say."""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from services.accounting.state import Segment
from services.errors import TanfengError
from services.model import HOUR_US, QUARTER_US, SECOND_US
from simulators import ledger
from simulators.compare import Books, Judgement, compare, rule_of
from simulators.conversions import kgce_per_unit, kgco2_per_unit
from simulators.crowd import members, message
from simulators.district import read_points
from simulators.feed import Feed
from simulators.fleet import Fleet
from simulators.incidents import BUFFERED, LEVELS, Incident, What, counting
from simulators.load import Watch
from simulators.loads import DAY_US, EPOCH_US
from simulators.planner import Planner
from simulators.points import Key
from simulators.stretch import Stretch
from simulators.wishes import Wish, heard

if TYPE_CHECKING:
    from simulators.sample import Message

EXAMPLE = Path(__file__).parents[2] / "examples" / "district.yaml"
EVERY_KIND = EXAMPLE.with_name("every-kind.yaml")
START = EPOCH_US + 400 * DAY_US
POINTS = read_points(EXAMPLE, EVERY_KIND)
TICKS = 42
FURNACE = Key("steel", "furnace", "import")


@cache
def usual_ticks() -> list[list[Message]]:
    """What arrives where nothing goes wrong."""
    feed = Feed(Fleet(POINTS, 1), QUARTER_US)
    return [feed.tick(START + n * QUARTER_US) for n in range(TICKS)]


@cache
def plan(seed: int = 1, days: int = 30, number: int = 300) -> list[Incident]:
    """Incidents over the example district."""
    return Planner(Fleet(POINTS, seed), seed, START, START + days * DAY_US, QUARTER_US).plan(number)


def incident(kind: What, ticks: int = 1) -> Incident:
    """One of the arc furnace's meter, from the tenth tick on."""
    start = START + 10 * QUARTER_US + (QUARTER_US // 3 if kind in LEVELS else 0)
    return Incident(kind, "steel", "furnace", start, start + ticks * QUARTER_US)


def arrived(feed: Feed, ticks: int = 14) -> list[tuple[int, Message]]:
    """(tick, message) of the arc furnace's meter."""
    return [
        (n, message)
        for n in range(ticks)
        for message in feed.tick(START + n * QUARTER_US)
        if message.topic == "keu/v1/steel/furnace/readings"
    ]


def values(messages: list[tuple[int, Message]]) -> list[float]:
    """What the register showed."""
    return [json.loads(message.payload)["registers"]["import"] for _, message in messages]


def test_a_plan_has_every_kind_and_repeats_by_its_seed() -> None:
    """In a month of the example districts."""
    assert {each.kind for each in plan()} == set(What)
    assert plan() == plan.__wrapped__()
    assert plan(2) != plan()


def test_the_manual_names_every_kind() -> None:
    """Nobody has to read the code to know what can go wrong."""
    manual = (EXAMPLE.parents[1] / "docs" / "simulators.md").read_text("utf-8")
    assert {kind for kind in What if f"`{kind}`" not in manual} == set()


def test_planned_incidents_of_one_meter_keep_apart() -> None:
    """Each can be told from the next."""
    found = plan()
    for meter in Fleet(POINTS, 1).meters:
        mine = sorted((i.from_us, i.until_us) for i in found if i.hits(meter.enterprise, meter.code))
        assert all(until < start for (_, until), (start, _) in pairwise(mine))


def test_what_flows_does_not_depend_on_what_goes_wrong() -> None:
    """Displays change, steps do not."""
    stretch = Stretch(
        points=POINTS, seed=1, from_us=START, until_us=START + 30 * DAY_US, every_us=QUARTER_US, incidents=300
    )
    spoilt, sound = stretch.feed().fleet, Fleet(POINTS, 1)
    until = START + 30 * DAY_US
    for key, counter in sound.counters.items():
        assert spoilt.counters[key].steps(until) == counter.steps(until)
    assert any(counter.marks for counter in spoilt.counters.values())


def test_a_reset_counts_from_zero_and_a_swap_from_elsewhere() -> None:
    """The next reading shows what has flowed since."""
    reset = values(arrived(Feed(Fleet(POINTS, 1), QUARTER_US, [incident(What.RESET)])))
    assert reset[10] > reset[11] < reset[12]
    assert reset[11] < 1
    swap = values(arrived(Feed(Fleet(POINTS, 1), QUARTER_US, [incident(What.SWAP)])))
    sound = values(arrived(Feed(Fleet(POINTS, 1), QUARTER_US)))
    assert swap[:11] == sound[:11]
    assert swap[11] != sound[11]


def test_a_rollover_passes_zero_at_its_moment() -> None:
    """The readings before stand just below the modulus."""
    shown = values(arrived(Feed(Fleet(POINTS, 1), QUARTER_US, [incident(What.ROLLOVER)])))
    assert shown[10] > 999_990
    assert shown[11] < 10


@pytest.mark.parametrize("kind", sorted(BUFFERED))
def test_a_backlog_brings_every_reading(kind: What) -> None:
    """Nothing comes while it lasts; afterwards all of it, in the kind's order."""
    feed = Feed(Fleet(POINTS, 1), QUARTER_US, [Incident(kind, "steel", "" if kind is What.NETWORK else "furnace",
                START + 10 * QUARTER_US, START + 20 * QUARTER_US)])  # fmt: skip
    ticks = [feed.tick(START + n * QUARTER_US) for n in range(22)]
    assert not any(m.topic == "keu/v1/steel/furnace/readings" for tick in ticks[10:20] for m in tick)
    texts = [m.payload.decode() for m in ticks[20] if m.topic.startswith("keu/v1/steel/")]
    furnace = sum(
        (reading.get("meter") == "furnace") if isinstance(reading, dict) else 0
        for text in texts
        for reading in (json.loads(text) if text.startswith("[") else [])
    ) + sum(m.topic == "keu/v1/steel/furnace/readings" for m in ticks[20])
    assert furnace == 11


@pytest.mark.parametrize("kind", sorted(set(What) - LEVELS - BUFFERED - {What.UNDECIDABLE, What.JITTER}))
def test_every_other_kind_changes_what_arrives(kind: What) -> None:
    """And nothing of what the other meters say."""
    hit, usual = Feed(Fleet(POINTS, 1), QUARTER_US, [incident(kind)]), usual_ticks()
    other = [hit.tick(START + n * QUARTER_US) for n in range(TICKS)]
    if kind is What.CONFLICT:
        assert hit.aftermath
        assert other == usual
        return
    assert other != usual
    topic = "keu/v1/steel/furnace/readings"
    assert [[m for m in tick if m.topic != topic] for tick in other] == [
        [m for m in tick if m.topic != topic] for tick in usual
    ]


def books(amount: int = 900, **changes: object) -> Books:
    """Readings each quarter-hour of two hours, 100 flowing in each."""
    ats = [START + n * QUARTER_US for n in range(9)]
    usual: dict[str, object] = {
        "values": {at: 1000 + 100 * n for n, at in enumerate(ats)},
        "doubts": {},
        "events": [],
        "segments": [Segment(at, at + QUARTER_US, 100, estimated=False) for at in ats[:-1]],
        "ledger": dict.fromkeys(ats[:-1], (100, 0, amount, 0)),
    }
    return Books(**(usual | changes))  # type: ignore[arg-type]  # a test's shorthand


def _flow(span: int) -> int:
    return span * 100 // QUARTER_US


def judged(held: Books, hours: tuple[int, int] = (400, 400)) -> list[Judgement]:
    """Compared with a flow of 100 a quarter-hour."""
    found = compare(held, hours, START, 1, QUARTER_US, lambda a, b: _flow(b - a), lambda at: 1000 + _flow(at - START))
    return [hour.judgement for hour in found.hours]


def test_equal_books_are_right() -> None:
    """To the last thousandth."""
    assert judged(books()) == [Judgement.RIGHT, Judgement.RIGHT]


def test_a_difference_is_wrong_where_nothing_says_so() -> None:
    """One register, one hour."""
    assert judged(books(), (350, 400)) == [Judgement.WRONG, Judgement.RIGHT]


def test_a_difference_is_honest_where_the_books_say_so() -> None:
    """An event, an estimated mark, seconds that are not covered, a leg across the hour's edge."""
    assert judged(books(events=[("held", START + QUARTER_US)]), (350, 400))[0] is Judgement.HELD
    marked = {**books().ledger, START: (100, 100, 900, 900)}
    assert judged(books(ledger=marked), (350, 400))[0] is Judgement.ESTIMATED
    assert judged(books(amount=600), (350, 400))[0] is Judgement.MISSING
    across = Segment(START + 7 * QUARTER_US // 2, START + 9 * QUARTER_US // 2, 100, estimated=False)
    assert judged(books(segments=[across]), (350, 450)) == [Judgement.INTERPOLATED, Judgement.INTERPOLATED]


def test_a_reading_missing_at_an_hours_edge_must_be_marked() -> None:
    """The leg over it is split in proportion; where the books do not say so, that is a silent error."""
    across = Segment(START + 3 * QUARTER_US, START + 5 * QUARTER_US, 200, estimated=False)
    assert judged(books(segments=[across]), (350, 450)) == [Judgement.UNMARKED, Judgement.UNMARKED]


def test_a_leg_and_a_reading_that_are_not_true_are_named() -> None:
    """Even where the hours add up."""
    found = compare(books(), (400, 400), START, 1, QUARTER_US, lambda a, b: (b - a) * 90 // QUARTER_US, lambda _: 0)
    assert found.is_silently_wrong
    assert found.legs[0].booked == 100
    assert found.readings[0].outcome == "sound"
    assert rule_of(found.readings[1]) == "rule 2 took it, plausible: 100 in 900 s, where the policy knows no maximum"


def test_a_ledger_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Incidents and hours; the same bytes each time."""
    feeds = [Feed(Fleet(POINTS, 1), QUARTER_US, plan(days=3, number=60)) for _ in range(2)]
    for n, feed in enumerate(feeds):
        ledger.write(tmp_path / f"{n}", feed, 1, START, START + DAY_US)
    assert (tmp_path / "0").read_bytes() == (tmp_path / "1").read_bytes()
    truth = ledger.read(tmp_path / "0")
    assert truth.incidents == feeds[0].incidents
    flow = ledger.Flow(feeds[0].fleet.counters[FURNACE])
    assert sum(truth.hours[FURNACE]) == flow.until(START + DAY_US) - flow.until(START)


def test_another_file_is_no_ledger(tmp_path: Path) -> None:
    """It says what to give instead."""
    (tmp_path / "x").write_text('{"truth": 99}\n')
    with pytest.raises(TanfengError, match="no ledger of truth"):
        ledger.read(tmp_path / "x")


def test_factors_are_those_of_the_tables() -> None:
    """The province's own for electricity, the latest where the year has none yet; defaults for fuels."""
    assert str(kgco2_per_unit("electricity", 2022)) == "0.5227"
    assert str(kgco2_per_unit("electricity", 2026)) == "0.5581"
    assert str(kgco2_per_unit("natural_gas", 2026)) == "2.162189"
    assert kgco2_per_unit("fresh_water", 2026) is None
    assert str(kgce_per_unit("electricity")) == "0.1229"


def test_a_wish_is_heard_if_it_names_a_meter_of_the_fleet() -> None:
    """Anything else on the topic is nothing."""
    wish = Wish(What.SPIKE, "steel", "furnace", 0)
    meters = [("steel", "furnace")]
    assert heard(wish.message().payload, meters) == wish
    assert heard(Wish(What.SPIKE, "steel", "no-such", 0).message().payload, meters) is None
    assert heard(b"\xff", meters) is None
    assert wish.incident(START, 2 * SECOND_US).until_us == START + 2 * SECOND_US


def test_a_crowd_counts_and_writes_batches_of_one_enterprise() -> None:
    """Never falling, and never above its maximum."""
    crowd = members(5, 1)
    for each in crowd:
        rise = each.steps(START + HOUR_US) - each.steps(START)
        assert 0 <= rise <= 1200 * 100
    batch = message([(each, START) for each in crowd])
    assert batch.topic == "keu/v1/crowd-0000/readings"
    assert [reading["meter"] for reading in json.loads(batch.payload)] == [each.meter for each in crowd]


def test_latency_counts_every_reading_once() -> None:
    """From the moment it was due to the first look that shows it."""
    watch = Watch({7: [1 * SECOND_US, 2 * SECOND_US, 3 * SECOND_US]})
    watch.saw(7, 2 * SECOND_US, 4 * SECOND_US)
    watch.saw(7, 2 * SECOND_US, 5 * SECOND_US)
    assert watch.latencies_s == [3.0, 2.0]
    assert watch.waiting == 1
    assert watch.percentile(1.0) == 3.0


def test_counting_registers_of_a_meter_leave_out_its_power() -> None:
    """Only what rises can be falsified, reset or swapped."""
    furnace = next(meter for meter in Fleet(POINTS, 1).meters if meter.code == "furnace")
    assert [counter.point.key.register for counter in counting(furnace)] == ["import"]
