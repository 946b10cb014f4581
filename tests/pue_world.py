"""A data centre declared by a registry file, its readings booked as ingest would, and the naive PUE of its energies.

Its standstills are believed, as those of a hall that is being built: what may stand still is tried elsewhere.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from services.ledger.booking import Books
from services.model import Arrival
from services.registry.apply import apply_plan
from services.registry.content import plan_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from services.store.pool import Connection

HALL = """\
district: {{code: d, name_zh: 示例区, name_en: Example}}
enterprises:
  cloud:
    industry: data_centre
    name_zh: 示例数据中心
    name_en: Example Data Centre
    sites:
      hall:
        kind: data_centre
        name_zh: 一号机房
        name_en: Hall 1
        pue: {pue}
        meters:
          intake:
            level: 1
            registers:
              import: {{carrier: electricity, kind: total_increasing, unit: kWh, resolution: 0.001, max_rate: 100000,
                       interval: {interval}, flat: unlimited}}
              gas: {{carrier: natural_gas, kind: total_increasing, unit: Nm3, resolution: 0.001, max_rate: 100000,
                    interval: {interval}}}
              cold: {{carrier: heat, kind: total_increasing, unit: GJ, resolution: 0.001, max_rate: 100000,
                     interval: {interval}}}
          ups:
            level: 2
            registers:
              it: {{carrier: electricity, quantity: it_energy, kind: total_increasing, unit: kWh, resolution: 0.001,
                   max_rate: 100000, interval: {interval}, flat: unlimited}}
          dcim:
            level: 2
            registers:
              pue: {{quantity: pue_reported, kind: measurement, unit: ratio, interval: {reported}}}
"""
MEASURED = "{category: 1, total: [intake/import], it: [ups/it], reported: dcim/pue}"


async def declare(con: Connection, pue: str = MEASURED, *, interval: str = "15m", reported: str = "5m") -> None:
    """Apply the file of one hall with this `pue:` block."""
    text = HALL.format(pue=pue, interval=interval, reported=reported)
    plan, problems = await plan_file(con, text, is_csv=False)
    assert [str(problem) for problem in problems if not problem.is_warning] == []
    await apply_plan(con, plan, "tester")


async def register(con: Connection, path: str) -> int:
    """The id of cloud/{path}."""
    found: int = await con.fetchval("SELECT register_id FROM core.register_path WHERE path = $1", f"cloud/{path}")
    return found


async def book(con: Connection, path: str, values: Iterable[tuple[int, Decimal | int | str]]) -> None:
    """Book readings (µs, displayed value) of cloud/{path}."""
    register_id = await register(con, path)
    arrivals = []
    for at, value in values:
        exact = Decimal(value)
        raw = int((exact * 1000).to_integral_value())
        text = None if raw == exact * 1000 else str(exact)
        arrivals.append(Arrival(register_id, at, raw, text, at))
    async with con.transaction():
        booked = await Books().book(con, arrivals)
    assert booked.accepted + booked.duplicates == len(arrivals)


def running(first: int, step: int, amounts: Iterable[Decimal | int]) -> list[tuple[int, Decimal]]:
    """A register that counts these amounts, one each `step` µs from `first` on."""
    at, level = first, Decimal(0)
    values = [(at, level)]
    for amount in amounts:
        at, level = at + step, level + amount
        values.append((at, level))
    return values


async def add_hall(con: Connection, site: str, register_id: int, first: date) -> None:
    """Straight into the tables: a boundary of a month over one register on both sides, which also reports a ratio."""
    await con.execute(
        "INSERT INTO core.register_policy (register_id, resolution, interval_s, gap_s, slack_s, noise, on_fall)"
        " SELECT register_id, 1, 900, 3600, 60, 1, 'confirm' FROM core.register ON CONFLICT DO NOTHING"
    )
    await con.execute("UPDATE core.register SET recorded_at = $2 WHERE register_id = $1", register_id, 0)
    boundary_id = await con.fetchval(
        "INSERT INTO core.pue_boundary (site_id, category, minimum_it_kw, limit_ratio, reported_id, valid_until)"
        " SELECT site_id, 1, 0, 1.5, $2, $3::date + 32 FROM core.site WHERE code = $1 RETURNING boundary_id",
        site,
        register_id,
        first,
    )
    for side in ("total", "it"):
        await con.execute("INSERT INTO core.pue_part VALUES ($1, $2, $3, 1)", boundary_id, side, register_id)
    await con.execute("INSERT INTO core.reading_day VALUES ($1, $2, 3)", register_id, first)
    await con.execute("INSERT INTO core.reported_day VALUES ($1, $2, 1, 1)", register_id, first)


async def add_history(con: Connection, first: date, days: int, *, total: int = 400_000, it: int = 250_000) -> None:
    """Straight into the tables: years of a declared hall's quarter-hours, each side the same amount in every one.

    The registers' states say that they reported until the last day's end.
    """
    for path, amount in (("intake/import", total), ("ups/it", it)):
        found = await register(con, path)
        await con.execute(_QUARTERS, found, amount, first, days)
        await con.execute(_DAYS, found, amount, first, days)
        await con.execute(
            "UPDATE core.register_state SET newest_at = ($2::date + $3::int)::timestamp AT TIME ZONE 'Asia/Shanghai',"
            " newest_value = 0 WHERE register_id = $1",
            found,
            first,
            days,
        )
    await con.execute("ANALYZE core.energy_15m, core.energy_day, core.register_state")


_QUARTERS = """
INSERT INTO core.energy_15m
SELECT $1, at, $2, 0, 900, 0, now()
FROM generate_series($3::date::timestamp AT TIME ZONE 'Asia/Shanghai',
                     ($3::date + $4::int)::timestamp AT TIME ZONE 'Asia/Shanghai' - interval '15 minutes',
                     interval '15 minutes') AS at
"""
_DAYS = """
INSERT INTO core.energy_day
SELECT $1, $3::date + n, $2 * 96, 0, 86400, 0, now() FROM generate_series(0, $4::int - 1) AS n
"""
