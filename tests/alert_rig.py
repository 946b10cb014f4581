"""A rig for tests of alerts: looks of one rule at chosen moments, and what became of them.

Every look is taken by two evaluators at once and then once more: only one of them may change anything. What each rule
came to is noted, so that the marks `fires` and `stays_quiet` of a test are checked after it has run.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from services.accounting.policy import Version
from services.alerts.acts import acknowledge
from services.alerts.catalogue import RULES
from services.alerts.evaluations import clock
from services.alerts.once import look_once
from services.alerts.rule import RuleVersion
from services.ledger.booking import Books
from services.ledger.slots import lease_name
from services.model import Arrival
from services.store import leases
from services.store.pool import NEG_INFINITY, connect
from services.store.queries import SQL
from tests.registers import add_meter, add_register

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from services.alerts.once import Looked
    from services.store.pool import Connection, Row

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US


def version(rule: str, **values: Any) -> RuleVersion:
    """A rule's settings: the shipped ones but for these; `for_` is `for`."""
    found = RULES[rule]
    named = {name.rstrip("_"): value for name, value in values.items()}
    return RuleVersion(found, found.severity, enabled=True, values=named, version=1)


RAISED: Final[dict[str, bool]] = {}
"""Rules the running test has looked at, and whether any look left an alert of the rule that was raised."""


async def look(con: Connection, rule: str, now: int | None = None, **values: Any) -> Looked:
    """A look of a rule by two evaluators at the same moment, and a third one that finds nothing left to do."""
    at = await clock(con) if now is None else now
    settings = version(rule, **values)
    async with _evaluators(con) as evaluators:
        looked = await asyncio.gather(*(look_once(each, settings, now=at) for each in evaluators))
    found = max(looked, key=lambda each: (each.steps, each.observed))
    assert sum(each.steps for each in looked) == found.steps, f"two evaluators both changed alerts of {rule}"
    before = await _rows(con)
    assert (await look_once(con, settings, now=at)).steps == 0, f"a second look changed alerts of {rule}"
    assert await _rows(con) == before, f"a second look wrote alerts of {rule}"
    query = "SELECT EXISTS (SELECT FROM core.alert WHERE rule = $1 AND raised_at IS NOT NULL)"
    RAISED[rule] = RAISED.get(rule, False) or await con.fetchval(query, rule)
    return found


def untrue(marks: Iterable[tuple[str, str]], raised: Mapping[str, bool]) -> list[str]:
    """The marks (`fires` or `stays_quiet`, rule) that a test does not bear out; what nobody looked for is untrue."""
    return [f"{mark} of {rule}" for mark, rule in marks if raised.get(rule) is not (mark == "fires")]


@asynccontextmanager
async def _evaluators(con: Connection) -> AsyncIterator[list[Connection]]:
    """The test's connection and another one; alone where the server has one session only."""
    if "emscripten" in str(await con.fetchval("SELECT version()")).lower():
        yield [con]
        return
    parameters, (host, port) = con._params, con._addr  # type: ignore[union-attr]
    login = f"{parameters.user}:{parameters.password}@{host}:{port}/{parameters.database}"
    other = await connect(f"postgresql://{login}", name="test-evaluator")
    try:
        yield [con, other]
    finally:
        await other.close()


async def _rows(con: Connection) -> list[Row]:
    """All alerts, and in which transaction each was written last."""
    return await con.fetch("SELECT *, xmin::text FROM core.alert ORDER BY alert_id")


async def alerts(con: Connection, rule: str) -> list[dict[str, Any]]:
    """The alerts of a rule that are more than pending, in order of occurrence, with their evidence read."""
    rows = await con.fetch(
        "SELECT * FROM core.alert WHERE rule = $1 AND state <> 'pending' ORDER BY occurred_at, alert_id", rule
    )
    return [{**row, **{name: json.loads(row[name]) for name in ("evidence", "latest", "members")}} for row in rows]


async def ack(con: Connection, rule: str) -> None:
    """Acknowledge the rule's newest alert."""
    row = (await alerts(con, rule))[-1]
    async with con.transaction():
        await acknowledge(con, row["alert_id"], author="li", comment="已核对")


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


async def count_batch(con: Connection, *row: int) -> None:
    """Count a batch of slot 0 as its worker would: instant, slot, messages, readings four times, and the wait in ms."""
    assert await leases.claim(con, lease_name(0), "tests", 60)
    assert await con.execute(SQL["ingest_minute"], *row, "tests") == "INSERT 0 1"


async def take(con: Connection, register_id: int, readings: Iterable[tuple[int, int]], received: int = 0) -> None:
    """Book readings (instant in µs, value in thousandths) as ingest would, in one transaction."""
    arrivals = [Arrival(register_id, at, value, None, received or at) for at, value in readings]
    async with con.transaction():
        await Books().book(con, arrivals)
