"""Deciding what is held, verifying the books, and what the store keeps of the past, on every edition."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from services.accounting.policy import Act, Version
from services.ledger.acts import declare, withdraw
from services.ledger.booking import Booked, Books
from services.ledger.held import explain, held_registers
from services.ledger.rebook import rescope
from services.ledger.steps import LargerStep, larger_steps
from services.ledger.verify import verify
from services.model import HOUR_US, QUARTER_US, SECOND_US, ActKind, Arrival, to_us
from services.store.pool import connect
from tanfeng.cli import app
from tests.faults import LEVEL, STEP, TEN, at, clean
from tests.registers import add_meter, add_register

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from services.store.pool import Connection

METER = Version(
    max_rate=Decimal(1200), resolution=Decimal(1), modulus=None, interval_us=QUARTER_US, gap_us=HOUR_US,
    slack_us=60 * SECOND_US, noise=Decimal(1),
)  # fmt: skip

FINE = replace(METER, resolution=Decimal("0.01"), noise=Decimal("0.01"))


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A connection to a fresh database."""
    connection = await connect(edition_database, name="test")
    yield connection
    await connection.close()


async def meter(con: Connection) -> int:
    """A 1,200 kW meter's register."""
    return await add_register(con, await add_meter(con), "total_increasing", [METER])


async def book(con: Connection, register: int, readings: list[tuple[int, int]]) -> Booked:
    """Book kWh readings at quarter-hours in one transaction."""
    arrivals = [Arrival(register, to_us(at(n)), value * 1000, None, to_us(at(n))) for n, value in readings]
    async with con.transaction():
        return await Books().book(con, arrivals)


def quarters(readings: Sequence[tuple[object, int]]) -> list[tuple[int, int]]:
    """The day's values by quarter-hour number."""
    return [(n, value) for n, (_, value) in enumerate(readings)]


async def total(con: Connection) -> int:
    """KWh in the ledger."""
    return int(await con.fetchval("SELECT coalesce(sum(amount), 0) FROM core.energy_15m")) // 1000


async def findings(con: Connection) -> list[str]:
    """Where verify finds differences."""
    return [finding.place async for finding in verify(con)]


async def test_verify_finds_nothing_after_ordinary_faults_and_everything_after_tampering(con: Connection) -> None:
    """Each table of the books is rebuilt from the readings and compared."""
    register = await meter(con)
    await book(con, register, quarters(TEN["one false zero"].readings))
    assert await findings(con) == []
    await con.execute("UPDATE core.energy_15m SET amount = amount + 1 WHERE starts_at = $1", to_us(at(7)))
    await con.execute("DELETE FROM core.doubt")
    await con.execute("DELETE FROM core.event")
    await con.execute("UPDATE core.energy_scope_day SET covered_s = covered_s - 1")
    await con.execute("UPDATE core.register_state SET baseline_value = 1")
    places = " ".join(await findings(con))
    assert all(word in places for word in ("ledger", "day", "doubt", "event", "scope", "state"))


async def test_an_undeclared_swap_is_explained_and_decided(con: Connection, edition_database: str) -> None:
    """`held show` names the run and the bound; declaring the swap books both meters to the last kWh."""
    register = await meter(con)
    final = LEVEL + STEP * 50
    day = [(n, value if n < 50 else value - final + 9_000_000) for n, value in quarters(clean())]
    await book(con, register, day[:52])
    (held,) = await held_registers(con)
    (run,) = await explain(con, held)
    assert (run.run.count, run.own_amount, run.bound) == (2, STEP * 1000, 337_000)
    assert {each.code: each.fits for each in run.explanations} == {"false": True, "swap": True, "rise": False}
    said = await asyncio.to_thread(
        CliRunner().invoke, app, ["held", "show", "works/m1/import", "--dsn", edition_database]
    )
    assert said.exit_code == 0, said.output
    assert "9000000.000" in said.output
    swap = Act(ActKind.REPLACEMENT, to_us(at(50)), final=Decimal(final), start=Decimal(9_000_000))
    async with con.transaction():
        number = await declare(con, register, swap, author="tester", reason="meter 2 since 12:30")
    assert await total(con) == 51 * STEP
    await book(con, register, day[52:])
    assert await total(con) == 30_000
    assert await held_registers(con) == []
    assert await findings(con) == []
    async with con.transaction():
        await withdraw(con, number, author="tester")
    assert await total(con) == 30_000 - STEP
    assert await findings(con) == []


async def test_a_register_that_moves_in_float32_steps_is_told_the_step_to_declare(
    con: Connection, edition_database: str
) -> None:
    """At 1,000,000 kWh the step is 0.0625; the register beside it moves in hundredths and is told nothing."""
    rnd = Random(3)
    names = {}
    for code in ("m2", "m3"):
        names[code] = await add_register(con, await add_meter(con, meter=code), "total_increasing", [FINE])
    value = Decimal("1000000.10")
    for n in range(40):
        value += Decimal(rnd.randint(1, 3000)) / 100
        narrow = struct.unpack("f", struct.pack("f", float(value)))[0]
        for code, sent in (("m2", Decimal(narrow)), ("m3", value)):
            thousandths = sent * 1000
            text = None if thousandths == int(thousandths) else str(sent)
            instant = to_us(at(0)) + n * QUARTER_US
            await put(con, [Arrival(names[code], instant, round(thousandths), text, instant)])
    assert await larger_steps(con) == [LargerStep("works/m2/import", "kWh", Decimal("0.01"), Decimal("0.0625"))]
    assert await larger_steps(con, [names["m3"]]) == []
    await put(con, [Arrival(names["m2"], to_us(at(0)) + 41 * QUARTER_US, 0, None, to_us(at(0)))])
    said = await asyncio.to_thread(
        CliRunner().invoke, app, ["held", "show", "works/m2/import", "--dsn", edition_database]
    )
    assert "moves in 0.0625 kWh, 登记 declared 0.01" in said.output


async def put(con: Connection, arrivals: Sequence[Arrival]) -> None:
    """Book them in one transaction."""
    async with con.transaction():
        await Books().book(con, arrivals)


async def test_an_act_is_declared_in_the_zone_of_its_site_where_the_time_names_none(
    con: Connection, edition_database: str
) -> None:
    """`--at "2026-11-24 10:20"`; the list of acts says that a reading is what the display showed."""
    register = await meter(con)
    await con.execute("UPDATE core.site SET zone = 'Asia/Urumqi'")
    decide = ["held", "decide", "works/m1/import", "multiplier", "--at", "2026-11-24 10:20", "--value", "40"]
    more = ["--reading", "12.5", "--as", "li", "--reason", "CT changed", "--dsn", edition_database]
    said = await asyncio.to_thread(CliRunner().invoke, app, [*decide, *more])
    assert said.exit_code == 0, said.output
    declared = await con.fetchval("SELECT at FROM core.act WHERE register_id = $1", register)
    assert declared == to_us(datetime.fromisoformat("2026-11-24T10:20+06:00"))
    acts = ["held", "acts", "works/m1/import", "--dsn", edition_database]
    assert (
        "reading (display, before the multiplier) 12.5"
        in (await asyncio.to_thread(CliRunner().invoke, app, acts)).output
    )
    decide[5] = "2026-11-24"
    wrong = await asyncio.to_thread(CliRunner().invoke, app, [*decide, *more])
    assert "in the site's zone Asia/Urumqi" in str(wrong.exception)


async def test_a_change_of_closed_rows_keeps_what_they_were(con: Connection) -> None:
    """Figures as of an earlier moment are the present minus later revisions."""
    register = await meter(con)
    lost = [(n, value) for n, value in quarters(clean()) if n != 50]
    await book(con, register, lost)
    before = await con.fetchval("SELECT now()")
    rows = "SELECT sum(amount)::bigint FROM core.energy_15m WHERE starts_at = ANY($1::timestamptz[])"
    pair = [to_us(at(49)), to_us(at(50))]
    assert await con.fetchval(rows, pair) == 600_000
    await book(con, register, [(50, LEVEL + STEP * 49 + 280)])
    revisions = await con.fetch("SELECT * FROM core.energy_revision WHERE width = '15m' ORDER BY starts_at")
    assert [(row["starts_at"], row["amount"], row["cause"]) for row in revisions] == [
        (pair[0], 300_000, "late"),
        (pair[1], 300_000, "late"),
    ]
    assert all(row["recorded_from"] <= before < row["recorded_until"] for row in revisions)
    now = await con.fetch("SELECT amount FROM core.energy_15m WHERE starts_at = ANY($1) ORDER BY starts_at", pair)
    assert [row["amount"] for row in now] == [280_000, 320_000]


async def test_in_order_readings_never_revise(con: Connection) -> None:
    """A quarter-hour that fills up minute by minute is not history."""
    register = await meter(con)
    for n, value in quarters(clean())[:8]:
        await book(con, register, [(n, value)])
    assert await con.fetchval("SELECT count(*) FROM core.energy_revision") == 0


async def test_a_constant_run_longer_than_the_state_remembers_is_confirmed_from_the_readings(con: Connection) -> None:
    """A register that restarts at zero and idles for hours is booked once it counts."""
    register = await meter(con)
    day = [(n, LEVEL + STEP * n if n < 20 else 0 if n < 70 else 5 * (n - 69)) for n in range(100)]
    for start in range(0, 100, 7):
        await book(con, register, day[start : start + 7])
    assert await total(con) == 19 * STEP + 30 * 5
    assert await findings(con) == []


async def test_duplicates_conflicts_and_too_old_readings_are_told_apart(con: Connection) -> None:
    """The first committed value stands; what is older than the readings kept is never a first reading."""
    register = await meter(con)
    await book(con, register, quarters(clean()))
    await con.execute("UPDATE core.register_state SET kept_from = $1", to_us(at(10)))
    said = await book(con, register, [(100, LEVEL + STEP * 100), (50, LEVEL), (40, LEVEL + STEP * 40), (3, 7)])
    assert (said.accepted, said.duplicates) == (0, 2)
    assert [(each.at, stands) for each, stands in said.conflicts] == [(to_us(at(50)), (LEVEL + STEP * 50) * 1000)]
    assert [each.at for each in said.too_old] == [to_us(at(3))]
    assert await total(con) == 30_000


async def test_a_level_change_moves_days_between_scopes(con: Connection) -> None:
    """Only level 1 counts; a meter that becomes level 2 leaves the total."""
    register = await meter(con)
    await book(con, register, quarters(clean()))
    scope = "SELECT coalesce(sum(amount), 0)::bigint FROM core.energy_scope_day"
    assert await con.fetchval(scope) == 30_000_000

    async def demote() -> None:
        await con.execute("UPDATE core.meter_membership SET level = 2")

    async with con.transaction():
        await rescope(con, [register], demote)
    assert await con.fetchval(scope) == 0
    assert await findings(con) == []
    await book(con, register, [(101, LEVEL + STEP * 101)])
    assert await con.fetchval(scope) == 0
