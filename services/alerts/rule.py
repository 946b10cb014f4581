"""A rule as shipped, and a version of its settings as somebody set them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from services.alerting.model import Conduct, Severity
from services.alerting.thresholds import Thresholds
from services.declared import scalars
from services.model import SECOND_US

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Mode(StrEnum):
    """How a rule's observations become alerts: see the modules of services.alerting."""

    STATES = "states"
    OCCURRENCES = "occurrences"
    WINDOWS = "windows"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One setting of a rule: how its text is read, and what it is where the file says nothing."""

    read: Callable[[str], Any]
    default: str
    is_map: bool = False
    """A mapping of codes to such texts; the default is empty."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as shipped. Summaries are templates over the alert's evidence."""

    name: str
    mode: Mode
    severity: Severity
    title_zh: str
    title_en: str
    summary_zh: str
    summary_en: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    noted: bool = False
    every_s: float = 0.0
    """Looked at no more often than this; 0: after every commit."""


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """The settings of one rule since an instant; `values` are texts as written, or mappings of them."""

    rule: Rule
    severity: Severity
    enabled: bool
    values: Mapping[str, Any]
    version: int = 0
    since: int = 0

    def text(self, name: str) -> str:
        """A setting as written."""
        return str(self.values.get(name, self.rule.parameters[name].default))

    def number(self, name: str) -> Decimal:
        """A setting that is a number."""
        return Decimal(self.text(name))

    def seconds(self, name: str) -> int:
        """A setting that is a duration."""
        return scalars.duration(self.text(name))

    def map(self, name: str) -> dict[str, Decimal]:
        """A setting that gives each code a number."""
        return {code: Decimal(text) for code, text in self.values.get(name, {}).items()}

    @property
    def thresholds(self) -> Thresholds:
        """Its raising and clearing threshold."""
        is_above = "above" in self.rule.parameters
        return Thresholds(self.number("above" if is_above else "below"), self.number("clear"), above=is_above)

    @property
    def conduct(self) -> Conduct:
        """What the decision needs of it."""
        duration = self.seconds("for") if "for" in self.rule.parameters else 0
        return Conduct(duration * SECOND_US, self.severity, self.version, noted=self.rule.noted)

    @property
    def settings(self) -> dict[str, Any]:
        """All settings, the defaults included: what the evidence and the version's row show."""
        own = {
            name: dict(self.values.get(name, {})) if parameter.is_map else self.text(name)
            for name, parameter in self.rule.parameters.items()
        }
        return {"severity": self.severity.value, "enabled": self.enabled, **own}
