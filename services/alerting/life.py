"""The single steps in an alert's life: begin, fire, go on, widen, end, withdraw. Each gives the alert after it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from services.alerting.model import LATE_US, Alert, Change, Outcome, State

if TYPE_CHECKING:
    from services.alerting.model import Conduct, Observation


def begun(seen: Observation, conduct: Conduct) -> Alert:
    """A pending alert on what was seen."""
    return Alert(
        alert_id=None,
        rule=seen.rule,
        subject=seen.subject,
        enterprise=seen.enterprise,
        site=seen.site,
        severity=seen.severity or conduct.severity,
        state=State.PENDING,
        occurred_at=seen.occurred_at,
        value=seen.value,
        limit=seen.limit,
        unit=seen.unit,
        evidence=seen.evidence,
        latest=seen.latest,
        members=seen.members,
        rule_version=conduct.version,
    )


def raised(alert: Alert, seen: Observation | None, now: int, conduct: Conduct) -> Alert:
    """Firing, found now, on what was seen; without it, on what it was raised on before.

    It is historical if what made it fire is more than a day old, or is not news any more.
    """
    fired_at = alert.occurred_at + conduct.duration_us if alert.fired_at is None else alert.fired_at
    news_at = fired_at if seen is None or seen.news_at is None else seen.news_at
    seen_on = alert if seen is None else on(alert, seen)
    return replace(
        seen_on,
        state=State.FIRING,
        fired_at=fired_at,
        raised_at=now,
        raised_count=alert.raised_count + 1,
        acknowledged_at=None,
        acknowledged_by=None,
        resolved_at=None,
        ended_at=None,
        outcome=None,
        historical=now - news_at > LATE_US,
        rule_version=conduct.version,
    )


def on(alert: Alert, seen: Observation) -> Alert:
    """The same alert, on other evidence."""
    return replace(
        alert,
        value=seen.value,
        limit=seen.limit,
        unit=seen.unit,
        evidence=seen.evidence,
        latest=seen.latest,
        members=seen.members,
    )


def differs(alert: Alert, seen: Observation) -> bool:
    """Whether what was seen is other evidence than the alert stands on."""
    return (alert.value, alert.members.keys(), dict(alert.evidence)) != (
        seen.value,
        seen.members.keys(),
        dict(seen.evidence),
    )


def noticed(alert: Alert, seen: Observation) -> Change | None:
    """Only what moves with every look; None if even that stands still."""
    if not seen.latest or dict(seen.latest) == dict(alert.latest):
        return None
    return Change(alert, replace(alert, latest=seen.latest))


def ended(alert: Alert, ended_at: int, now: int) -> Change:
    """Resolved; one that never fired leaves no trace."""
    if alert.state is State.PENDING:
        return Change(alert, None)
    after = replace(
        alert, state=State.RESOLVED, ended_at=max(ended_at, alert.occurred_at), resolved_at=now, outcome=Outcome.CLEARED
    )
    return Change(alert, after, ("resolved",))


def withdrawn(alert: Alert, now: int) -> Change:
    """It never was, as we know now; a pending one leaves no trace."""
    if alert.state is State.PENDING:
        return Change(alert, None)
    resolved_at = now if alert.resolved_at is None else alert.resolved_at
    ended_at = alert.occurred_at if alert.ended_at is None else alert.ended_at
    after = replace(alert, state=State.RESOLVED, ended_at=ended_at, resolved_at=resolved_at, outcome=Outcome.WITHDRAWN)
    return Change(alert, after, ("withdrawn",))
