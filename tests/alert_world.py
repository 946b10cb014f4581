"""An alert with its history, and a maintenance, put straight into a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.store.pool import Connection


async def add_alert(con: Connection, enterprise: str, site: str) -> None:
    """A firing alert of an enterprise's site with one step, and a maintenance there; all name the enterprise."""
    alert_id = await con.fetchval(
        "INSERT INTO core.alert (rule, subject, enterprise_id, site_id, severity, state, occurred_at, raised_at,"
        " evidence, summary_zh, summary_en)"
        " SELECT 'MeterSilent', $1, enterprise_id, site_id, 'warning', 'firing', now(), now(),"
        " jsonb_build_object('enterprise', $1::text), $1, $1"
        " FROM core.enterprise e, core.site s WHERE e.code = $1 AND s.code = $2 RETURNING alert_id",
        enterprise,
        site,
    )
    await con.execute(
        "INSERT INTO core.alert_step (alert_id, step, at, author, comment) VALUES ($1, 'firing', now(), NULL, $2)",
        alert_id,
        enterprise,
    )
    await con.execute(
        "INSERT INTO core.maintenance (site_id, starts_at, ends_at, reason, author)"
        " SELECT site_id, now(), now() + interval '1 hour', $2, 'li' FROM core.site WHERE code = $1",
        site,
        enterprise,
    )
