"""Decisions on what happened once: a budget's limit crossed at one reading. The subject names the one occurrence.

What was not looked at again stays as it is; a closed one too is revised when late data moves it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from services.alerting.life import begun, differs, ended, noticed, on, raised, withdrawn
from services.alerting.model import Change, Outcome, Sign

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.alerting.model import Alert, Conduct, Observation


def decide_occurrences(
    observations: Sequence[Observation], stored: Mapping[str, Alert], conduct: Conduct, now: int
) -> list[Change]:
    """The changes that follow for the subjects looked at.

    Args:
        observations: Bad where it happened, at `occurred_at`; good where it did not; unknown changes nothing.
        stored: The newest alert of each subject, open or not.
        conduct: The rule's.
        now: By the database's clock.
    """
    changes = []
    for seen in observations:
        change = _decide(seen, stored.get(seen.subject), conduct, now)
        changes += [] if change is None else [change]
    return changes


def _decide(seen: Observation, alert: Alert | None, conduct: Conduct, now: int) -> Change | None:
    was = alert is not None and alert.outcome is not Outcome.WITHDRAWN
    if seen.sign is Sign.GOOD:
        return withdrawn(alert, now) if was and alert is not None else None
    if seen.sign is not Sign.BAD:
        return None
    if alert is None or not was:
        return _new(seen, alert, conduct, now)
    if differs(alert, seen) or alert.occurred_at != seen.occurred_at:
        moved = replace(on(alert, seen), occurred_at=seen.occurred_at, fired_at=seen.occurred_at)
        return _closed(Change(alert, moved, ("revised",)), seen, now)
    if alert.is_open and _is_over(seen, now):
        return ended(alert, seen.ends_at or now, now)
    return noticed(alert, seen)


def _new(seen: Observation, alert: Alert | None, conduct: Conduct, now: int) -> Change:
    if alert is None:
        first = raised(begun(seen, conduct), seen, now, conduct)
        return _closed(Change(None, first, ("firing",)), seen, now)
    again = replace(alert, occurred_at=seen.occurred_at, fired_at=seen.occurred_at)
    return _closed(Change(alert, raised(again, seen, now, conduct), ("reopened",)), seen, now)


def _closed(change: Change, seen: Observation, now: int) -> Change:
    """The same change, and its end where the period is over already."""
    after = change.after
    if after is None or not after.is_open or not _is_over(seen, now):
        return change
    end = ended(after, seen.ends_at or now, now)
    return Change(change.before, end.after, (*change.steps, *end.steps))


def _is_over(seen: Observation, now: int) -> bool:
    return seen.ends_at is not None and seen.ends_at <= now
