"""Which notifications are due: a pure function of the alerts, what was sent of them, the routes and the clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.alerting.model import LATE_US, State
from services.notify.config import MQTT

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from services.alerting.model import Alert
    from services.notify.config import Config, Route


@dataclass(frozen=True, slots=True)
class Sent:
    """A notification of an alert that is in the outbox already; `delivered_at` None: not delivered yet."""

    target: str
    kind: str
    once: str
    delivered_at: int | None


@dataclass(frozen=True, slots=True)
class Due:
    """A notification that must go into the outbox; `once` makes it the same however often it is found due."""

    target: str
    alert: Alert
    kind: str
    once: str


def due(
    config: Config, alerts: Sequence[tuple[Alert, Sequence[Sent]]], silenced: Collection[str], now: int
) -> list[Due]:
    """What is due now, but nothing about a site under maintenance.

    Historical alerts are not due: a digest lists them. One that was paged before late data made it historical is only
    told to be over.
    """
    found = []
    for alert, sent in alerts:
        if alert.site in silenced or (alert.historical and not (sent and alert.state is State.RESOLVED)):
            continue
        for target, repeat_us in _targets(config, alert).items():
            mine = [each for each in sent if each.target == target]
            step = _next(alert, mine, repeat_us, now)
            if step is not None:
                found.append(Due(target, alert, *step))
    return found


def matches(route: Route, alert: Alert) -> bool:
    """Whether a route takes an alert."""
    return alert.severity in route.severities and (route.enterprises is None or alert.enterprise in route.enterprises)


def _targets(config: Config, alert: Alert) -> Mapping[str, int]:
    """The targets of an alert, each with the shortest of its routes' repeats; 0: never repeated."""
    targets: dict[str, int] = {}
    for route in config.routes:
        for name in route.targets if matches(route, alert) else ():
            if config.targets[name].kind != MQTT or alert.enterprise is not None:
                repeats = [each for each in (targets.get(name, 0), route.repeat_us) if each]
                targets[name] = min(repeats, default=0)
    return targets


def _next(alert: Alert, sent: Sequence[Sent], repeat_us: int, now: int) -> tuple[str, str] | None:
    """The (kind, once) that comes next for one target."""
    raise_key = f"{alert.alert_id}:{alert.raised_count}"
    own = [each for each in sent if each.once.startswith(f"{raise_key}:")]
    kinds = {each.kind for each in own}
    if alert.state is State.RESOLVED:
        told = "firing" in kinds or _came_and_went(alert, now)
        return ("resolved", f"{raise_key}:resolved") if told and "resolved" not in kinds else None
    if alert.state is not State.FIRING:
        return None
    if "firing" not in kinds:
        return "firing", f"{raise_key}:firing"
    delivered = [each.delivered_at for each in own if each.delivered_at is not None]
    if repeat_us and len(delivered) == len(own) and now - max(delivered) >= repeat_us:
        return "repeat", f"{raise_key}:repeat:{len(own)}"
    return None


def _came_and_went(alert: Alert, now: int) -> bool:
    """It began and ended between two looks, as after an outage of ours: told once, in one message."""
    return (
        alert.raised_at is not None
        and alert.raised_at == alert.resolved_at
        and alert.outcome == "cleared"
        and not alert.historical
        and now - alert.raised_at < LATE_US
    )
