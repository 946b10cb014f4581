"""What is sent: one alert, or a digest of historical ones, as data for machines and as text for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from services.model import iso

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.alerting.model import Alert

COLOURS: Final = {"critical": "red", "warning": "yellow", "notice": "blue"}
_SEVERITIES: Final = {"critical": "严重", "warning": "预警", "notice": "提示"}
_KINDS: Final = {"firing": ("发生", "firing"), "repeat": ("仍未确认", "not acknowledged"), "resolved": ("解除", "over")}
DIGEST_LINES: Final = 20


def content(alert: Alert, kind: str) -> dict[str, Any]:
    """An alert as it goes out; nothing in it is secret."""
    instants = {name: getattr(alert, name) for name in ("occurred_at", "raised_at", "ended_at")}
    return {
        "kind": kind,
        "alert_id": alert.alert_id,
        "rule": alert.rule,
        "subject": alert.subject,
        "enterprise": alert.enterprise,
        "site": alert.site,
        "severity": alert.severity.value,
        "colour": COLOURS[alert.severity],
        "state": alert.state.value,
        "outcome": None if alert.outcome is None else alert.outcome.value,
        "summary_zh": alert.summary_zh,
        "summary_en": alert.summary_en,
        "value": None if alert.value is None else str(alert.value),
        "limit": None if alert.limit is None else str(alert.limit),
        "unit": alert.unit,
        **{name: None if at is None else iso(at) for name, at in instants.items()},
        "runbook": f"docs/runbooks/{alert.rule}.md",
    }


def digest(alerts: Sequence[Alert]) -> dict[str, Any]:
    """Historical alerts in one message: how many of each rule, and the first of them."""
    rules: dict[str, int] = {}
    for alert in alerts:
        rules[alert.rule] = rules.get(alert.rule, 0) + 1
    lines = [f"#{each.alert_id} {each.summary_zh} / {each.summary_en}" for each in alerts[:DIGEST_LINES]]
    return {"kind": "digest", "count": len(alerts), "rules": rules, "lines": lines}


def title(sent: Mapping[str, Any]) -> str:
    """The message's title."""
    if sent["kind"] == "digest":
        return f"碳峰：{sent['count']} 条历史预警 / Tanfeng: {sent['count']} historical alerts"
    zh, en = _KINDS[sent["kind"]]
    if sent["outcome"] == "withdrawn":
        zh, en = "撤回", "withdrawn"
    severity = sent["severity"]
    return f"[{_SEVERITIES[severity]} {severity}] {zh} {en} · {sent['rule']} #{sent['alert_id']}"


def body(sent: Mapping[str, Any]) -> str:
    """The message's text."""
    if sent["kind"] == "digest":
        rules = ", ".join(f"{rule} × {count}" for rule, count in sent["rules"].items())
        return "\n".join([rules, *sent["lines"], "tanfeng alerts list --all"])
    times = f"发生 occurred {sent['occurred_at']}" + (f" · 结束 ended {sent['ended_at']}" if sent["ended_at"] else "")
    ack = "" if sent["kind"] == "resolved" else f"\ntanfeng alerts ack {sent['alert_id']} --as NAME --comment …"
    return f"{sent['summary_zh']}\n{sent['summary_en']}\n{times}\n{sent['runbook']}{ack}"


def text(sent: Mapping[str, Any]) -> str:
    """The message as JSON."""
    return json.dumps(sent, ensure_ascii=False)
