"""What late data does to an alert on things that happened: it begins where they do, and is news only if they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.alerting.model import LATE_US, Alert, Change, Conduct, Observation, Severity, Sign, State
from services.alerting.states import decide_states
from services.model import HOUR_US

NOW = 100 * LATE_US
MINUTE_US = HOUR_US // 60
OLD, OLDER = NOW - LATE_US - 2 * HOUR_US, NOW - LATE_US - 3 * HOUR_US
RECENT = NOW - LATE_US + 2 * HOUR_US
NOTED = Conduct(0, Severity.WARNING, noted=True)
STANDING = Conduct(0, Severity.WARNING)


def seen(*members: int) -> Observation:
    """A register with events at these instants."""
    return Observation(
        rule="RegisterBreak", subject="works/m1/import", sign=Sign.BAD, occurred_at=min(members),
        news_at=max(members), members={str(at): at for at in members}, evidence={"count": len(members)},
    )  # fmt: skip


def first(*members: int) -> Alert:
    """The alert on these events, found now."""
    (change,) = decide_states([seen(*members)], {}, {}, NOTED, NOW)
    assert change.after is not None
    return replace(change.after, alert_id=1)


def then(
    alert: Alert, *members: int, conduct: Conduct = NOTED, closed: Alert | None = None, after_us: int = MINUTE_US
) -> Change:
    """What a look at these events changes, a minute later."""
    others = {} if closed is None else {(closed.subject, closed.occurred_at): closed}
    (change,) = decide_states([seen(*members)], {alert.subject: alert}, others, conduct, NOW + after_us)
    return change


def test_an_event_that_passed_takes_its_moment_and_its_news_with_it() -> None:
    """Half a backlog shows a break at the outage's end; the rest shows the two that there were, long before."""
    alert = first(RECENT)
    assert not alert.historical
    change = then(alert, OLDER, OLD)
    assert change.after is not None
    assert (change.after.occurred_at, change.after.fired_at, change.after.historical) == (OLDER, OLDER, True)
    assert change.steps == ("revised",)
    assert (change.after.state, change.after.raised_count) == (State.FIRING, 1)


def test_what_only_leaves_is_judged_by_when_it_was_found() -> None:
    """The recent one of two goes: the other was old already when the alert was raised."""
    change = then(first(OLD, RECENT), OLD)
    assert change.after is not None
    assert (change.after.occurred_at, change.after.historical, change.steps) == (OLD, True, ("revised",))


def test_the_oldest_that_leaves_moves_the_beginning_forward_and_the_rest_stays_news() -> None:
    """However long after the look: what was found in time does not grow late by waiting."""
    change = then(first(OLD, RECENT), RECENT, after_us=5 * LATE_US)
    assert change.after is not None
    assert (change.after.occurred_at, change.after.historical, change.steps) == (RECENT, False, ("revised",))


def test_an_older_event_beside_one_that_stands_leaves_it_news() -> None:
    """It begins earlier, as is known now."""
    change = then(first(RECENT), OLD, RECENT)
    assert change.after is not None
    assert (change.after.occurred_at, change.after.historical, change.steps) == (OLD, False, ("widened",))


def test_a_historical_alert_becomes_news_by_a_new_event_only() -> None:
    """Never because something left it, which nobody would be paged for."""
    alert = first(OLDER, OLD)
    assert alert.historical
    change = then(alert, OLD)
    assert change.after is not None
    assert (change.after.occurred_at, change.after.historical, change.after.raised_count) == (OLD, True, 1)
    change = then(alert, RECENT)
    assert change.after is not None
    assert (change.after.occurred_at, change.after.historical, change.after.raised_count) == (RECENT, False, 2)


@pytest.mark.parametrize("state", [State.FIRING, State.ACKNOWLEDGED])
def test_what_is_over_was(state: State) -> None:
    """A silent meter that reports again was silent: the alert on those that still are goes on from its beginning."""
    alert = replace(first(OLD, RECENT), state=state, acknowledged_at=NOW)
    change = then(alert, RECENT, conduct=STANDING)
    assert change.after is not None
    assert (change.after.occurred_at, change.after.historical, change.after.state) == (OLD, False, state)


def test_the_moment_of_a_resolved_alert_stays_its_own() -> None:
    """An event comes back whose alert was resolved: of one moment and subject there is one alert."""
    closed = replace(first(OLD), alert_id=2, state=State.RESOLVED)
    change = then(first(RECENT), OLD, RECENT, closed=closed)
    assert change.after is not None
    assert (change.after.occurred_at, len(change.after.members)) == (RECENT, 2)


def test_a_pending_alert_fires_by_what_it_stands_on() -> None:
    """A clock ran ahead and its event passed: the one that stands is due now."""
    (change,) = decide_states([seen(NOW + HOUR_US)], {}, {}, NOTED, NOW)
    assert change.after is not None
    assert change.after.state is State.PENDING
    fired = then(replace(change.after, alert_id=1), RECENT)
    assert fired.after is not None
    assert (fired.after.occurred_at, fired.after.fired_at, fired.steps) == (RECENT, RECENT, ("firing",))
