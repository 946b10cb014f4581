"""Rules about what the fold noticed: breaks, overruled readings and acts that do not fit."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from services.accounting.policy import Act
from services.ledger.acts import declare, withdraw
from services.model import ActKind
from services.store.pool import connect
from tests.alert_rig import HOUR_US, MINUTE_US, ack, add_counter, alerts, look, steps, take
from tests.figure_world import instant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

T0 = instant("2026-03-02T00:00+08:00")
QUARTER = 15 * MINUTE_US


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A migrated database with nothing in it."""
    opened = await connect(edition_database, name="test")
    yield opened
    await opened.close()


@pytest.mark.fires("RegisterBreak")
async def test_a_confirmed_jump_is_a_break_until_acknowledged(con: Connection) -> None:
    """Three counting readings at another level: the meter was swapped; acknowledging settles event and alert."""
    register = await add_counter(con)
    await take(con, register, [(T0, 1_000_000), (T0 + QUARTER, 1_010_000)])
    await look(con, "RegisterBreak", T0 + HOUR_US)
    assert await alerts(con, "RegisterBreak") == []
    await take(con, register, [(T0 + n * QUARTER, 7_000_000_000 + n * 10_000) for n in range(2, 6)])
    await look(con, "RegisterBreak", T0 + 2 * HOUR_US)
    (alert,) = await alerts(con, "RegisterBreak")
    assert (alert["state"], alert["evidence"]["count"]) == ("firing", 1)
    assert "1 处表码断裂" in alert["summary_zh"]
    await ack(con, "RegisterBreak")
    assert await con.fetchval("SELECT acknowledged_by FROM core.event WHERE kind = 'break'") == "li"
    await look(con, "RegisterBreak", T0 + 3 * HOUR_US)
    assert await steps(con, "RegisterBreak") == ["firing", "acknowledged", "resolved"]


async def test_a_break_that_a_late_reading_explains_is_withdrawn(con: Connection) -> None:
    """The event goes with the fold that implied it, and so does the alert."""
    register = await add_counter(con)
    await take(con, register, [(T0, 1_000_000), (T0 + QUARTER, 1_010_000)])
    await take(con, register, [(T0 + n * QUARTER, 7_000_000_000 + n * 10_000) for n in range(2, 6)])
    await look(con, "RegisterBreak", T0 + 2 * HOUR_US)
    async with con.transaction():
        swap = Act(ActKind.REPLACEMENT, T0 + QUARTER + 1, final=Decimal(1010), start=Decimal(7_000_010))
        await declare(con, register, swap, author="li", reason="换表")
    await look(con, "RegisterBreak", T0 + 2 * HOUR_US)
    (alert,) = await alerts(con, "RegisterBreak")
    assert (alert["state"], alert["outcome"]) == ("resolved", "withdrawn")


@pytest.mark.fires("ReadingOverruled")
async def test_a_baseline_that_was_false_is_overruled(con: Connection) -> None:
    """An accepted reading too high, and those after it below: its energy was taken back."""
    register = await add_counter(con, max_rate=Decimal(100))
    await take(con, register, [(T0, 1_000_000), (T0 + QUARTER, 1_001_000)])
    await look(con, "ReadingOverruled", T0 + HOUR_US)
    assert await alerts(con, "ReadingOverruled") == []
    await take(con, register, [(T0 + 2 * QUARTER, 1_025_000)])
    await take(con, register, [(T0 + n * QUARTER, 1_000_000 + n * 1000) for n in range(3, 7)])
    await look(con, "ReadingOverruled", T0 + 2 * HOUR_US)
    (alert,) = await alerts(con, "ReadingOverruled")
    assert alert["evidence"]["events"][0]["read_at"] == "2026-03-01T16:30:00Z"


@pytest.mark.fires("ActInconsistent")
async def test_a_final_value_that_no_reading_allows_is_inconsistent(con: Connection) -> None:
    """Below the last reading; withdrawing the act ends it."""
    register = await add_counter(con)
    await take(con, register, [(T0 + n * QUARTER, 1_000_000 + n * 1000) for n in range(3)])
    async with con.transaction():
        swap = Act(ActKind.REPLACEMENT, T0 + 3 * QUARTER, final=Decimal(5), start=Decimal(0))
        number = await declare(con, register, swap, author="li", reason="换表")
    await take(con, register, [(T0 + 4 * QUARTER, 1000)])
    await look(con, "ActInconsistent", T0 + 2 * HOUR_US)
    assert [row["state"] for row in await alerts(con, "ActInconsistent")] == ["firing"]
    async with con.transaction():
        await withdraw(con, number, author="li")
    await look(con, "ActInconsistent", T0 + 2 * HOUR_US)
    assert [row["outcome"] for row in await alerts(con, "ActInconsistent")] == ["withdrawn"]


@pytest.mark.stays_quiet("ActInconsistent", "RegisterBreak", "ReadingOverruled")
async def test_a_consistent_act_raises_nothing(con: Connection) -> None:
    """A final value that the last reading allows."""
    register = await add_counter(con)
    await take(con, register, [(T0 + n * QUARTER, 1_000_000 + n * 1000) for n in range(3)])
    async with con.transaction():
        swap = Act(ActKind.REPLACEMENT, T0 + 3 * QUARTER, final=Decimal(1003), start=Decimal(0))
        await declare(con, register, swap, author="li", reason="换表")
    await take(con, register, [(T0 + 4 * QUARTER, 1000)])
    for rule in ("ActInconsistent", "RegisterBreak", "ReadingOverruled"):
        await look(con, rule, T0 + 2 * HOUR_US)
        assert await alerts(con, rule) == []
