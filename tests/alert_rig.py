"""A rig for tests of alerts: looks of one rule at chosen moments, and what became of them."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from services.accounting.policy import Version
from services.evaluator.once import look_once
from services.model import Arrival
from services.rules.catalogue import RULES
from services.rules.model import RuleVersion
from services.store.booking import Books
from services.store.pool import NEG_INFINITY
from tests.registers import add_meter, add_register

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.evaluator.once import Looked
    from services.store.pool import Connection

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US


def version(rule: str, **values: Any) -> RuleVersion:
    """A rule's settings: the shipped ones but for these; `for_` is `for`."""
    found = RULES[rule]
    named = {name.rstrip("_"): value for name, value in values.items()}
    return RuleVersion(found, found.severity, enabled=True, values=named, version=1)


async def look(con: Connection, rule: str, now: int | None = None, **values: Any) -> Looked:
    """One look of a rule."""
    return await look_once(con, version(rule, **values), now=now)


async def alerts(con: Connection, rule: str) -> list[dict[str, Any]]:
    """The alerts of a rule that are more than pending, in order of occurrence, with their evidence read."""
    rows = await con.fetch(
        "SELECT * FROM core.alert WHERE rule = $1 AND state <> 'pending' ORDER BY occurred_at, alert_id", rule
    )
    return [{**row, **{name: json.loads(row[name]) for name in ("evidence", "latest", "members")}} for row in rows]


async def steps(con: Connection, rule: str) -> list[str]:
    """The steps of a rule's alerts, in order."""
    rows = await con.fetch(
        "SELECT s.step FROM core.alert_step s JOIN core.alert a USING (alert_id) WHERE a.rule = $1 ORDER BY step_id",
        rule,
    )
    return [row["step"] for row in rows]


POLICY = Version(
    max_rate=Decimal(1000),
    resolution=Decimal("0.001"),
    modulus=None,
    interval_us=15 * MINUTE_US,
    gap_us=60 * MINUTE_US,
    slack_us=MINUTE_US,
    noise=Decimal("0.001"),
    valid_from=NEG_INFINITY,
)


async def add_counter(con: Connection, enterprise: str = "works", meter: str = "m1", **policy: Any) -> int:
    """An electricity register `import` of a meter of its own, at a site of its own; gives its id."""
    meter_id = await add_meter(con, enterprise, meter)
    return await add_register(con, meter_id, "total_increasing", [replace(POLICY, **policy)])


async def take(con: Connection, register_id: int, readings: Iterable[tuple[int, int]], received: int = 0) -> None:
    """Book readings (instant in µs, value in thousandths) as ingest would, in one transaction."""
    arrivals = [Arrival(register_id, at, value, None, received or at) for at, value in readings]
    async with con.transaction():
        await Books().book(con, arrivals)
