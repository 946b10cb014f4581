"""The rules about the broker: what never reached ingest, whose client id was taken, and refused logins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.alerts.evaluations import clock
from services.figures.access import act_as
from services.ledger import broker
from services.store.pool import connect
from tests.alert_rig import HOUR_US, alerts, look, steps

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A migrated database with nothing in it."""
    opened = await connect(edition_database, name="test")
    yield opened
    await opened.close()


@pytest.mark.fires("BrokerDrops")
async def test_each_way_of_losing_a_message_is_a_warning_of_its_own(con: Connection) -> None:
    """It says how many and why, grows without paging again, and ends an hour after the last one."""
    await broker.tell(con, {("denied", ""): 42, ("takeover", "a → b"): 1}, 7)
    await broker.tell(con, {}, 907)
    now = await clock(con)
    await look(con, "BrokerDrops", now)
    found = {row["subject"]: row["latest"]["count"] for row in await alerts(con, "BrokerDrops")}
    assert found == {"denied": 42, "dropped": 900}
    assert any("越权" in row["summary_zh"] for row in await alerts(con, "BrokerDrops"))
    await look(con, "BrokerDrops", now + 2 * HOUR_US)
    assert await steps(con, "BrokerDrops") == ["firing", "firing", "resolved", "resolved"]


@pytest.mark.stays_quiet("BrokerDrops")
async def test_counters_that_only_say_what_was_before_warn_of_nothing(con: Connection) -> None:
    """The first look at a broker is no news, a counter that stands still neither, nor a restart without drops."""
    for value in (500, 500, 0, None):
        await broker.tell(con, {}, value)
    await look(con, "BrokerDrops")
    assert await alerts(con, "BrokerDrops") == []


async def test_a_counter_below_the_last_one_counts_from_the_restart(con: Connection) -> None:
    """What was dropped since is all of it."""
    for value in (500, 20):
        await broker.tell(con, {}, value)
    assert await con.fetchval("SELECT sum(seen) FROM core.broker_minute") == 20


@pytest.mark.fires("SessionTakeover")
async def test_one_takeover_by_another_user_is_critical(con: Connection) -> None:
    """It says who took whose id; a gateway that comes back under its own a few times is not told of."""
    await broker.tell(con, {("takeover", "steel → rubber"): 1, ("replaced", "tyre"): 20}, None)
    await look(con, "SessionTakeover")
    (alert,) = await alerts(con, "SessionTakeover")
    assert (alert["severity"], alert["evidence"]["who"]) == ("critical", "steel → rubber")
    await broker.tell(con, {("replaced", "tyre"): 1}, None)
    await look(con, "SessionTakeover")
    assert {row["subject"] for row in await alerts(con, "SessionTakeover")} == {
        "takeover steel → rubber", "replaced tyre",
    }  # fmt: skip


@pytest.mark.stays_quiet("SessionTakeover")
async def test_a_gateway_that_reconnects_takes_nothing_over(con: Connection) -> None:
    """Twenty times within the hour, under its own id."""
    await broker.tell(con, {("replaced", "tyre"): 20}, None)
    await look(con, "SessionTakeover")
    assert await alerts(con, "SessionTakeover") == []


@pytest.mark.fires("LoginRefused")
async def test_many_refused_logins_are_told(con: Connection) -> None:
    """More than thirty within ten minutes."""
    await broker.tell(con, {("refused_login", ""): 31}, None)
    await look(con, "LoginRefused")
    (alert,) = await alerts(con, "LoginRefused")
    assert alert["latest"]["count"] == 31


@pytest.mark.stays_quiet("LoginRefused")
async def test_a_few_wrong_passwords_are_not_told(con: Connection) -> None:
    """Somebody sets up a gateway."""
    await broker.tell(con, {("refused_login", ""): 30}, None)
    await look(con, "LoginRefused")
    assert await alerts(con, "LoginRefused") == []


async def test_only_the_district_sees_what_the_broker_tells(con: Connection) -> None:
    """It names other users."""
    await broker.tell(con, {("denied", ""): 1}, None)
    for role, seen in (("tanfeng_district", 1), ("tanfeng_reader", 0)):
        async with con.transaction():
            await act_as(con, role)
            assert await con.fetchval("SELECT count(*) FROM report.broker_minute") == seen
