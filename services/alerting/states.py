"""Decisions on what holds now: the bad things there are at this moment, each since an instant.

What is no longer among them is over. Used for silent meters, held readings, open events, budget pace and the like.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from services.alerting.life import begun, differs, ended, noticed, on, raised, withdrawn
from services.alerting.model import LATE_US, Change, Sign, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.alerting.model import Alert, Conduct, Observation


def decide_states(
    observations: Sequence[Observation],
    open_alerts: Mapping[str, Alert],
    closed: Mapping[tuple[str, int], Alert],
    conduct: Conduct,
    now: int,
) -> list[Change]:
    """The changes that follow from all there is to see now.

    Args:
        observations: Everything the rule sees, one a subject; a subject that is not there is good.
        open_alerts: By subject.
        closed: Resolved alerts by subject and `occurred_at`: the same thing seen again is reopened.
        conduct: The rule's.
        now: By the database's clock.
    """
    seen = {each.subject: each for each in observations}
    gone = [alert for subject, alert in open_alerts.items() if subject not in seen]
    changes = [_gone(alert, conduct, now) for alert in gone]
    for subject, each in seen.items():
        alert = open_alerts.get(subject)
        if alert is not None:
            change = _go_on(alert, each, conduct, now)
        else:
            change = _begin(each, closed.get((subject, each.occurred_at)), conduct, now)
        changes += [] if change is None else [change]
    return changes


def _gone(alert: Alert, conduct: Conduct, now: int) -> Change:
    """What happened and is no longer there without anybody's word was withdrawn by the fold."""
    if conduct.noted and alert.acknowledged_at is None:
        return withdrawn(alert, now)
    return ended(alert, now, now)


def _begin(seen: Observation, closed: Alert | None, conduct: Conduct, now: int) -> Change | None:
    if seen.sign is not Sign.BAD:
        return None
    is_due = now - seen.occurred_at >= conduct.duration_us
    if closed is not None:
        return Change(closed, raised(closed, seen, now, conduct), ("reopened",)) if is_due else None
    alert = begun(seen, conduct)
    return Change(None, raised(alert, seen, now, conduct), ("firing",)) if is_due else Change(None, alert)


def _go_on(alert: Alert, seen: Observation, conduct: Conduct, now: int) -> Change | None:
    if seen.sign is Sign.GOOD:
        return ended(alert, seen.occurred_at, now)
    if seen.sign is not Sign.BAD:
        return Change(alert, None) if alert.state is State.PENDING else noticed(alert, seen)
    if alert.state is not State.PENDING:
        return _still_bad(alert, seen, conduct, now)
    if now - alert.occurred_at >= conduct.duration_us:
        return Change(alert, raised(alert, seen, now, conduct), ("firing",))
    return noticed(alert, seen)


def _still_bad(alert: Alert, seen: Observation, conduct: Conduct, now: int) -> Change | None:
    added = [at for name, at in seen.members.items() if name not in alert.members]
    if added:
        is_news = any(now - at <= LATE_US for at in added)
        if is_news and (alert.state is State.ACKNOWLEDGED or alert.historical):
            after = raised(alert, seen, now, conduct)
            return Change(alert, _recent(after, added), ("widened",))
        return Change(alert, on(alert, seen), ("widened",))
    if differs(alert, seen):
        return Change(alert, on(alert, seen), ("revised",))
    return noticed(alert, seen)


def _recent(alert: Alert, added: Sequence[int]) -> Alert:
    """New things inside make it news again, however old the first of them is."""
    return replace(alert, historical=False, fired_at=max(added))
