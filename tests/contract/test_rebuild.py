"""Books of an older accounting rule, rebuilt by the present one on every edition, register by register."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest

from services.accounting.policy import Act
from services.accounting.version import ACCOUNTING_VERSION
from services.errors import TanfengError
from services.ledger.acts import declare
from services.ledger.booking import Books
from services.ledger.rebuild import CAUSE, rebuild_older
from services.ledger.verify import verify
from services.model import ActKind, Arrival
from services.store.pool import connect
from services.upkeep.maintenance import DAY_US
from tests.alert_rig import HOUR_US, MINUTE_US, add_counter, alerts, look, take
from tests.contract.test_maintenance import KEEP, STEP, run, send, today
from tests.histories import History
from tests.older_books import an_older_rule, older
from tests.registers import add_meter, add_register

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

LIVES = int(os.environ.get("TANFENG_STORE_LIVES", "120"))
QUARTER = 15 * MINUTE_US
VERSIONS = "SELECT DISTINCT books_version FROM core.register_state WHERE newest_at IS NOT NULL"


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A migrated database with nothing in it."""
    opened = await connect(edition_database, name="test")
    yield opened
    await opened.close()


async def rebuild(con: Connection) -> tuple[int, list[int]]:
    """Rebuild what is older; how many that was, and what was left after each."""
    left: list[int] = []
    return await rebuild_older(con, left.append), left


async def differences(con: Connection) -> list[str]:
    """Where the books are not what the readings say."""
    return [finding.place async for finding in verify(con)]


async def many_lives(con: Connection, number: int) -> None:
    """Registers with all that readings and acts can do, booked by an older rule."""
    rnd = Random(int(os.environ.get("TANFENG_SEED", "1")))
    lives = [History(rnd) for _ in range(number)]
    ids = [
        await add_register(con, await add_meter(con, meter=f"m{n}"), life.kind, life.versions)
        for n, life in enumerate(lives)
    ]
    books = Books()
    async with an_older_rule(con, "CASE WHEN max_rate > 0.1 THEN max_rate / 4 ELSE 0.5 END"):
        for register_id, life in zip(ids, lives, strict=True):
            for step in life.steps:
                async with con.transaction():
                    if isinstance(step, Act):
                        await declare(con, register_id, step, author="test", reason="test")
                    else:
                        await books.book(con, [Arrival(register_id, at, value, None, at) for at, value in step])


async def test_rebuilt_books_are_what_the_readings_say_and_what_they_were_is_kept(con: Connection) -> None:
    """Ledger, rollups, doubts, events and states of random lives; every closed row as of before is what it was."""
    await many_lives(con, LIVES)
    found = await differences(con)
    assert {place.split()[1] for place in found} >= {"ledger", "doubt", "event", "state"}
    number = await older(con)
    before = await con.fetch("SELECT register_id, starts_at, amount, estimated_amount, covered_s FROM core.energy_15m")
    moment = await con.fetchval("SELECT clock_timestamp()")
    done, left = await rebuild(con)
    assert (done, left) == (number, [*range(number - 1, -1, -1)])
    assert await differences(con) == []
    assert [row[0] for row in await con.fetch(VERSIONS)] == [ACCOUNTING_VERSION]
    as_of = await con.fetch(
        "SELECT register_id, starts_at, amount, estimated_amount, covered_s FROM core.energy_15m e"
        " WHERE recorded_at <= $1 UNION ALL"
        " SELECT register_id, starts_at, amount, estimated_amount, covered_s FROM core.energy_revision"
        " WHERE width = '15m' AND recorded_from <= $1 AND $1 < recorded_until",
        moment,
    )
    states = await con.fetch("SELECT register_id, newest_at FROM core.register_state")
    newest = {row["register_id"]: row["newest_at"] for row in states}
    closed = {tuple(row) for row in before if row["starts_at"] + QUARTER <= newest[row["register_id"]]}
    assert closed <= {tuple(row) for row in as_of}
    causes = await con.fetch("SELECT DISTINCT cause FROM core.energy_revision WHERE recorded_until > $1", moment)
    assert [row[0] for row in causes] == [CAUSE]
    assert await rebuild(con) == (0, [])


async def test_a_register_of_an_older_rule_is_not_booked_before_it_is_rebuilt(con: Connection) -> None:
    """Neither by readings nor by acts, and the refusal names the command; others go on, also by remembered cards."""
    first, second = await add_counter(con), await add_counter(con, meter="m2")
    async with an_older_rule(con, "1"):
        for register in (first, second):
            await take(con, register, [(n * QUARTER, n * 1000) for n in range(9)])
    await con.execute(
        "UPDATE core.register_state SET books_version = $2 WHERE register_id = $1", second, ACCOUNTING_VERSION
    )
    with pytest.raises(TanfengError, match=r"older accounting rule.*1 registers.*tanfeng migrate"):
        await take(con, first, [(9 * QUARTER, 9000)])
    act = Act(ActKind.IGNORE, 2 * QUARTER, until=3 * QUARTER)
    with pytest.raises(TanfengError, match="tanfeng migrate"):
        async with con.transaction():
            await declare(con, first, act, author="test", reason="test")
    await take(con, second, [(9 * QUARTER, 9000)])
    await rebuild(con)
    await take(con, first, [(9 * QUARTER, 9000)])
    assert await con.fetchval("SELECT sum(amount) FROM core.energy_15m WHERE register_id = $1", first) == 9000
    async with con.transaction():
        await declare(con, first, act, author="test", reason="test")
    assert [place for place in await differences(con) if "m1" in place] == []


async def test_who_follows_an_older_rule_books_no_more_once_the_books_are_of_a_newer_one(con: Connection) -> None:
    """A worker left over from before an upgrade asks again as its remembered card is stale, and is refused."""
    register, books = await add_counter(con), Books()
    async with con.transaction():
        await books.book(con, [Arrival(register, 0, 0, None, 0)])
    async with an_older_rule(con, "max_rate"):
        pass
    await rebuild(con)
    await con.execute("UPDATE core.register_state SET books_version = $1", ACCOUNTING_VERSION + 1)
    with pytest.raises(TanfengError, match=r"newer accounting rule.*or a later one"):
        async with con.transaction():
            await books.book(con, [Arrival(register, QUARTER, 1000, None, QUARTER)])


async def test_books_of_before_what_retention_kept_stay_and_are_marked(con: Connection) -> None:
    """Thirty days, of which the readings of ten are there: those days are rebuilt, and late readings fit in."""
    register, end = await add_counter(con, interval_us=STEP, gap_us=4 * STEP), await today(con)
    readings = [(end + (n - 121) * STEP, n * 100_000 + n // 10 * 900_000) for n in range(1, 120)]
    async with an_older_rule(con, "100"):  # every tenth rise, 1,000 kWh in six hours, is too much by it
        await take(con, register, readings)
        assert (await run(con, replace(KEEP, raw_days=10, horizon_days=10)))["retention"].result == "done"
    old = await con.fetch("SELECT * FROM core.energy_15m ORDER BY starts_at")
    await rebuild(con)
    row = await con.fetchrow("SELECT rule_from, kept_from FROM core.register_state")
    assert row is not None
    assert end - 12 * DAY_US < row["rule_from"] <= row["kept_from"] < end - 7 * DAY_US
    new = await con.fetch("SELECT * FROM core.energy_15m ORDER BY starts_at")
    before = [each for each in new if each["starts_at"] < row["rule_from"]]
    assert before == [each for each in old if each["starts_at"] < row["rule_from"]]
    assert len(before) > 0
    assert new != old
    assert await differences(con) == []
    late = next(each for each in readings if each[0] > row["kept_from"])
    assert (await send(con, register, late[0] + HOUR_US, late[1] + 100_000)).accepted == 1
    assert (await send(con, register, row["kept_from"] - HOUR_US, 0)).too_old
    assert await differences(con) == []


@pytest.mark.stays_quiet("BackdatedChange")
async def test_a_day_that_a_changed_rule_revised_is_no_backdated_change(con: Connection) -> None:
    """Its figure changed, and no meter has sent anything; late data of such a day is told as ever."""
    register = await add_counter(con)
    start = await today(con) - 20 * DAY_US
    async with an_older_rule(con, "4"):
        # a step of 2.9 kWh within one interval is beyond the older bound and within the present one
        await take(con, register, [(start + n * QUARTER, n * 1000 + (n > 150) * 1900) for n in range(600)])
        await con.execute("UPDATE core.energy_day SET recorded_at = recorded_at - interval '9 days'")
    await rebuild(con)
    assert await con.fetchval("SELECT count(*) FROM core.energy_revision WHERE width = '1d' AND cause = $1", CAUSE)
    await look(con, "BackdatedChange")
    assert await alerts(con, "BackdatedChange") == []


@pytest.mark.two_connections
async def test_several_processes_share_a_rebuild(con: Connection, edition_database: str) -> None:
    """Each register is rebuilt once, by one of them, and both end when none is left."""
    await many_lives(con, 40)
    number = await older(con)
    other = await connect(edition_database, name="other")
    try:
        shares = await asyncio.gather(rebuild(con), rebuild(other))
        assert sum(done for done, _ in shares) == number
        assert min(done for done, _ in shares) > 0
        assert await differences(con) == []
    finally:
        await other.close()
