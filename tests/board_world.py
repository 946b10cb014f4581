"""A district with a year of rows, budgets, warnings and a data centre, for the queries of the dashboards."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from services.budgets.entry import enter_budgets
from services.budgets.model import Draft, Measure, unit_of
from services.figures import access
from services.store.migrate import migrate
from services.store.pool import connect
from tests.access_world import as_login
from tests.figure_world import add_district, add_enterprise, add_register

if TYPE_CHECKING:
    from services.store.pool import Connection

QUOTED: Final = '示例"数据"中心\'s'
PUE: Final = 1.6
QUARTER: Final = {
    "steel-main": 250_000,
    "steel-gas": 20_000,
    "tyre-main": 80_000,
    "dc-total": 160_000,
    "dc-it": 100_000,
}
"""Thousandths in each quarter-hour, the same all year."""

LEDGER = """
INSERT INTO core.energy_15m
SELECT $1, at, $2, 0, 900, 0, now()
FROM generate_series(date_trunc('hour', now()) - interval '34 days', now() - interval '15 minutes',
                     interval '15 minutes') AS at
"""
READINGS = """
INSERT INTO core.reading
SELECT $1, at, 1000000 + $2::bigint * row_number() OVER (ORDER BY at), 0, NULL
FROM generate_series(date_trunc('hour', now()) - interval '34 days', now(), interval '15 minutes') AS at
"""
"""What the ledger was booked from, for a plan that would read it to be seen doing so."""
DAYS = """
INSERT INTO core.energy_day
SELECT $1, d::date, $2 * n, 0, 900 * n, 0, now()
FROM generate_series((now() AT TIME ZONE 'Asia/Shanghai')::date - 400, (now() AT TIME ZONE 'Asia/Shanghai')::date,
                     interval '1 day') AS d
CROSS JOIN LATERAL (SELECT CASE WHEN d::date < (now() AT TIME ZONE 'Asia/Shanghai')::date THEN 96
                    ELSE greatest(1, floor(extract(epoch FROM
                         now() - d::date::timestamp AT TIME ZONE 'Asia/Shanghai') / 900))
                    END::bigint
) AS q (n)
"""
SCOPE = """
INSERT INTO core.energy_scope_day (enterprise_id, site_id, carrier, direction, day, amount, estimated_amount, covered_s,
                                   estimated_s)
SELECT s.enterprise_id, s.site_id, s.carrier, s.direction, e.day, sum(e.amount), 0, sum(e.covered_s), 0
FROM core.register_scope s JOIN core.energy_day e ON e.register_id = s.register_id
GROUP BY s.enterprise_id, s.site_id, s.carrier, s.direction, e.day
"""
ALERT = """
INSERT INTO core.alert (rule, subject, enterprise_id, site_id, severity, state, occurred_at, fired_at, raised_at,
                        resolved_at, ended_at, outcome, value, limit_value, unit, evidence, summary_zh, summary_en)
SELECT $1, $2, e.enterprise_id, s.site_id, $5, $6, now() - interval '3 hours', now() - interval '3 hours',
       now() - interval '2 hours', CASE WHEN $6 = 'resolved' THEN now() END,
       CASE WHEN $6 = 'resolved' THEN now() END, CASE WHEN $6 = 'resolved' THEN 'cleared' END,
       $9, $10, $11, $7::text::jsonb, $8, 'example'
FROM (SELECT 1) AS one
LEFT JOIN core.enterprise e ON e.code = $3
LEFT JOIN core.site s ON s.code = $4
"""


@dataclass(frozen=True)
class Logins:
    """Whom the queries run as."""

    owner: str
    district: str
    steel: str
    """Grafana of one enterprise."""


async def fill(dsn: str) -> Logins:
    """All of it, with a login of the district and one of an enterprise."""
    owner = await connect(dsn, name="owner")
    await migrate(owner)
    await _registry(owner)
    for meter, amount in QUARTER.items():
        register = await owner.fetchval(
            "SELECT register_id FROM core.register JOIN core.meter m USING (meter_id) WHERE m.code = $1", meter
        )
        await owner.execute(READINGS, register, amount)
        await owner.execute(LEDGER, register, amount)
        await owner.execute(DAYS, register, amount)
    await owner.execute(SCOPE)
    await _pue(owner)
    await enter_budgets(owner, [_budget("steel-power", "steel"), _budget("cap-power", None)], "li")
    await _beside(owner)
    await owner.execute("ANALYZE")
    logins = await _logins(owner, dsn)
    await owner.close()
    return logins


async def _registry(owner: Connection) -> None:
    await add_district(owner, factor_region="CN-CQ")
    for code, site in (("steel", "steel-works"), ("tyre", "tyre-plant"), ("cloud", "dc-1")):
        await add_enterprise(owner, code, site)
    for code, name in (("steel", "示例钢铁厂"), ("tyre", "示例轮胎厂"), ("cloud", QUOTED)):
        await owner.execute("UPDATE core.enterprise SET name_zh = $2 WHERE code = $1", code, name)
    for code, name in (("steel-works", "炼钢厂区"), ("tyre-plant", "轮胎厂区"), ("dc-1", "示例'数据中心")):
        await owner.execute("UPDATE core.site SET name_zh = $2 WHERE code = $1", code, name)
    await add_register(owner, "steel-works", "steel-main")
    await add_register(owner, "steel-works", "steel-gas", carrier="natural_gas", unit="Nm3")
    await add_register(owner, "tyre-plant", "tyre-main")
    await add_register(owner, "tyre-plant", "tyre-silent", carrier="natural_gas", unit="Nm3")
    await add_register(owner, "dc-1", "dc-total")
    await add_register(owner, "dc-1", "dc-it", level=2)


async def _pue(owner: Connection) -> None:
    boundary = await owner.fetchval(
        "INSERT INTO core.pue_boundary (site_id, category, minimum_it_kw, limit_ratio)"
        " SELECT site_id, 2, 1, 1.5 FROM core.site WHERE code = 'dc-1' RETURNING boundary_id"
    )
    await owner.execute(
        "INSERT INTO core.pue_part SELECT $1, split_part(m.code, '-', 2), r.register_id, 1"
        " FROM core.register r JOIN core.meter m USING (meter_id) WHERE m.code IN ('dc-total', 'dc-it')",
        boundary,
    )
    await owner.execute(
        "INSERT INTO core.register_policy (register_id, resolution, interval_s, gap_s, slack_s, noise, on_fall)"
        " SELECT register_id, 0.001, 900, 3600, 60, 0, 'confirm' FROM core.register"
    )
    await owner.execute(
        "UPDATE core.register_state b SET newest_at = now(), newest_value = 1 FROM core.register r"
        " JOIN core.meter m USING (meter_id) WHERE r.register_id = b.register_id AND m.code <> 'tyre-silent'"
    )


def _budget(code: str, enterprise: str | None) -> Draft:
    return Draft(
        code=code,
        year=datetime.now(UTC).year,
        name_zh="示例电力预算",
        name_en="Example budget",
        enterprise=enterprise,
        site=None,
        period="month",
        measure=Measure.ENERGY,
        basis=None,
        carriers=("electricity",),
        product=None,
        product_unit=None,
        unit=unit_of("kWh", Measure.ENERGY, "kWh"),
        split="monthly",
        total=0,
        parts=dict.fromkeys(range(1, 13), 500_000_000 if enterprise else 1_600_000_000),
    )


async def _beside(owner: Connection) -> None:
    """Warnings, events, rejections, counts of ingest, maintenance and evaluations."""
    silent = json.dumps({"count": 1, "meters": [{"meter": "tyre-silent", "registers": ["import"]}]})
    for rule, subject, enterprise, site, severity, state, evidence, *told in (
        ("PueHigh", "cloud/dc-1", "cloud", "dc-1", "warning", "firing", "{}",
         "24 小时 PUE 1.60，高于 1.50", PUE, 1.5, ""),
        ("MeterSilent", "tyre/tyre-plant", "tyre", "tyre-plant", "warning", "acknowledged", silent,
         "1 只表计停止上报", 3, 1, "h"),
        ("BudgetExceeded", "steel-power/2026-01-01/100", "steel", None, "critical", "firing", "{}",
         "本月用电已超预算", 1.32, 1, ""),
        ("ReadingHeld", "steel/steel-main/import", "steel", "steel-works", "notice", "resolved", "{}",
         "读数回落，待定", None, None, ""),
        ("IngestLagHigh", "ingest", None, None, "critical", "resolved", "{}", "入库延迟 95 秒", 95, 60, "s"),
    ):  # fmt: skip
        acknowledged = "UPDATE core.alert SET state = 'acknowledged', acknowledged_at = now(), acknowledged_by = 'li'"
        first = "firing" if state == "acknowledged" else state
        await owner.execute(ALERT, rule, subject, enterprise, site, severity, first, evidence, *told)
        if state == "acknowledged":
            await owner.execute(acknowledged + " WHERE rule = $1", rule)
    await owner.execute(
        "INSERT INTO core.event SELECT register_id, 'break', now() - interval '3 hours', 5, now() - interval '2 hours'"
        " FROM core.register"
        " JOIN core.meter m USING (meter_id) WHERE m.code = 'steel-main'"
    )
    await owner.execute(
        "INSERT INTO core.rejection (code, detail, enterprise, topic, payload, payload_bytes, payload_sha256, first_at,"
        " last_at) SELECT code, 'x', e, 'keu/v1/x', ''::bytea, 1, sha256(code::bytea), now() - interval '1 hour',"
        " now() - interval '1 hour' FROM (VALUES ('unknown_register', 'steel'), ('time_ambiguous', 'cloud'),"
        " ('unknown_topic', NULL)) AS r (code, e)"
    )
    await owner.execute(
        "INSERT INTO core.ingest_minute SELECT m, 0, 600, 590, 5, 3, 2, 6 FROM generate_series("
        "date_trunc('minute', now()) - interval '2 days', now(), interval '1 minute') AS m"
    )
    await owner.execute(
        "INSERT INTO core.broker_minute VALUES (date_trunc('minute', now()) - interval '1 hour', 'denied', '', 42),"
        " (date_trunc('minute', now()) - interval '1 hour', 'takeover', 'steel → rubber', 1)"
    )
    await owner.execute("INSERT INTO core.evaluation VALUES ('PueHigh', now(), 0.1, 1, NULL)")
    await owner.execute(
        "INSERT INTO core.maintenance (site_id, starts_at, ends_at, reason, author) SELECT site_id, now(),"
        " now() + interval '1 day', '检修', 'li' FROM core.site WHERE code = 'tyre-plant'"
    )


async def _logins(owner: Connection, dsn: str) -> Logins:
    name = urlsplit(dsn).path[1:]
    district, steel = f"grafana_{name}", f"grafana_steel_{name}"
    await access.create_tenant(owner, district, "pw", None, author="li")
    await access.create_tenant(owner, steel, "pw", "steel", author="li")
    return Logins(dsn, as_login(dsn, district, "pw"), as_login(dsn, steel, "pw"))


async def drop_logins(dsn: str) -> None:
    """Roles belong to the server and would outlive the database."""
    owner = await connect(dsn, name="owner")
    name = urlsplit(dsn).path[1:]
    for role in (f"grafana_{name}", f"grafana_steel_{name}"):
        await owner.execute(f"DROP OWNED BY {role}")
        await owner.execute(f"DROP ROLE {role}")
    await owner.close()
