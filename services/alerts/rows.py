"""Alerts at rest: what the decisions read, and the writing of what they changed with its history."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from services.alerting.model import Alert, Outcome, Severity, State
from services.model import iso
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from services.alerting.model import Change
    from services.store.pool import Connection, Row

_SHOWN = ("state", "occurred_at", "fired_at", "ended_at", "value", "limit", "unit")
_INSTANTS = frozenset({"occurred_at", "fired_at", "ended_at"})


async def open_alerts(con: Connection, rule: str) -> dict[str, Alert]:
    """What is open of a rule, the pending ones too, by subject."""
    return {row["subject"]: alert_of(row) for row in await con.fetch(SQL["alert_open"], rule)}


async def closed_alerts(
    con: Connection, rule: str, occurrences: Iterable[tuple[str, int]]
) -> dict[tuple[str, int], Alert]:
    """Resolved alerts of these (subject, occurred_at)."""
    wanted = list(occurrences)
    if not wanted:
        return {}
    rows = await con.fetch(SQL["alert_closed"], rule, [each[0] for each in wanted], [each[1] for each in wanted])
    return {(row["subject"], row["occurred_at"]): alert_of(row) for row in rows}


async def newest_alerts(con: Connection, rule: str, subjects: Sequence[str]) -> dict[str, Alert]:
    """The newest alert of each subject, open or not."""
    return {row["subject"]: alert_of(row) for row in await con.fetch(SQL["alert_newest"], rule, subjects)}


async def alerts_since(con: Connection, rule: str, subject: str, at: int) -> list[Alert]:
    """A subject's alerts that were not withdrawn and did not end by an instant of the data."""
    return [alert_of(row) for row in await con.fetch(SQL["alert_since"], rule, subject, at)]


async def get_alert(con: Connection, alert_id: int) -> Alert | None:
    """One alert, locked until the transaction's end."""
    row = await con.fetchrow(SQL["alert_get"], alert_id)
    return None if row is None else alert_of(row)


async def write_changes(con: Connection, changes: Sequence[Change], now: int) -> int:
    """Write changes in the caller's transaction; gives how many steps the histories grew by.

    What is dropped or changed comes before what is new: of one subject only one may be open at any moment.
    """
    await con.executemany(
        SQL["alert_drop"],
        [(each.before.alert_id,) for each in changes if each.after is None and each.before is not None],
    )
    moved = [(each, each.after) for each in changes if each.after is not None and each.after.alert_id is not None]
    await con.executemany(
        SQL["alert_update"], [(alert.alert_id, *_life(alert)) for change, alert in moved if _is_changed(change)]
    )
    await con.executemany(
        SQL["alert_latest"],
        [(alert.alert_id, _text(alert.latest)) for change, alert in moved if not _is_changed(change)],
    )
    written = [(change, alert.alert_id) for change, alert in moved]
    new = [(each, each.after) for each in changes if each.after is not None and each.after.alert_id is None]
    written += [(change, await _insert(con, alert)) for change, alert in new]
    return await _write_steps(con, written, now)


def _is_changed(change: Change) -> bool:
    """Whether more than `latest` moved on."""
    before, after = change.before, change.after
    return bool(change.steps) or before is None or after is None or replace(before, latest=after.latest) != after


async def _insert(con: Connection, alert: Alert) -> int | None:
    """The new alert's number; None where another evaluator has inserted the same one."""
    inserted: int | None = await con.fetchval(
        SQL["alert_insert"], alert.rule, alert.subject, alert.enterprise, alert.site, *_life(alert)
    )
    return inserted


def _life(alert: Alert) -> tuple[Any, ...]:
    """What can change of an alert, in the order of its columns."""
    return (
        alert.severity.value, alert.state.value, alert.occurred_at, alert.fired_at, alert.ended_at, alert.raised_at,
        alert.resolved_at, alert.acknowledged_at, alert.acknowledged_by, alert.historical,
        None if alert.outcome is None else alert.outcome.value, alert.raised_count, alert.value, alert.limit,
        alert.unit, _text(alert.evidence), _text(alert.latest), _text(alert.members), alert.rule_version,
        alert.summary_zh, alert.summary_en,
    )  # fmt: skip


async def _write_steps(con: Connection, written: Sequence[tuple[Change, int | None]], now: int) -> int:
    rows = [
        (alert_id, step, now, None, None, json.dumps(_detail(change), ensure_ascii=False))
        for change, alert_id in written
        if alert_id is not None
        for step in change.steps
    ]
    await con.executemany(SQL["alert_step"], rows)
    return len(rows)


def _detail(change: Change) -> dict[str, Any]:
    """Old and new figures of what changed; for a new alert only the new ones."""
    after = {} if change.after is None else _figures(change.after)
    if change.before is None:
        return {"new": after}
    before = _figures(change.before)
    moved = [name for name in after if before.get(name) != after[name]]
    return {"old": {name: before.get(name) for name in moved}, "new": {name: after[name] for name in moved}}


def _figures(alert: Alert) -> dict[str, Any]:
    plain = {name: getattr(alert, name) for name in _SHOWN}
    shown = {
        name: iso(value) if name in _INSTANTS and value is not None else value if value is None else str(value)
        for name, value in plain.items()
    }
    return {**shown, "historical": alert.historical, "evidence": dict(alert.evidence)}


def _text(mapping: Mapping[str, Any]) -> str:
    return json.dumps(dict(mapping), ensure_ascii=False, sort_keys=True)


def alert_of(row: Row) -> Alert:
    """A row of core.alert with the codes of its enterprise and site."""
    return Alert(
        alert_id=row["alert_id"],
        rule=row["rule"],
        subject=row["subject"],
        enterprise=row["enterprise"],
        site=row["site"],
        severity=Severity(row["severity"]),
        state=State(row["state"]),
        occurred_at=row["occurred_at"],
        fired_at=row["fired_at"],
        ended_at=row["ended_at"],
        raised_at=row["raised_at"],
        resolved_at=row["resolved_at"],
        acknowledged_at=row["acknowledged_at"],
        acknowledged_by=row["acknowledged_by"],
        historical=row["historical"],
        outcome=None if row["outcome"] is None else Outcome(row["outcome"]),
        raised_count=row["raised_count"],
        value=row["value"],
        limit=row["limit_value"],
        unit=row["unit"],
        evidence=json.loads(row["evidence"]),
        latest=json.loads(row["latest"]),
        members=json.loads(row["members"]),
        rule_version=row["rule_version"],
        summary_zh=row["summary_zh"],
        summary_en=row["summary_en"],
    )
