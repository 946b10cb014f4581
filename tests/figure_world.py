"""A small district put straight into a database: enterprises, sites, registers and ledger rows, without any ingest."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from services.model import QUARTER_US, from_us, to_us

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.store.pool import Connection


@dataclass(frozen=True)
class Quarter:
    """One ledger row: `starts_at` in µs, amounts in thousandths."""

    starts_at: int
    amount: int
    estimated_amount: int = 0
    covered_s: int = 900
    estimated_s: int = 0


def instant(text: str) -> int:
    """'2026-01-01T00:00+08:00' as µs."""
    return to_us(datetime.fromisoformat(text))


def local_day(at: int, zone: str) -> date:
    """The day of a zone that an instant falls into."""
    return from_us(at).astimezone(ZoneInfo(zone)).date()


def day_seconds(day: date, zone: str) -> int:
    """How long a local day is."""
    start, end = (datetime.combine(each, datetime.min.time(), ZoneInfo(zone)) for each in (day, day + timedelta(1)))
    return int((end.astimezone(UTC) - start.astimezone(UTC)).total_seconds())


def quarters(first: int, count: int, amount: int) -> list[Quarter]:
    """`count` equal quarter-hours from an instant on."""
    return [Quarter(first + index * QUARTER_US, amount) for index in range(count)]


async def add_district(con: Connection, code: str = "demo", **factor: str) -> None:
    """The district; `factor` sets factor_region, factor_method or factor_policy."""
    await con.execute("INSERT INTO core.district (code, name_zh, name_en) VALUES ($1, '示例区', 'Example')", code)
    for column, value in factor.items():
        await con.execute(f"UPDATE core.district SET {column} = $1 WHERE code = $2", value, code)


async def add_enterprise(con: Connection, code: str, *sites: str, zone: str = "Asia/Shanghai") -> None:
    """An enterprise of the district with sites of these codes."""
    enterprise_id = await con.fetchval(
        "INSERT INTO core.enterprise (code, district_code, industry, name_zh, name_en)"
        " SELECT $1, code, 'steel', $2, $3 FROM core.district RETURNING enterprise_id",
        code,
        f"示例{code}厂",
        f"Example {code} works",
    )
    for site in sites:
        site_id = await con.fetchval(
            "INSERT INTO core.site (code, kind, zone, name_zh, name_en) VALUES ($1, 'plant', $2, $3, $4)"
            " RETURNING site_id",
            site,
            zone,
            f"{site}厂区",
            f"{site} site",
        )
        await con.execute(
            "INSERT INTO core.site_membership (site_id, enterprise_id, recorded_at) VALUES ($1, $2, '-infinity')",
            site_id,
            enterprise_id,
        )


async def add_register(con: Connection, site: str, meter: str, code: str = "import", **more: Any) -> int:
    """A register of a meter at a site; `more`: carrier, direction, level, emission_exempt, kind, quantity, unit."""
    found = await con.fetchrow(
        "SELECT site_id, enterprise_id, zone FROM core.site JOIN core.site_membership USING (site_id)"
        " WHERE code = $1 AND recorded_until = 'infinity'",
        site,
    )
    assert found is not None
    await con.execute(
        "INSERT INTO core.meter (enterprise_id, code, name_zh, name_en) VALUES ($1, $2, $3, $3) ON CONFLICT DO NOTHING",
        found["enterprise_id"],
        meter,
        f"表 {meter}",
    )
    meter_id = await con.fetchval(
        "SELECT meter_id FROM core.meter WHERE enterprise_id = $1 AND code = $2", found["enterprise_id"], meter
    )
    await con.execute(
        "INSERT INTO core.meter_membership (meter_id, site_id, level, recorded_at) VALUES ($1, $2, $3, '-infinity')"
        " ON CONFLICT DO NOTHING",
        meter_id,
        found["site_id"],
        more.get("level", 1),
    )
    register_id: int = await con.fetchval(
        "INSERT INTO core.register (meter_id, code, quantity, direction, carrier, unit, kind, emission_exempt)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING register_id",
        meter_id,
        code,
        more.get("quantity", "energy"),
        more.get("direction", "import"),
        more.get("carrier", "electricity"),
        more.get("unit", "kWh"),
        more.get("kind", "total_increasing"),
        more.get("emission_exempt"),
    )
    await con.execute("INSERT INTO core.register_state (register_id) VALUES ($1)", register_id)
    return register_id


async def book(con: Connection, register_id: int, rows: Iterable[Quarter], *, recorded_at: int | None = None) -> None:
    """Put ledger rows and what follows from them into day and scope tables, as booking would."""
    ledger = [(register_id, *_values(row)) for row in rows]
    zone = await con.fetchval(
        "SELECT zone FROM core.register JOIN core.meter_membership USING (meter_id) JOIN core.site USING (site_id)"
        " WHERE register_id = $1 LIMIT 1",
        register_id,
    )
    days: dict[date, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for _, starts_at, *values in ledger:
        days[local_day(starts_at, zone)] = [
            a + b for a, b in zip(days[local_day(starts_at, zone)], values, strict=True)
        ]
    at = to_us(datetime.now(UTC)) if recorded_at is None else recorded_at
    await con.executemany(
        "INSERT INTO core.energy_15m VALUES ($1, $2, $3, $4, $5, $6, $7)", [(*row, at) for row in ledger]
    )
    await con.executemany(
        "INSERT INTO core.energy_day VALUES ($1, $2, $3, $4, $5, $6, $7)",
        [(register_id, day, *values, at) for day, values in days.items()],
    )
    await con.executemany(
        "INSERT INTO core.energy_scope_day AS t SELECT enterprise_id, site_id, carrier, direction, $2, $3, $4, $5, $6"
        " FROM core.register_scope WHERE register_id = $1 AND $2 >= valid_from AND $2 < valid_until"
        " ON CONFLICT (day, enterprise_id, site_id, carrier, direction) DO UPDATE SET"
        " amount = t.amount + excluded.amount,"
        " estimated_amount = t.estimated_amount + excluded.estimated_amount,"
        " covered_s = t.covered_s + excluded.covered_s, estimated_s = t.estimated_s + excluded.estimated_s",
        [(register_id, day, *values) for day, values in days.items()],
    )


async def restate_day(con: Connection, register_id: int, day: date, amount: int, at: int) -> None:
    """Change a closed day at an instant: the old value becomes a revision, as a late reading would make it."""
    was = await con.fetchrow("SELECT * FROM core.energy_day WHERE register_id = $1 AND day = $2", register_id, day)
    assert was is not None
    await con.execute(
        "INSERT INTO core.energy_revision (register_id, width, day, amount, estimated_amount, covered_s, estimated_s,"
        " recorded_from, recorded_until, cause) VALUES ($1, '1d', $2, $3, $4, $5, $6, $7, $8, 'late')",
        register_id,
        day,
        *list(was.values())[2:7],
        at,
    )
    await con.execute(
        "UPDATE core.energy_day SET amount = $3, recorded_at = $4 WHERE register_id = $1 AND day = $2",
        register_id,
        day,
        amount,
        at,
    )
    await con.execute(
        "UPDATE core.energy_scope_day t SET amount = t.amount + $3 FROM core.register_scope s"
        " WHERE s.register_id = $1 AND t.day = $2 AND (t.enterprise_id, t.site_id, t.carrier, t.direction)"
        " = (s.enterprise_id, s.site_id, s.carrier, s.direction)",
        register_id,
        day,
        amount - was["amount"],
    )


def _values(row: Quarter) -> tuple[int, int, int, int, int]:
    return row.starts_at, row.amount, row.estimated_amount, row.covered_s, row.estimated_s
