"""Half a year of history is replayed, or rebuilt by a new rule, in a district with everything to be warned of.

It is listed, and nobody is paged.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from services.alerting.model import Severity
from services.alerts.catalogue import RULES
from services.alerts.file import default_rules
from services.alerts.loop import Evaluator
from services.alerts.rule_versions import set_rules
from services.budgets.entry import enter_budgets
from services.budgets.model import Measure, unit_of
from services.budgets.production import add_production
from services.ledger.rebuild import rebuild_older
from services.ledger.verify import verify
from services.model import HOUR_US, QUARTER_US, Arrival
from services.notify.config import Config, Route, Target
from services.notify.sending import enqueue
from services.store.pool import connect
from tests import pue_world, steel
from tests.alert_rig import DAY_US, MINUTE_US
from tests.contract.test_alert_budgets import MONTHLY
from tests.older_books import an_older_rule

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    Opened = asyncpg.Connection[asyncpg.Record]

HOURS = 24 * 181
ENDED_DAYS = 20
"""How long ago the half-year ended: late, and still of budgets and rules that are looked after."""
TARGET = Target("duty", "apprise", None, 600)
CONFIG = Config({"duty": TARGET}, (Route(("duty",), frozenset(Severity), None, MINUTE_US),))


@pytest.fixture
async def con(database: str) -> AsyncIterator[Opened]:
    """A district with the steel works, two of its meters, and a hall; with budgets, limits and declared output."""
    opened = await connect(database, name="test")
    await pue_world.declare(opened, interval="1h", reported="1h")
    await steel.add_works(opened)
    await steel.add_second(opened)
    tight = replace(MONTHLY, code="tight", parts=dict.fromkeys(range(1, 13), 10_000_000))
    per_tonne = replace(
        MONTHLY, code="per-t", product="钢坯", product_unit="t", unit=unit_of("kWh", Measure.ENERGY, "kWh"),
        parts=dict.fromkeys(range(1, 13), 10_000),
    )  # fmt: skip
    today = datetime.now(UTC).date()
    for year in (today.year - 1, today.year):
        await enter_budgets(opened, [replace(each, year=year) for each in (MONTHLY, tight, per_tonne)], "li")
        for month in (date(year, number, 1) for number in range(1, 13)):
            if month < today - timedelta(days=ENDED_DAYS):
                await add_production(opened, steel.SITE, month, "钢坯", Decimal(1000), "t", author="li")
    await opened.execute("UPDATE core.production SET recorded_at = recorded_at - interval '2 days'")
    await opened.execute("UPDATE core.district SET factor_region = 'CN-XX'")
    settings = {name: version.settings for name, version in default_rules().items()}
    await set_rules(opened, settings | {"DemandHigh": settings["DemandHigh"] | {"limits": {steel.SITE: "300"}}}, "li")
    yield opened
    await opened.close()


async def history(con: Opened) -> tuple[list[Arrival], list[Arrival]]:
    """The half-year in order of time, moved to lately; and a day from noon to noon that comes last."""
    first, second = [
        row["register_id"] for row in await con.fetch("SELECT register_id FROM core.watched_register"
                                                       " WHERE enterprise = 'works' ORDER BY name")
    ]  # fmt: skip
    recorded = steel.arrivals(first)
    now: int = await con.fetchval("SELECT clock_timestamp()")
    moved_us = (now - recorded[-1].at) // DAY_US * DAY_US - ENDED_DAYS * DAY_US
    given = [structs.replace(each, at=each.at + moved_us) for each in recorded]
    start = given[0].at
    noon = start + 70 * DAY_US + 12 * HOUR_US
    late = [each for each in given if noon < each.at < noon + DAY_US]
    swapped = [
        Arrival(second, start + n * HOUR_US, 1000 * n if n < 2000 else 7_000_000_000 + 1000 * n, None, start)
        for n in range(HOURS)
    ]
    total, it, said = [await pue_world.register(con, path) for path in ("intake/import", "ups/it", "dcim/pue")]
    hall, level = list[Arrival](), 0
    for n in range(HOURS):
        level += (1300, 1700, 1300, 900)[n // 168 % 4]  # of 1,000 kWh of IT, so every fourth week cannot be
        at = start + n * HOUR_US
        for register, raw in ((total, 1000 * level), (it, 1_000_000 * n), (said, 1300)):
            hall.append(Arrival(register, at, raw, None, at))
    return sorted([*(each for each in given if each not in late), *swapped, *hall], key=lambda each: each.at), late


async def test_replaying_half_a_year_pages_nobody(con: Opened) -> None:
    """After each part every rule looks and the outbox is filled: it holds one digest at the end, and no page.

    A reading that is held only now is paged: the same outbox would have paged the others.
    """
    evaluator = Evaluator("", asyncio.Event(), timer_s=0)
    ordered, late = await history(con)
    parts = [ordered[start : start + 6000] for start in range(0, len(ordered), 6000)]
    for part in [*parts, late]:
        spike = Arrival(late[0].register_id, part[-1].at + QUARTER_US // 3, 5_000_000_000_000, None, part[-1].at)
        await steel.book(con, part if part is late else [*part, spike])
        evaluator._looked.clear()
        await evaluator.round(con)
        await enqueue(con, CONFIG)
    looked = {row["rule"]: row["problem"] for row in await con.fetch("SELECT rule, problem FROM core.evaluation")}
    assert looked == dict.fromkeys(RULES)
    raised = await con.fetch("SELECT DISTINCT rule, historical FROM core.alert WHERE raised_at IS NOT NULL")
    assert {row["historical"] for row in raised} == {True}
    assert {row["rule"] for row in raised} >= {
        "BackdatedChange", "BudgetExceeded", "DemandHigh", "FactorMissing", "IntensityHigh", "MeterSilent",
        "PueDisagrees", "PueHigh", "PueImplausible", "ReadingHeld", "RegisterBreak",
    }  # fmt: skip
    assert await con.fetchval("SELECT count(*) FROM core.notification") == 0
    await con.execute("UPDATE core.alert SET raised_at = raised_at - interval '2 hours'")
    await enqueue(con, CONFIG, await con.fetchval("SELECT clock_timestamp()") + 3 * DAY_US)
    assert [row["kind"] for row in await con.fetch("SELECT kind FROM core.notification")] == ["digest"]
    live = Arrival(await pue_world.register(con, "ups/it"), 0, 5_000_000_000_000, None, 0)
    at = await con.fetchval("SELECT clock_timestamp()") - 2 * MINUTE_US
    await steel.book(con, [structs.replace(live, at=at, received_us=at)])
    evaluator._looked.clear()
    await evaluator.round(con)
    await enqueue(con, CONFIG)
    paged = "SELECT a.rule, n.kind FROM core.notification n JOIN core.alert a USING (alert_id)"
    assert [tuple(row) for row in await con.fetch(paged)] == [("ReadingHeld", "firing")]


async def test_rebuilding_half_a_year_by_a_new_rule_pages_nobody(con: Opened) -> None:
    """Books that had stood for days and that every rule had looked at change by the rule, over all of the half-year."""
    evaluator = Evaluator("", asyncio.Event(), timer_s=0)
    ordered, late = await history(con)
    async with an_older_rule(con, "max_rate / 6"):
        await steel.book(con, [*ordered, *late])
        await evaluator.round(con)
        await enqueue(con, CONFIG)
    await con.execute("UPDATE core.energy_day SET recorded_at = recorded_at - interval '9 days'")
    await rebuild_older(con, lambda _: None)
    revised = await con.fetchval("SELECT count(*) FROM core.energy_revision WHERE width = '1d' AND cause = 'rule'")
    assert revised > HOURS / 24 / 2
    evaluator._looked.clear()
    await evaluator.round(con)
    await enqueue(con, CONFIG)
    looked = {row["rule"]: row["problem"] for row in await con.fetch("SELECT rule, problem FROM core.evaluation")}
    assert looked == dict.fromkeys(RULES)
    assert await con.fetchval("SELECT count(*) FROM core.notification") == 0
    assert await con.fetchval("SELECT count(*) FROM core.alert WHERE raised_at IS NOT NULL AND NOT historical") == 0
    assert [finding async for finding in verify(con)] == []
