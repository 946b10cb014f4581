"""Decisions on what holds now: the bad things there are at this moment, each since an instant.

What is no longer among them is over. Used for silent meters, held readings, open events, budget pace and the like.
Of what happened and only a person's word ends (`noted`), what is gone without one never was: late data showed it. The
alert then begins with the oldest that is left, and whether it is historical is judged anew.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from services.alerting.life import begun, differs, ended, noticed, on, raised, withdrawn
from services.alerting.model import LATE_US, Change, Sign, State, graver

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
        observations: Everything the rule sees, one a subject; a subject that is not there is good. One that has an end
            is over: it began and ended since the last look.
        open_alerts: By subject.
        closed: Resolved alerts by subject and `occurred_at`: the same thing seen again is reopened, and what is open
            never takes its moment.
        conduct: The rule's.
        now: By the database's clock.
    """
    seen = {each.subject: each for each in observations if each.ends_at is None}
    gone = [alert for subject, alert in open_alerts.items() if subject not in seen]
    changes = [_gone(alert, conduct, now) for alert in gone]
    for subject, each in seen.items():
        alert, same = open_alerts.get(subject), closed.get((subject, each.occurred_at))
        if alert is None:
            change = _begin(each, same, conduct, now)
        else:
            begins_at = each.occurred_at if conduct.noted and same is None else alert.occurred_at
            change = _go_on(alert, each, begins_at, conduct, now)
        changes += [] if change is None else [change]
    passed = [each for each in observations if each.ends_at is not None and each.subject not in open_alerts]
    return [*changes, *(_passed(each, each.ends_at, conduct, now) for each in passed if _is_new(each, closed, conduct))]


def _is_new(passed: Observation, closed: Mapping[tuple[str, int], Alert], conduct: Conduct) -> bool:
    """Whether what began and ended since the last look lasted long enough, and was not raised before."""
    lasted_us = (passed.ends_at or passed.occurred_at) - passed.occurred_at
    return lasted_us >= conduct.duration_us and (passed.subject, passed.occurred_at) not in closed


def _passed(seen: Observation, ends_at: int | None, conduct: Conduct, now: int) -> Change:
    """Raised and resolved at once."""
    alert = raised(begun(seen, conduct), seen, now, conduct)
    after = ended(alert, seen.occurred_at if ends_at is None else ends_at, now).after
    return Change(None, after, ("firing", "resolved"))


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


def _go_on(alert: Alert, seen: Observation, begins_at: int, conduct: Conduct, now: int) -> Change | None:
    if seen.sign is Sign.GOOD:
        return ended(alert, seen.occurred_at, now)
    if seen.sign is not Sign.BAD:
        return Change(alert, None) if alert.state is State.PENDING else noticed(alert, seen)
    if alert.state is not State.PENDING:
        return _still_bad(alert, seen, begins_at, conduct, now)
    if now - begins_at >= conduct.duration_us:
        return Change(alert, raised(replace(alert, occurred_at=begins_at), seen, now, conduct), ("firing",))
    return noticed(alert, seen)


def _still_bad(alert: Alert, seen: Observation, begins_at: int, conduct: Conduct, now: int) -> Change | None:
    added = [at for name, at in seen.members.items() if name not in alert.members]
    if seen.severity is not None and graver(seen.severity, alert.severity) is not alert.severity:
        again = raised(replace(_moved(alert, begins_at, conduct), severity=seen.severity), seen, now, conduct)
        return Change(alert, replace(again, historical=alert.historical), ("widened",))
    if not added and not differs(alert, seen):
        return noticed(alert, seen)
    after = _moved(alert, begins_at, conduct)
    if any(now - at <= LATE_US for at in added) and (alert.state is State.ACKNOWLEDGED or alert.historical):
        return Change(alert, _recent(raised(after, seen, now, conduct), added), ("widened",))
    if conduct.noted and alert.members.keys() - seen.members.keys():
        return Change(alert, on(_without_what_passed(after, seen, added, now), seen), ("revised",))
    return Change(alert, on(after, seen), ("widened" if added else "revised",))


def _moved(alert: Alert, begins_at: int, conduct: Conduct) -> Alert:
    """The alert from where what it stands on begins."""
    if begins_at == alert.occurred_at:
        return alert
    return replace(alert, occurred_at=begins_at, fired_at=begins_at + conduct.duration_us)


def _without_what_passed(alert: Alert, seen: Observation, added: Sequence[int], now: int) -> Alert:
    """Historical where what is left was late when it was found; never news again, which would page without a cause."""
    news_at = seen.occurred_at if seen.news_at is None else seen.news_at
    found_at = now if news_at in added or alert.raised_at is None else alert.raised_at
    return replace(alert, historical=alert.historical or found_at - news_at > LATE_US)


def _recent(alert: Alert, added: Sequence[int]) -> Alert:
    """New things inside make it news again, however old the first of them is."""
    return replace(alert, historical=False, fired_at=max(added))
