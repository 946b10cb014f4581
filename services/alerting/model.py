"""The words of alerting: what a rule sees of a subject, and the alert with a life that follows from it.

Instants are microseconds since 1970. Evidence is what JSON can hold; numbers in it are decimal text, never floats.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from services.model import HOUR_US

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

LATE_US: Final = 24 * HOUR_US
"""An alert found later than this after it occurred is historical: listed and digested, not paged."""


class Sign(StrEnum):
    """What one observation says of its subject."""

    BAD = "bad"
    BAND = "band"
    """Between the clearing and the raising threshold: changes no state."""
    GOOD = "good"
    UNKNOWN = "unknown"
    """Not known well enough: neither raises nor clears."""


class State(StrEnum):
    """Where an alert is in its life."""

    PENDING = "pending"
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Outcome(StrEnum):
    """How a resolved alert ended."""

    CLEARED = "cleared"
    WITHDRAWN = "withdrawn"
    """Late data or a declared act showed that it never was."""


class Severity(StrEnum):
    """How bad it is; the official scheme's colour is shown beside it, never a bare level number."""

    NOTICE = "notice"
    WARNING = "warning"
    CRITICAL = "critical"


def graver(one: Severity, other: Severity) -> Severity:
    """The worse of two."""
    order = list(Severity)
    return max(one, other, key=order.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a rule sees of one subject at one moment.

    `evidence` is what an alert is raised on: a change of it is a revision. `latest` may change with every look.
    `members` are the things inside (meters of a site, events of a register), each with the instant it became news.
    """

    rule: str
    subject: str
    sign: Sign
    occurred_at: int
    value: Decimal | None = None
    limit: Decimal | None = None
    unit: str = ""
    enterprise: str | None = None
    site: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    latest: Mapping[str, Any] = field(default_factory=dict)
    members: Mapping[str, int] = field(default_factory=dict)
    ends_at: int | None = None
    """When it is over by itself, such as a budget's period."""
    news_at: int | None = None
    """What counts for being historical; `occurred_at` where it is not given."""
    severity: Severity | None = None
    """Where it is not the rule's. An alert whose severity grows is raised again; it never becomes less grave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An occurrence with a life, as stored. `alert_id` is None until it is."""

    alert_id: int | None
    rule: str
    subject: str
    enterprise: str | None
    site: str | None
    severity: Severity
    state: State
    occurred_at: int
    fired_at: int | None = None
    """When its duration was over, in the time of the data."""
    ended_at: int | None = None
    raised_at: int | None = None
    """When it was found to fire, by the database's clock; the same clock as `resolved_at` and `acknowledged_at`."""
    resolved_at: int | None = None
    acknowledged_at: int | None = None
    acknowledged_by: str | None = None
    historical: bool = False
    outcome: Outcome | None = None
    raised_count: int = 0
    """How often it was raised: again when reopened, or widened after it had been acknowledged."""
    value: Decimal | None = None
    limit: Decimal | None = None
    unit: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    latest: Mapping[str, Any] = field(default_factory=dict)
    members: Mapping[str, int] = field(default_factory=dict)
    rule_version: int = 0
    summary_zh: str = ""
    summary_en: str = ""

    @property
    def is_open(self) -> bool:
        """Whether its life goes on."""
        return self.state is not State.RESOLVED


@dataclass(frozen=True, slots=True)
class Conduct:
    """What of a rule's version the decision needs."""

    duration_us: int
    severity: Severity
    version: int = 0
    noted: bool = False
    """Ends when somebody has acknowledged it: nothing else can end what has happened."""


@dataclass(frozen=True, slots=True)
class Change:
    """An alert before and after. `before` None: new. `after` None: a pending one that came to nothing.

    `steps` are the entries of its history: pending, firing, revised, widened, reopened, resolved, withdrawn.
    Without steps only `latest` moved on.
    """

    before: Alert | None
    after: Alert | None
    steps: tuple[str, ...] = ()
