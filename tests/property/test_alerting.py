"""Alerting as a pure function: the band, the duration, late data in pieces, and looking twice."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.alerting.life import begun, raised
from services.alerting.model import LATE_US, Alert, Change, Conduct, Observation, Outcome, Severity, Sign, State
from services.alerting.series import episodes
from services.alerting.states import decide_states
from services.alerting.thresholds import Thresholds
from services.alerting.windows import decide_windows, restart
from services.alerts.catalogue import RULES
from services.alerts.file import default_rules
from services.alerts.rule import Mode

BAND = Thresholds(Decimal("1.5"), Decimal("1.45"))
STEP = 900
VALUES = st.lists(
    st.one_of(st.none(), st.sampled_from(["1.40", "1.44", "1.45", "1.47", "1.5", "1.51", "1.6"])), max_size=40
)
DURATIONS = st.sampled_from([0, STEP, 3 * STEP])
NOW = 10**9


def point(index: int, value: str | None) -> Observation:
    """One window of a series."""
    number = None if value is None else Decimal(value)
    return Observation(
        rule="PueHigh", subject="hall", sign=BAND.sign(number), occurred_at=(index + 1) * STEP, value=number,
        evidence={"at": index}, latest={"window": index},
    )  # fmt: skip


def series(values: list[str | None]) -> list[Observation]:
    """A series of windows."""
    return [point(index, value) for index, value in enumerate(values)]


def crossings(signs: list[Sign]) -> int:
    """How often a series goes the whole way from below the band to above it; its start counts as below."""
    found, is_below = 0, True
    for sign in signs:
        if sign is Sign.BAD and is_below:
            found, is_below = found + 1, False
        is_below = is_below or sign is Sign.GOOD
    return found


class Store:
    """Alerts of one subject as the database would keep them."""

    def __init__(self) -> None:
        self.alerts: dict[int, Alert] = {}
        self._ids = count(1)

    def write(self, changes: list[Change]) -> None:
        """Apply changes in their order; at most one alert may be open after each."""
        for change in changes:
            if change.before is not None:
                assert change.before.alert_id is not None
                del self.alerts[change.before.alert_id]
            if change.after is not None:
                number = change.after.alert_id or next(self._ids)
                self.alerts[number] = replace(change.after, alert_id=number)
            assert sum(alert.is_open for alert in self.alerts.values()) <= 1

    def since(self, at: int) -> list[Alert]:
        """Those not withdrawn that did not end by an instant."""
        return [
            each
            for each in self.alerts.values()
            if each.outcome is not Outcome.WITHDRAWN and (each.ended_at is None or each.ended_at > at)
        ]

    def look(self, points: list[Observation], since: int, conduct: Conduct) -> list[Change]:
        """One look at what changed since an instant."""
        start = restart(since, conduct.duration_us, self.since(since - conduct.duration_us))
        later = [each for each in points if each.occurred_at > start]
        changes = decide_windows(later, self.since(start), start, conduct, NOW)
        self.write(changes)
        return changes

    def look_in_slices(self, points: list[Observation], since: int, conduct: Conduct, width: int) -> None:
        """All that changed since an instant, `width` points of time at a look."""
        end = max((each.occurred_at for each in points), default=since)
        while since < end:
            until = min(since + width, end)
            near = self.since(since - 1 - conduct.duration_us)
            start = restart(since - 1, conduct.duration_us, near)
            part = [each for each in points if start < each.occurred_at <= until]
            cut = None if until == end else until
            self.write(decide_windows(part, self.since(start), start, conduct, NOW, cut))
            since = until

    def facts(self) -> list[tuple[Any, ...]]:
        """What stands, without what was withdrawn."""
        standing = [each for each in self.alerts.values() if each.outcome is not Outcome.WITHDRAWN]
        return sorted(
            (each.occurred_at, each.fired_at or 0, each.ended_at or 0, each.state.value, each.value)
            for each in standing
        )


def conduct(duration: int) -> Conduct:
    """A rule with this duration."""
    return Conduct(duration, Severity.WARNING)


BANDED = [name for name, rule in RULES.items() if rule.parameters.keys() & {"clear", "clear_ratio"}]
SHARES = st.sampled_from(["-1", "-0.01", "0", "0.5", "1", "1.01", "2"])
"""How far into its rule's band a value lies, from the clearing (0) to the raising threshold (1)."""


def band_of(rule: str) -> Thresholds:
    """The thresholds of a rule as shipped; of a demand those of a limit of 1,000 kW."""
    shipped = default_rules()[rule]
    if "clear_ratio" in shipped.rule.parameters:
        return Thresholds(Decimal(1000), 1000 * shipped.number("clear_ratio"))
    return shipped.thresholds


def signs_of(band: Thresholds, shares: list[str | None]) -> list[Sign]:
    """What values at these parts of a band say; None is unknown."""
    width = band.raise_at - band.clear_at
    return [band.sign(None if share is None else band.clear_at + width * Decimal(share)) for share in shares]


def firings(rule: str, signs: list[Sign], duration: int, *, from_firing: bool = False) -> tuple[int, bool]:
    """How often a rule fires on a series, point after point, and whether it does so at the end."""
    points = [replace(point(index, None), rule=rule, sign=sign) for index, sign in enumerate(signs)]
    if RULES[rule].mode is Mode.WINDOWS:
        found = episodes(points, duration, firing_since=0 if from_firing else None)
        return sum(each.fired is not None for each in found), any(e.is_firing and e.ended_at is None for e in found)
    store, held, fired = Store(), conduct(duration), 0
    if from_firing:
        store.write([Change(None, raised(begun(point(-1, "1.6"), held), None, 0, held), ("firing",))])
    for seen in points:
        present = {each.subject: each for each in store.alerts.values() if each.is_open}
        changes = decide_states([seen], present, {}, held, seen.occurred_at)
        store.write(changes)
        fired += sum("firing" in each.steps for each in changes)
    return fired, any(each.state is State.FIRING for each in store.alerts.values())


def test_every_rule_with_a_band_is_proven_here() -> None:
    """Those with a clearing threshold; the others have no band to flutter in."""
    assert {"PueHigh", "BudgetPaceHigh", "CompletenessLow", "DemandHigh", "IngestLagHigh"} <= set(BANDED)
    assert all(band_of(rule).raise_at != band_of(rule).clear_at for rule in BANDED)


@pytest.mark.parametrize("rule", BANDED)
@given(shares=st.lists(st.sampled_from(["0.01", "0.5", "0.99"])), duration=DURATIONS)
def test_within_its_band_a_series_changes_no_state(rule: str, shares: list[str | None], duration: int) -> None:
    """Neither up, where it was not firing, nor down, where it was."""
    signs = signs_of(band_of(rule), shares)
    assert set(signs) <= {Sign.BAND}
    assert firings(rule, signs, duration) == (0, False)
    assert firings(rule, signs, duration, from_firing=True) == (0, True)


@pytest.mark.parametrize("rule", BANDED)
@given(shares=st.lists(st.one_of(st.none(), SHARES), max_size=40), duration=DURATIONS)
def test_a_series_fires_at_most_once_for_each_full_crossing(rule: str, shares: list[str | None], duration: int) -> None:
    """However it flutters about the band, and wherever it is unknown."""
    signs = signs_of(band_of(rule), shares)
    fired, _ = firings(rule, signs, duration)
    assert fired <= crossings(signs)
    if duration == 0:
        assert fired == crossings(signs)


@given(VALUES, DURATIONS)
def test_only_known_windows_above_the_limit_raise_and_only_known_good_ones_clear(
    values: list[str | None], duration: int
) -> None:
    """Each firing stands on bad windows spanning the duration without one that is not; each end on a good one."""
    points = series(values)
    for each in episodes(points, duration):
        if each.fired is not None:
            stretch = [p for p in points if each.occurred_at <= p.occurred_at <= each.fired.occurred_at]
            assert {p.sign for p in stretch} == {Sign.BAD}
            assert each.fired.occurred_at - each.occurred_at >= duration
        if each.ended_at is not None:
            assert next(p for p in points if p.occurred_at == each.ended_at).sign is Sign.GOOD


@given(VALUES, DURATIONS, st.data())
@settings(max_examples=300)
def test_late_data_in_any_pieces_ends_where_one_look_at_all_of_it_does(
    values: list[str | None], duration: int, data: st.DataObject
) -> None:
    """Windows become known, or known otherwise, in any order; looks see only what changed since the one before."""
    whole = Store()
    whole.look(series(values), -(10**6), conduct(duration))
    pieces = Store()
    known: list[str | None] = [None] * len(values)
    changed: list[int] = []
    for index in data.draw(st.permutations(range(len(values)))):
        known[index] = data.draw(st.sampled_from([values[index], "1.6", "1.4", None]), label="first seen as")
        changed.append(index)
        if data.draw(st.booleans(), label="look"):
            pieces.look(series(known), min(changed) * STEP, conduct(duration))
            changed = []
    changed += [index for index, value in enumerate(values) if known[index] != value]
    if changed:
        pieces.look(series(values), min(changed) * STEP, conduct(duration))
    assert pieces.facts() == whole.facts()


@given(VALUES, DURATIONS)
def test_a_second_look_changes_nothing(values: list[str | None], duration: int) -> None:
    """Neither at the whole series, nor at its end."""
    store = Store()
    store.look(series(values), -(10**6), conduct(duration))
    assert store.look(series(values), -(10**6), conduct(duration)) == []
    assert store.look(series(values), (len(values) - 1) * STEP, conduct(duration)) == []


@given(st.lists(st.sampled_from(["bad", "band", "good", "unknown", "gone"]), max_size=30), DURATIONS)
def test_states_keep_one_alert_open_and_end_it_only_on_good_or_gone(signs: list[str], duration: int) -> None:
    """Seen at one look after another."""
    store, rule = Store(), conduct(duration)
    for index, sign in enumerate(signs):
        now = (index + 1) * STEP
        seen = [] if sign == "gone" else [replace(point(index, None), sign=Sign(sign), occurred_at=now)]
        present = {each.subject: each for each in store.alerts.values() if each.is_open}
        closed = {(each.subject, each.occurred_at): each for each in store.alerts.values() if not each.is_open}
        changes = decide_states(seen, present, closed, rule, now)
        store.write(changes)
        for change in changes:
            if change.steps == ("resolved",):
                assert sign in {"good", "gone"}
            if "firing" in change.steps:
                assert sign == "bad"
        again = {each.subject: each for each in store.alerts.values() if each.is_open}
        assert decide_states(seen, again, closed, rule, now) == [] or sign == "band"


@given(st.lists(st.sampled_from(list(Sign)), max_size=30), DURATIONS)
def test_a_state_fires_only_where_it_was_known_to_be_bad_all_along(signs: list[Sign], duration: int) -> None:
    """What was not known for a while has not lasted, as with windows."""
    store, held = Store(), conduct(duration)
    for index, sign in enumerate(signs):
        seen = replace(point(index, None), sign=sign)
        present = {each.subject: each for each in store.alerts.values() if each.is_open}
        changes = decide_states([seen], present, {}, held, seen.occurred_at)
        store.write(changes)
        if any("firing" in each.steps for each in changes):
            assert set(signs[index - duration // STEP : index + 1]) == {Sign.BAD}


@given(st.lists(st.sets(st.integers(0, 60), min_size=1, max_size=4), min_size=1, max_size=8))
def test_a_backlog_seen_in_halves_begins_in_the_end_where_its_oldest_event_does(looks: list[set[int]]) -> None:
    """Events an hour apart come and pass; none is news twice, and it ends historical if all it saw last was old."""
    store, noted, hour, now = Store(), Conduct(0, Severity.WARNING, noted=True), LATE_US // 24, 100 * LATE_US
    halves = [{str(at): now - at * hour for at in events} for events in looks]
    for members in halves:
        ats = members.values()
        seen = replace(
            point(0, None), sign=Sign.BAD, members=members, occurred_at=min(ats), news_at=max(ats),
            evidence={"events": sorted(members)},
        )  # fmt: skip
        present = {each.subject: each for each in store.alerts.values()}
        before = present.get("hall")
        changes = decide_states([seen], present, {}, noted, now)
        store.write(changes)
        (alert,) = store.alerts.values()
        assert (alert.occurred_at, dict(alert.members)) == (min(ats), members)
        assert alert.historical == all(now - at > LATE_US for at in ats)
        if before is not None:
            became_news = before.historical and not alert.historical
            assert alert.raised_count == before.raised_count + became_news
            assert before == alert or changes[0].steps in {("widened",), ("revised",)}


def test_a_widened_alert_that_was_acknowledged_fires_again() -> None:
    """What is inside now was not acknowledged."""
    seen = replace(point(0, None), sign=Sign.BAD, members={"m1": STEP})
    (first,) = decide_states([seen], {}, {}, conduct(0), STEP)
    assert first.after is not None
    acknowledged = replace(first.after, alert_id=1, state=State.ACKNOWLEDGED, acknowledged_at=STEP)
    more = replace(seen, members={"m1": STEP, "m2": 2 * STEP})
    (second,) = decide_states([more], {"hall": acknowledged}, {}, conduct(0), 2 * STEP)
    assert second.after is not None
    assert (second.after.state, second.steps, second.after.raised_count) == (State.FIRING, ("widened",), 2)


@settings(max_examples=300)
@given(values=VALUES, duration=DURATIONS, width=st.integers(1, 12))
def test_a_history_read_in_slices_ends_where_one_look_does(values: list[str | None], duration: int, width: int) -> None:
    """However narrow the slices are, and wherever they cut an episode; unknown windows at a cut end what is pending."""
    points = series(values)
    whole, sliced = Store(), Store()
    whole.look(points, 0, conduct(duration))
    sliced.look_in_slices(points, 0, conduct(duration), width * STEP)
    assert [each for each in sliced.facts() if each[1]] == [each for each in whole.facts() if each[1]]


@settings(max_examples=300)
@given(old=VALUES, values=VALUES, duration=DURATIONS, width=st.integers(1, 12))
def test_a_changed_past_read_in_slices_ends_where_one_look_does(
    old: list[str | None], values: list[str | None], duration: int, width: int
) -> None:
    """Late data of long ago beside alerts that stand, one of them open at the end."""
    store, alone = Store(), Store()
    store.look(series(old[: len(values)]), 0, conduct(duration))
    points = series(values)
    store.look_in_slices(points, 0, conduct(duration), width * STEP)
    alone.look(points, 0, conduct(duration))
    assert [each[:3] for each in store.facts() if each[1]] == [each[:3] for each in alone.facts() if each[1]]
