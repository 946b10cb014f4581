"""An alert's one line in Chinese and in English, out of its rule's template and its evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from decimal import Decimal

    from services.alerting.model import Alert
    from services.alerts.rule import Rule


def summaries(rule: Rule, alert: Alert) -> tuple[str, str]:
    """The line in Chinese, and in English."""
    words = _Words(
        {
            "subject": alert.subject,
            **alert.latest,
            **alert.evidence,
            "value": number(alert.value),
            "limit": number(alert.limit),
            "unit": alert.unit,
        }
    )
    return rule.summary_zh.format_map(words), rule.summary_en.format_map(words)


def number(value: Decimal | None) -> str:
    """A number for a person: separators, no trailing zeros, four digits after the point at most."""
    if value is None:
        return "—"
    text = f"{round(value, 4):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class _Words(dict[str, Any]):
    """What a template names; a dash for what the evidence does not hold."""

    def __missing__(self, key: str) -> str:
        return "—"
