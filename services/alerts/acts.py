"""What a person does to an alert: acknowledge it with a word; look at it and its history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from services.alerting.model import State
from services.alerts.rows import get_alert
from services.errors import TanfengError
from services.store.queries import SQL

if TYPE_CHECKING:
    from services.alerting.model import Alert
    from services.store.pool import Connection, Row

EVENT_RULES = {
    "ReadingOverruled": "overruled",
    "RegisterBreak": "break",
    "ActInconsistent": "inconsistent",
    "MeterStuck": "stuck",
}
"""Rules about events of a register, and the event's kind: acknowledging the alert acknowledges the events in it."""


async def acknowledge(con: Connection, alert_id: int, *, author: str, comment: str) -> Alert:
    """Acknowledge a firing alert, in the caller's transaction; doing it again only adds the comment to its history.

    Raises:
        TanfengError: There is no such alert, or it is resolved.
    """
    alert = await get_alert(con, alert_id)
    if alert is None or alert.state is State.PENDING:
        raise TanfengError(f"there is no alert {alert_id}", "list them with `tanfeng alerts list`")
    if alert.state is State.RESOLVED:
        raise TanfengError(f"alert {alert_id} is resolved", "nothing is left to do; see `tanfeng alerts show`")
    now = await con.fetchval(SQL["alert_clock"])
    if alert.state is State.FIRING:
        await con.execute(SQL["alert_acknowledge"], alert_id, now, author)
    await con.execute(SQL["alert_step"], alert_id, "acknowledged", now, author, comment, "{}")
    await _settle_events(con, alert, author)
    await con.execute(
        SQL["write_audit"], author, "alert acknowledged", json.dumps({"alert": alert_id, "comment": comment})
    )
    return alert


async def _settle_events(con: Connection, alert: Alert, author: str) -> None:
    kind = EVENT_RULES.get(alert.rule)
    if kind is not None:
        moments = [int(name) for name in alert.members if name.isdecimal()]
        await con.execute(SQL["alert_settle_events"], [kind] * len(moments), moments, author, alert.subject)


async def listed(
    con: Connection, *, everything: bool, enterprise: str | None, rule: str | None, limit: int
) -> list[Row]:
    """Alerts as the role in force sees them: open ones first, the worst first; resolved ones only if `everything`."""
    return await con.fetch(SQL["alert_list"], everything, enterprise, rule, limit)


async def shown(con: Connection, alert_id: int) -> Row:
    """One alert with its evidence.

    Raises:
        TanfengError: There is none that the role in force may see.
    """
    row = await con.fetchrow(SQL["alert_show"], alert_id)
    if row is None:
        raise TanfengError(f"there is no alert {alert_id}", "list them with `tanfeng alerts list`")
    return row


async def history(con: Connection, alert_id: int | None, limit: int) -> list[Row]:
    """The steps of one alert or of all, the newest first."""
    return await con.fetch(SQL["alert_history"], alert_id, limit)
