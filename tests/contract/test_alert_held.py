"""What is held, as people see it: the true start and count, the suspicion, the act to declare, and how grave it is."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from services.ledger.held import held_registers
from services.store.pool import connect
from tanfeng.cli import app
from tests.alert_rig import DAY_US, HOUR_US, MINUTE_US, POLICY, ack, alerts, look, steps, take
from tests.alert_rig import add_counter as counter
from tests.figure_world import instant
from tests.registers import add_meter, add_register

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


async def said(dsn: str, *arguments: str) -> str:
    """What a command of ours prints."""
    done = await asyncio.to_thread(CliRunner().invoke, app, [*arguments, "--dsn", dsn], env={"COLUMNS": "250"})
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


async def booked(con: Connection) -> int:
    """Whole units in the ledger."""
    return int(await con.fetchval("SELECT coalesce(sum(amount), 0) FROM core.energy_15m")) // 1000


@pytest.mark.parametrize(
    ("kind", "value", "others", "times"),
    [("interval", 400_000, 20_000, (400, 40)), ("measurement", 1_600_000, 100_000, (15, 2))],
)
@pytest.mark.fires("ReadingHeld")
async def test_a_held_amount_is_listed_told_and_released_by_accepting_it(
    con: Connection, edition_database: str, kind: str, value: int, others: int, times: tuple[int, int]
) -> None:
    """No later reading settles it; accepted, it is booked. `times`: what that adds to what the others are."""
    register = await add_register(con, await add_meter(con), kind, [POLICY])
    await take(con, register, [(T0, others)])
    await take(con, register, [(T0 + QUARTER, value)])
    await take(con, register, [(T0 + 2 * QUARTER, others)])
    without = await booked(con)
    [held] = await held_registers(con)
    assert (held.name, held.readings, held.first_at) == ("works/m1/import", 1, T0 + QUARTER)
    assert "works/m1/import" in await said(edition_database, "held", "list")
    shown = await said(edition_database, "held", "show", "works/m1/import")
    assert "accept --at 2026-03-01T16:15:00Z" in shown
    await look(con, "ReadingHeld", T0 + HOUR_US)
    (alert,) = await alerts(con, "ReadingHeld")
    assert "works/m1/import：自 2026-03-02 00:15 起 1 个读数存疑" in alert["summary_zh"]
    decide = ("held", "decide", "works/m1/import", "accept", "--at", "2026-03-02 00:15", "--as", "li")
    await said(edition_database, *decide, "--reason", "seen")
    assert await held_registers(con) == []
    assert (await booked(con) - without) * times[1] == without * times[0]
    await look(con, "ReadingHeld", T0 + HOUR_US)
    assert await steps(con, "ReadingHeld") == ["firing", "resolved"]


async def test_a_stretch_of_many_runs_keeps_its_true_start_and_count(con: Connection, edition_database: str) -> None:
    """Twelve readings that contradict each other; the state remembers four runs."""
    register = await counter(con)
    await take(con, register, [(T0, 1_000_000), (T0 + QUARTER, 1_001_000)])
    jumps = [(T0 + n * QUARTER, 10**9 * (1 + n * 7 % 11)) for n in range(2, 14)]
    await take(con, register, jumps)
    [held] = await held_registers(con)
    assert (held.first_at, held.until_at, held.readings, len(held.runs)) == (T0 + 2 * QUARTER, jumps[-1][0], 12, 4)
    await look(con, "ReadingHeld", T0 + 4 * HOUR_US)
    (alert,) = await alerts(con, "ReadingHeld")
    assert (alert["occurred_at"], alert["latest"]["readings"]) == (T0 + 2 * QUARTER, 12)
    assert "12" in await said(edition_database, "held", "list")


async def test_a_held_stretch_grows_graver_with_hours_and_is_raised_again(con: Connection) -> None:
    """A notice, a warning after six hours although acknowledged, critical after three days."""
    register = await counter(con)
    await take(con, register, [(T0, 1_000_000), (T0 + QUARTER, 1_001_000), (T0 + 2 * QUARTER, 5_000_000_000)])
    held_at, found = T0 + 2 * QUARTER, []
    for after in (HOUR_US, 6 * HOUR_US, 7 * HOUR_US, 3 * DAY_US):
        await look(con, "ReadingHeld", held_at + after)
        (alert,) = await alerts(con, "ReadingHeld")
        found.append((alert["severity"], alert["state"], alert["raised_count"], alert["historical"]))
        if after == HOUR_US:
            await ack(con, "ReadingHeld")
    assert found == [
        ("notice", "firing", 1, False),
        ("warning", "firing", 2, False),
        ("warning", "firing", 2, False),
        ("critical", "firing", 3, False),
    ]


async def test_a_held_stretch_is_as_grave_as_the_energy_at_stake(con: Connection) -> None:
    """10 MWh an hour are 1.23 tce in one hour of the calorific value: a warning, though it is held for an hour only."""
    register = await counter(con, max_rate=Decimal(20_000))
    await take(con, register, [(T0 + n * QUARTER, n * 2_500_000) for n in range(8)])
    held_at = T0 + 8 * QUARTER
    await take(con, register, [(held_at, 5_000_000_000)])
    await look(con, "ReadingHeld", held_at + HOUR_US)
    (alert,) = await alerts(con, "ReadingHeld")
    assert (alert["severity"], alert["latest"]["at_stake"]) == ("warning", "10,000")


async def test_of_a_held_amount_the_amount_is_at_stake(con: Connection) -> None:
    """90 MWh in a quarter-hour are 11 tce: critical at once."""
    register = await add_register(con, await add_meter(con), "interval", [POLICY])
    await take(con, register, [(T0, 20_000), (T0 + QUARTER, 90_000_000)])
    await look(con, "ReadingHeld", T0 + HOUR_US)
    (alert,) = await alerts(con, "ReadingHeld")
    assert (alert["severity"], alert["latest"]["at_stake"]) == ("critical", "90,000")


async def test_a_register_that_shows_a_tenth_is_suspected_of_it_in_both_languages(
    con: Connection, edition_database: str
) -> None:
    """The alert names the scale, and `held show` the multiplier to declare; confirmed, the break names it too."""
    register = await counter(con)
    await take(con, register, [(T0 + n * QUARTER, 500_000_000 + n * 20_000) for n in range(8)])
    tenth = [(T0 + n * QUARTER, 50_000_000 + n * 2000) for n in range(8, 12)]
    await take(con, register, tenth[:2])
    await look(con, "ReadingHeld", T0 + 4 * HOUR_US)
    (alert,) = await alerts(con, "ReadingHeld")
    assert alert["evidence"]["suspect"] == "scale 0.1"
    assert "疑为示值变为 0.1 倍" in alert["summary_zh"]
    assert "perhaps it shows 0.1 times what it did" in alert["summary_en"]
    shown = await said(edition_database, "held", "show", "works/m1/import")
    assert "multiplier --at '2026-03-02 02:00:00+08:00' --value 10" in shown
    await take(con, register, tenth[2:])
    await look(con, "RegisterBreak", T0 + 4 * HOUR_US)
    (alert,) = await alerts(con, "RegisterBreak")
    assert "疑为示值变为 0.1 倍" in alert["summary_zh"]


def still(**more: Any) -> dict[str, Any]:
    """A policy that believes two hours of standstill."""
    return {"flat_us": 2 * HOUR_US, **more}


@pytest.mark.fires("MeterStuck")
async def test_a_register_that_stands_still_beyond_belief_is_told_until_it_moves_and_what_was_booked_is_seen(
    con: Connection,
) -> None:
    """It repeats 1025 for three hours; then 325 more, which is booked from where it began and acknowledged."""
    register = await counter(con, **still(max_rate=Decimal(600)))
    rising = [(T0 + n * QUARTER, 1_000_000 + n * 25_000) for n in range(5)]
    flat_at, level = rising[-1]
    await take(con, register, rising + [(flat_at + n * QUARTER, level) for n in range(1, 8)])
    await look(con, "MeterStuck", flat_at + 2 * HOUR_US)
    assert await alerts(con, "MeterStuck") == []
    await take(con, register, [(flat_at + n * QUARTER, level) for n in range(8, 13)])
    await look(con, "MeterStuck", flat_at + 3 * HOUR_US)
    (alert,) = await alerts(con, "MeterStuck")
    assert (alert["subject"], alert["occurred_at"]) == ("works/m1/import", flat_at + 2 * HOUR_US)
    assert "自 2026-03-02 01:00 起读数不变，超过 2 小时" in alert["summary_zh"]
    assert "unchanged since 2026-03-02 01:00, for more than 2 h" in alert["summary_en"]
    back = flat_at + 13 * QUARTER
    await take(con, register, [(back + n * QUARTER, level + 325_000 + n * 25_000) for n in range(4)])
    await look(con, "MeterStuck", back + HOUR_US)
    (alert,) = await alerts(con, "MeterStuck")
    assert "旧值重复，电量已按估计补记" in alert["summary_zh"]
    await ack(con, "MeterStuck")
    await look(con, "MeterStuck", back + HOUR_US)
    assert [row["state"] for row in await alerts(con, "MeterStuck")] == ["resolved"]


@pytest.mark.stays_quiet("MeterStuck")
async def test_a_standstill_within_belief_or_without_a_limit_is_no_stuck_meter(con: Connection) -> None:
    """Two hours are believed; a register without `flat` may stand for days."""
    believed, unlimited = await counter(con, **still()), await counter(con, meter="m2")
    for register, hours in ((believed, 2), (unlimited, 48)):
        await take(con, register, [(T0 + n * QUARTER, 1_000_000) for n in range(hours * 4 + 1)])
        await look(con, "MeterStuck", T0 + hours * HOUR_US)
    assert await alerts(con, "MeterStuck") == []
