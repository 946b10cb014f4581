"""Simulated stretches through decoder and fold alone: no error is silent, and what stands still is not doubted."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

from services.accounting.state import EventKind, Segment
from services.model import HOUR_US, QUARTER_US, Kind
from simulators.compare import Books, Judgement
from simulators.district import points_of, read_content
from simulators.folded import Folded, fold_stretch
from simulators.incidents import What
from simulators.known import known_days
from simulators.loads import DAY_US, EPOCH_US
from simulators.stretch import Stretch

EXAMPLES = Path(__file__).parents[2] / "examples"
NEW_YEAR = EPOCH_US + 365 * DAY_US
CONTENTS = [read_content(EXAMPLES / name) for name in ("district.yaml", "every-kind.yaml")]
ORDINARY = tuple(kind for kind in What if kind is not What.UNDECIDABLE)
"""All but the outage of days in which a register may have passed its modulus twice."""
SMALL = ("fine-chemistry", "joinery", "telecom", "cloud-b")


@cache
def stretch(
    days: int, incidents: int, kinds: tuple[What, ...], enterprises: tuple[str, ...] = SMALL
) -> tuple[Folded, ...]:
    """Some enterprises of both examples from New Year 2026 on."""
    registers = [each for content in CONTENTS for each in content.registers.values() if each.enterprise in enterprises]
    return tuple(fold_stretch(registers, made_of(days, incidents, kinds, enterprises), lambda _: None))


def made_of(days: int, incidents: int, kinds: tuple[What, ...], enterprises: tuple[str, ...] = SMALL) -> Stretch:
    """What is simulated."""
    return Stretch(
        points=[each for content in CONTENTS for each in points_of(content) if each.key.enterprise in enterprises],
        seed=3,
        from_us=NEW_YEAR,
        until_us=NEW_YEAR + days * DAY_US,
        every_us=QUARTER_US,
        incidents=incidents,
        kinds=kinds,
    )


def hours(found: tuple[Folded, ...]) -> Counter[Judgement]:
    """Hours by judgement, of all registers."""
    return sum((each.compared.counts for each in found), Counter())


def test_no_error_is_silent_in_a_fortnight_of_faults() -> None:
    """Every hour and leg that is not what flowed bears a mark."""
    found = stretch(14, 70, tuple(What))
    assert [each.key for each in found if each.compared.is_silently_wrong] == []
    assert hours(found)[Judgement.RIGHT] > 2_000


def test_what_stuck_adds_up_once_the_truth_is_back() -> None:
    """Nothing but stuck gateways: every register's energy in sum, and an event of its own where one stuck."""
    found = stretch(14, 8, (What.STUCK,))
    counted = [each for each in found if each.key.register != "power"]
    assert [each.key for each in counted if sum(hour.booked - hour.true for hour in each.compared.hours)] == []
    said = {kind for each in found for kind, _ in each.books.events}
    assert said == {EventKind.STUCK, EventKind.ROLLOVER}  # an old meter of three digits passes zero all the time


def test_a_clock_that_is_behind_leaves_a_hole_or_an_event() -> None:
    """Where its stamps met stored moments only, nothing was read; else the first that did not is held, or a break."""
    made = made_of(14, 8, (What.CLOCK_BEHIND,))
    incidents = made.feed().incidents
    found = {each.key: each.books for each in stretch(14, 8, (What.CLOCK_BEHIND,))}
    assert len(incidents) > 5
    for each in incidents:
        for key in (key for key in found if each.hits(key.enterprise, key.meter)):
            stored = [at for at in found[key].values if each.from_us <= at < each.until_us]
            said = {kind for kind, at in found[key].events if at == each.from_us}
            assert bool(stored) == bool(said & {EventKind.HELD, EventKind.BREAK})


def test_no_hour_of_a_clock_that_is_behind_is_silent() -> None:
    """Whatever the load does: once the level has broken, what follows bears a mark."""
    found = stretch(14, 40, (What.CLOCK_BEHIND,), ("steel", "electronics", "cloud-a"))
    assert [each.key for each in found if each.compared.is_silently_wrong] == []
    assert hours(found)[Judgement.ESTIMATED] > 200


def test_plants_that_stand_still_are_not_doubted() -> None:
    """A fortnight with New Year's holidays, nights, weekends and batches: all known, nothing estimated, no event."""
    found = stretch(14, 0, (), ("fine-chemistry", "joinery"))
    assert [kind for each in found for kind, _ in each.books.events] == []
    assert [(each.known_days, each.days) for each in found] == [(14, 14)] * len(found)
    estimated = {each.key for each in found if any(segment.estimated for segment in each.books.segments)}
    assert {key.register for key in estimated} == {"power"}  # an integrated power is an estimate by its nature
    assert set(hours(found)) <= {Judgement.RIGHT, Judgement.STEP, Judgement.ESTIMATED}


def test_ordinary_faults_leave_nearly_every_day_known() -> None:
    """About one fault a meter and month: at least 97 % of register-days."""
    found = stretch(21, 12, ORDINARY)
    assert sum(each.known_days for each in found) >= 0.97 * sum(each.days for each in found)


def rows(amount: int, covered_s: int = 900) -> dict[int, tuple[int, int, int, int]]:
    """The quarter-hours of two days."""
    return dict.fromkeys(range(NEW_YEAR, NEW_YEAR + 2 * DAY_US, QUARTER_US), (amount, 0, covered_s, 0))


def books(ledger: dict[int, tuple[int, int, int, int]], *segments: Segment) -> Books:
    """Books of two days with nothing else in them."""
    return Books(values={}, doubts={}, events=[], segments=segments, ledger=ledger)


def test_a_day_is_known_if_it_is_covered_and_little_of_it_is_uncertain() -> None:
    """A hole makes it unknown, an estimated leg inside it does not; across midnight it may bring at most 5 %."""
    midnight = NEW_YEAR + DAY_US
    inside = Segment(NEW_YEAR + HOUR_US, NEW_YEAR + 5 * HOUR_US, 1600, estimated=True)
    across = Segment(midnight - HOUR_US, midnight + 3 * HOUR_US, 1600, estimated=True)
    assert known_days(books(rows(100), inside), NEW_YEAR, 2) == 2
    assert known_days(books(rows(100), across), NEW_YEAR, 2) == 1  # 400 of 9,600 before midnight, 1,200 after it
    assert known_days(books(rows(0), across), NEW_YEAR, 2) == 0
    assert known_days(books(rows(100) | {midnight: (100, 0, 899, 0)}), NEW_YEAR, 2) == 1


def test_the_stretches_have_registers_of_every_kind() -> None:
    """But net ones, of which the examples have none."""
    assert {each.kind for each in CONTENTS[1].registers.values()} == set(Kind) - {Kind.TOTAL}
