"""One look of a rule at the store: with whose settings, at which moment, and since when it has not looked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from services.alerting.model import Observation
from services.alerts.evaluations import EVERY_AGE
from services.model import SECOND_US
from services.store.pool import NEG_INFINITY

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from services.alerting.model import Sign
    from services.alerts.rule import RuleVersion
    from services.store.pool import Row

SHOWN: Final = 50
"""How many of the things inside an alert its evidence lists; the count is of all."""


@dataclass(frozen=True, slots=True)
class Look:
    """A rule's settings and the moment; `since`: whatever was recorded after it has not been looked at yet."""

    version: RuleVersion
    now: int
    since: int = NEG_INFINITY
    open_subjects: Collection[str] = field(default_factory=frozenset)
    """What has an open alert now, and so must be looked at again."""
    age: int = EVERY_AGE
    """What was written by transactions older than this, counted in transactions, has been looked at."""

    def saw(self, subject: str, sign: Sign, occurred_at: int, **more: Any) -> Observation:  # noqa: ANN401 - fields of it
        """An observation of this rule."""
        return Observation(rule=self.version.rule.name, subject=subject, sign=sign, occurred_at=occurred_at, **more)


def local(at: int, zone: str) -> str:
    """An instant for a person, in the zone of the place: '2026-01-31 08:15'."""
    return datetime.fromtimestamp(at / SECOND_US, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


def place(row: Row | Mapping[str, Any]) -> dict[str, str]:
    """The names of an enterprise and its site, joined; the enterprise's alone where there is no site."""
    return {
        f"place_{language}": " · ".join(row[f"{what}_{language}"] for what in ("enterprise", "site") if row[what])
        for language in ("zh", "en")
    }
