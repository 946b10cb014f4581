"""The evaluator's loop on a real database: woken by commits, several at once, surviving what goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from services.alerting.model import Severity
from services.alerts.file import default_rules
from services.alerts.loop import Evaluator
from services.alerts.once import look_once
from services.alerts.rule_versions import set_rules
from services.budgets.entry import enter_budgets
from services.notify.config import Config, Route, Target
from services.notify.sending import enqueue
from services.store.pool import connect
from tests import steel
from tests.alert_rig import DAY_US, MINUTE_US, add_counter, alerts, steps, take, version
from tests.contract.test_alert_budgets import MONTHLY
from tests.figure_world import instant
from tests.ingest_rig import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    Opened = asyncpg.Connection[asyncpg.Record]

T0 = instant("2026-03-02T00:00+08:00")
QUARTER = 15 * MINUTE_US


@pytest.fixture
async def con(database: str) -> AsyncIterator[Opened]:
    """A connection for booking and looking."""
    opened = await connect(database, name="test")
    yield opened
    await opened.close()


@contextlib.asynccontextmanager
async def evaluating(dsn: str, *, processes: int = 1, timer_s: float = 600) -> AsyncIterator[list[Evaluator]]:
    """Evaluators that only commits wake, after their first round."""
    stop = asyncio.Event()
    running = [Evaluator(dsn, stop, timer_s=timer_s) for _ in range(processes)]
    tasks = [asyncio.create_task(each.run()) for each in running]
    try:
        await until(lambda: all(each.rounds for each in running))
        yield running
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def swap_meter(con: Opened, register: int, at: int) -> None:
    """A register that jumps for good: a break."""
    await take(con, register, [(at, 1_000_000), (at + QUARTER, 1_010_000)])
    await take(con, register, [(at + n * QUARTER, 7_000_000_000 + n * 10_000) for n in range(2, 6)])


async def test_a_commit_wakes_the_evaluator(con: Opened, database: str) -> None:
    """The timer is ten minutes off."""
    register = await add_counter(con)
    async with evaluating(database):
        await swap_meter(con, register, T0)
        await until(lambda: alerts(con, "RegisterBreak"), 10)


async def test_several_evaluators_raise_each_alert_once(con: Opened, database: str) -> None:
    """Three of them, woken together by every commit."""
    registers = [await add_counter(con, meter=f"m{n}") for n in range(8)]
    async with evaluating(database, processes=3):
        for register in registers:
            await swap_meter(con, register, T0)
        await until(lambda: con.fetchval("SELECT count(*) = 8 FROM core.alert WHERE rule = 'RegisterBreak'"), 20)
        rounds = 0
        async with evaluating(database, processes=2, timer_s=0.1) as more:
            await until(lambda: all(each.rounds >= 3 for each in more))
            rounds = sum(each.rounds for each in more)
    assert rounds >= 6
    assert await steps(con, "RegisterBreak") == ["firing"] * 8


async def test_two_looks_at_once_take_turns(con: Opened, database: str) -> None:
    """The second sees what the first has written."""
    await swap_meter(con, await add_counter(con), T0)
    others = [await connect(database, name="test") for _ in range(4)]
    looked = await asyncio.gather(*(look_once(each, version("RegisterBreak")) for each in others))
    assert sorted(each.steps for each in looked) == [0, 0, 0, 1]
    for other in others:
        await other.close()


async def test_it_goes_on_after_its_connection_was_cut(con: Opened, database: str) -> None:
    """As when the database restarts."""
    register = await add_counter(con)
    async with evaluating(database, timer_s=0.2):
        await con.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'tanfeng-evaluate' AND datname = current_database()"
        )
        await swap_meter(con, register, T0)
        await until(lambda: alerts(con, "RegisterBreak"), 20)


async def test_a_rule_that_fails_is_noted_and_holds_up_no_other(con: Opened, database: str) -> None:
    """Its problem is in report.evaluations until it works again."""
    settings = {name: each.settings for name, each in default_rules().items()}
    await set_rules(con, settings | {"MeterSilent": settings["MeterSilent"] | {"at_least": "soon"}}, "li")
    async with evaluating(database) as (running,):
        await swap_meter(con, await add_counter(con), T0)
        await until(lambda: alerts(con, "RegisterBreak"), 20)
        assert running.failures["MeterSilent"] > 0
        problem = await con.fetchval("SELECT problem FROM report.evaluations WHERE rule = 'MeterSilent'")
        assert "no duration" in problem
        await set_rules(con, settings, "li")
        await take(con, await add_counter(con, meter="m2"), [(T0, 0)])
        await until(
            lambda: con.fetchval("SELECT problem IS NULL FROM report.evaluations WHERE rule = 'MeterSilent'"), 20
        )


async def test_a_changed_rule_is_a_dated_version_that_the_alert_names(con: Opened) -> None:
    """What was raised under the old one keeps it."""
    settings = {name: each.settings for name, each in default_rules().items()}
    await set_rules(con, settings, "shipped")
    assert await set_rules(con, settings, "li") == []
    changed = settings | {"RegisterBreak": settings["RegisterBreak"] | {"severity": "critical"}}
    assert await set_rules(con, changed, "li") == ["RegisterBreak"]
    evaluator = Evaluator("", asyncio.Event())
    await swap_meter(con, await add_counter(con), T0)
    await evaluator.round(con)
    row = await con.fetchrow("SELECT * FROM report.alerts WHERE rule = 'RegisterBreak'")
    assert row is not None
    assert (row["severity"], row["rule_version"], json.loads(row["rule_settings"])["severity"]) == (
        "critical", 2, "critical",
    )  # fmt: skip
    history = await con.fetch("SELECT version, author FROM report.rules WHERE rule = 'RegisterBreak' ORDER BY 1")
    assert [tuple(each) for each in history] == [(1, "shipped"), (2, "li")]


async def test_a_rule_that_is_switched_off_ends_its_alerts_and_switched_on_again_goes_on(con: Opened) -> None:
    """Nobody is reminded of what nobody wants to know; what went on meanwhile is found again."""
    settings = {name: each.settings for name, each in default_rules().items()}
    await take(con, await add_counter(con), [(T0, 0)])
    for enabled, expected in ((True, "firing"), (False, "resolved"), (True, "firing")):
        await set_rules(con, settings | {"MeterSilent": settings["MeterSilent"] | {"enabled": enabled}}, "li")
        await Evaluator("", asyncio.Event()).round(con)
        assert [row["state"] for row in await alerts(con, "MeterSilent")] == [expected]
    assert await steps(con, "MeterSilent") == ["firing", "resolved", "reopened"]


async def test_replaying_half_a_year_pages_nobody(con: Opened) -> None:
    """The steel works' recording with a round after every month: alerts are listed, only a digest is sent."""
    register = await steel.add_works(con)
    tight = replace(MONTHLY, code="tight", parts=dict.fromkeys(range(1, 13), 10_000_000))
    await enter_budgets(con, [MONTHLY, tight], "li")
    target = Target("duty", "apprise", None, 600)
    config = Config({"duty": target}, (Route(("duty",), frozenset(Severity), None, MINUTE_US),))
    evaluator = Evaluator("", asyncio.Event(), timer_s=0)
    given = steel.arrivals(register)
    for start in range(0, len(given), 3000):
        await steel.book(con, given[start : start + 3000])
        await evaluator.round(con)
        await enqueue(con, config)
    assert evaluator.failures == {}
    rows = await con.fetch("SELECT DISTINCT rule, historical FROM core.alert WHERE state <> 'pending' ORDER BY rule")
    assert [tuple(row) for row in rows] == [("BudgetExceeded", True), ("MeterSilent", True)]
    await con.execute("UPDATE core.alert SET raised_at = raised_at - interval '2 hours'")
    await enqueue(con, config, await con.fetchval("SELECT clock_timestamp()") + 3 * DAY_US)
    kinds = await con.fetch("SELECT kind, count(*) FROM core.notification GROUP BY kind")
    assert [tuple(row) for row in kinds] == [("digest", 1)]


async def test_the_evaluators_own_role_is_enough_and_books_nothing(con: Opened) -> None:
    """Every rule, and the outbox, without a right on readings, ledger or registry but to read them."""
    register = await steel.add_works(con)
    await enter_budgets(con, [MONTHLY], "li")
    await steel.book(con, steel.arrivals(register)[:3000])
    await con.execute("INSERT INTO core.ingest_slot (slot) VALUES (0)")
    await con.execute("SET ROLE tanfeng_evaluate")
    evaluator = Evaluator("", asyncio.Event())
    await evaluator.round(con)
    assert evaluator.failures == {}
    target = Target("duty", "apprise", None, 600)
    await enqueue(con, Config({"duty": target}, (Route(("duty",), frozenset(Severity), None, 0),)))
    for table in ("reading", "energy_15m", "register", "act", "emission_factor", "login_scope", "maintenance"):
        for right in ("INSERT", "UPDATE", "DELETE"):
            assert not await con.fetchval("SELECT has_table_privilege($1, $2)", f"core.{table}", right)
    assert not await con.fetchval("SELECT has_table_privilege('core.api_token', 'SELECT')")
    await con.execute("RESET ROLE")
    assert await con.fetchval("SELECT count(*) FROM core.alert") > 0
