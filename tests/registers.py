"""Registers put straight into a test database, without a registry file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.store.pool import NEG_INFINITY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.accounting.policy import Version
    from services.store.pool import Connection


async def add_meter(con: Connection, enterprise: str = "works", meter: str = "m1", zone: str = "Asia/Shanghai") -> int:
    """A meter of level 1 at a plant of its own; gives its id."""
    await con.execute(
        "INSERT INTO core.district (code, name_zh, name_en) VALUES ('d', '示例区', 'Example') ON CONFLICT DO NOTHING"
    )
    await con.execute(
        "INSERT INTO core.enterprise (code, district_code, industry, name_zh, name_en)"
        " VALUES ($1, 'd', 'steel', '示例厂', 'Example works') ON CONFLICT DO NOTHING",
        enterprise,
    )
    enterprise_id = await con.fetchval("SELECT enterprise_id FROM core.enterprise WHERE code = $1", enterprise)
    site_id = await con.fetchval(
        "INSERT INTO core.site (code, kind, zone, name_zh, name_en) VALUES ($1, 'plant', $2, '厂区', 'Plant')"
        " RETURNING site_id",
        f"{enterprise}-{meter}",
        zone,
    )
    await con.execute(
        "INSERT INTO core.site_membership (site_id, enterprise_id) VALUES ($1, $2)", site_id, enterprise_id
    )
    meter_id: int = await con.fetchval(
        "INSERT INTO core.meter (enterprise_id, code, name_zh, name_en) VALUES ($1, $2, '表', 'Meter')"
        " RETURNING meter_id",
        enterprise_id,
        meter,
    )
    await con.execute(
        "INSERT INTO core.meter_membership (meter_id, site_id, level) VALUES ($1, $2, 1)", meter_id, site_id
    )
    return meter_id


async def add_register(
    con: Connection,
    meter_id: int,
    kind: str,
    versions: Sequence[Version],
    code: str = "import",
    *,
    integrate: bool = True,
) -> int:
    """An electricity register under these policy versions; gives its id."""
    register_id: int = await con.fetchval(
        "INSERT INTO core.register (meter_id, code, quantity, direction, carrier, unit, kind, integrate)"
        " VALUES ($1, $2, 'energy', 'import', 'electricity', 'kWh', $3, $4) RETURNING register_id",
        meter_id,
        code,
        kind,
        integrate,
    )
    for version in {each.valid_from: each for each in reversed(versions)}.values():
        await con.execute(
            "INSERT INTO core.register_policy (register_id, valid_from, max_rate, resolution, modulus, interval_s,"
            " gap_s, slack_s, noise, on_fall, flat_s, stamp)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            register_id,
            max(version.valid_from, NEG_INFINITY),
            version.max_rate,
            version.resolution,
            version.modulus,
            version.interval_us // 1_000_000,
            version.gap_us // 1_000_000,
            version.slack_us // 1_000_000,
            version.noise,
            version.on_fall.value,
            None if version.flat_us is None else version.flat_us // 1_000_000,
            version.stamp.value,
        )
    await con.execute("INSERT INTO core.register_state (register_id) VALUES ($1)", register_id)
    return register_id
