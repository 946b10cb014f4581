"""Decisions on figures over windows: the episodes of a series set against the alerts stored for it.

Only the part of the series that changed is looked at again; what the stored alerts say carries the state into it.
Late data that changes an episode revises its alert; an alert whose episode is gone is withdrawn.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from services.alerting.life import begun, differs, ended, on, raised, withdrawn
from services.alerting.model import Change, Outcome, State
from services.alerting.series import episodes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.alerting.model import Alert, Conduct, Observation
    from services.alerting.series import Episode

_FOREVER = 2**63


def restart(since: int, duration_us: int, stored: Sequence[Alert]) -> int:
    """From where points must be read when those after `since` changed: points later than the result.

    A run that had not fired then is read from its beginning.
    """
    start = since - duration_us
    for alert in sorted(stored, key=lambda each: each.occurred_at, reverse=True):
        if alert.occurred_at <= start and (alert.fired_at is None or alert.fired_at > start):
            start = alert.occurred_at - 1
    return start


def decide_windows(
    points: Sequence[Observation],
    stored: Sequence[Alert],
    start: int,
    conduct: Conduct,
    now: int,
    until: int | None = None,
) -> list[Change]:
    """The changes for one subject.

    What goes on at `until` is left to the slice after it. A new alert waits there as ended if a later one is open, for
    only one may be; it goes on, or ends elsewhere, by that slice.

    Args:
        points: All points of the series later than `start`, in order.
        stored: The subject's alerts that were not withdrawn and did not end before `start`.
        start: What `restart` gave.
        conduct: The rule's.
        now: By the database's clock.
        until: Later points exist, but belong to another slice.
    """
    is_later_open = until is not None and any(each.is_open and each.occurred_at > until for each in stored)
    stored = [each for each in stored if until is None or each.occurred_at <= until]
    carried = next((each for each in stored if each.fired_at is not None and each.fired_at <= start), None)
    firing_since = carried.occurred_at if carried else None
    found = episodes(points, conduct.duration_us, firing_since=firing_since, is_cut=until is not None)
    changes = []
    left = sorted(stored, key=lambda each: each.occurred_at)
    new: list[Change | None] = []
    for each in found:
        alert = next((one for one in left if _overlap(one, each)), None)
        episode = each if until is None else _cut(each, alert, until, is_later_open=is_later_open)
        if alert is None and is_later_open and not episode.is_firing:
            continue  # the next slice reads it from its beginning
        if alert is None:
            new.append(_newest(_new(episode, conduct, now), points))
        else:
            left.remove(alert)
            changes.append(_newest(_matched(alert, episode, conduct, now), points))
    # what ends comes before what begins: of one subject only one may be open
    return [each for each in [*(withdrawn(alert, now) for alert in left), *changes, *new] if each is not None]


def _cut(episode: Episode, alert: Alert | None, until: int, *, is_later_open: bool) -> Episode:
    """One that goes on at the end of a slice ends where its alert is known to, or for now there if another is open."""
    if episode.ended_at is not None:
        return episode
    if alert is not None and alert.ended_at is not None and alert.ended_at > until:
        return replace(episode, ended_at=alert.ended_at)
    return replace(episode, ended_at=until) if is_later_open else episode


def _overlap(alert: Alert, episode: Episode) -> bool:
    if alert.state is not State.PENDING and not episode.is_firing:
        return False
    alert_end = _FOREVER if alert.ended_at is None else alert.ended_at
    episode_end = _FOREVER if episode.ended_at is None else episode.ended_at
    return alert.occurred_at < episode_end and episode.occurred_at < alert_end


def _new(episode: Episode, conduct: Conduct, now: int) -> Change | None:
    if episode.begun is None:
        return None
    alert = begun(episode.begun, conduct)
    if episode.fired is None:
        return Change(None, alert)
    fired = raised(replace(alert, fired_at=episode.fired.occurred_at), episode.fired, now, conduct)
    return _over(Change(None, fired, ("firing",)), episode, now)


def _matched(alert: Alert, episode: Episode, conduct: Conduct, now: int) -> Change:
    after, steps = _stands(alert, episode, conduct, now)
    if episode.ended_at is None and after.state is State.RESOLVED:
        after, steps = raised(after, None, now, conduct), ("reopened",)
    return _over(Change(alert, after, steps), episode, now)


def _newest(change: Change | None, points: Sequence[Observation]) -> Change | None:
    """The change with the newest point as what an open alert saw latest, or None if nothing changes."""
    if change is None or change.after is None:
        return change
    after = change.after
    if points and points[-1].latest and after.is_open:
        after = replace(after, latest=points[-1].latest)
    return None if after == change.before else Change(change.before, after, change.steps)


def _stands(alert: Alert, episode: Episode, conduct: Conduct, now: int) -> tuple[Alert, tuple[str, ...]]:
    """The alert on what its episode stands on now, and the step that this is."""
    if episode.begun is None:
        return alert, ()
    if episode.fired is None:
        return replace(on(alert, episode.begun), occurred_at=episode.occurred_at), ()
    moved = replace(alert, occurred_at=episode.occurred_at, fired_at=episode.fired.occurred_at)
    if alert.state is State.PENDING:
        return raised(moved, episode.fired, now, conduct), ("firing",)
    if moved != alert or differs(alert, episode.fired):
        return on(moved, episode.fired), ("revised",)
    return alert, ()


def _over(change: Change, episode: Episode, now: int) -> Change:
    """The same change, and the episode's end where it has one."""
    after = change.after
    if after is None or episode.ended_at is None:
        return change
    if after.is_open:
        end = ended(after, episode.ended_at, now)
        return Change(change.before, end.after, (*change.steps, *end.steps))
    if after.ended_at != episode.ended_at:
        moved = replace(after, ended_at=episode.ended_at, outcome=Outcome.CLEARED)
        return Change(change.before, moved, change.steps or ("revised",))
    return change
