"""The field cases through the real store: in order and shuffled, twice, by two writers at once."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from services.accounting.policy import Act, Version
from services.ledger.acts import declare
from services.ledger.booking import Books
from services.ledger.verify import verify
from services.model import SECOND_US, ActKind, Arrival, Kind, Stamp, to_us
from services.store.pool import connect
from services.units import MILLI, PARTS
from tanfeng.durations import seconds
from tests.registers import add_meter, add_register
from tests.servers import SHARED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.store.pool import Connection

CASES: list[dict[str, Any]] = json.loads((SHARED / "cases" / "registers.json").read_text("utf-8"))
BATCH = 7


def options_of(case: dict[str, Any]) -> dict[str, str]:
    """The command's options by name."""
    words = case["options"]
    return {word.removeprefix("--"): value for word, value in zip(words[::2], words[1::2], strict=True)}


def version_of(case: dict[str, Any]) -> Version:
    """The policy that a case's options declare."""
    said = options_of(case)
    places = min(int(Decimal(value).as_tuple().exponent) for _, value in case["readings"])
    resolution = Decimal(said.get("resolution", Decimal(1).scaleb(places)))
    every = round(seconds(said["interval"]) * SECOND_US)
    version = Version(
        max_rate=Decimal(said["max-rate"]),
        resolution=resolution,
        modulus=None,
        interval_us=every,
        gap_us=4 * every,
        slack_us=min(60 * SECOND_US, every),
        noise=resolution,
    )
    return replace(version, stamp=Stamp(said.get("stamp", "end")))


def arrivals_of(register: int, case: dict[str, Any]) -> list[Arrival]:
    """The readings as the decoder hands them over: whole thousandths, and the decimal where that loses something."""
    found = []
    for read_at, value in case["readings"]:
        at, exact = to_us(datetime.fromisoformat(read_at)), Decimal(value) * MILLI
        found.append(Arrival(register, at, round(exact), None if exact == round(exact) else value, at))
    return found


async def add_case(con: Connection, case: dict[str, Any], meter: str) -> int:
    """The case's register at a meter of its own, its acts declared."""
    kind = options_of(case)["kind"]
    register = await add_register(con, await add_meter(con, meter=meter), kind, [version_of(case)])
    if kind == Kind.MEASUREMENT:
        await con.execute("UPDATE core.register SET unit = 'kW' WHERE register_id = $1", register)
    for event in case["events"]:
        at = to_us(datetime.fromisoformat(event["at"]))
        async with con.transaction():
            await declare(con, register, Act(ActKind(event["kind"]), at), author="test", reason="test")
    return register


async def book(con: Connection, books: Books, arrivals: Sequence[Arrival]) -> None:
    """In small transactions."""
    for place in range(0, len(arrivals), BATCH):
        async with con.transaction():
            await books.book(con, arrivals[place : place + BATCH])


async def ledger_of(con: Connection, register: int) -> list[tuple[Any, ...]]:
    """The quarter-hours of a register."""
    rows = await con.fetch(
        "SELECT starts_at, amount, rest, estimated_amount, estimated_rest, covered_s, estimated_s"
        " FROM core.energy_15m WHERE register_id = $1 ORDER BY starts_at",
        register,
    )
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
async def test_a_field_case_is_booked_alike_in_any_order(database: str, case: dict[str, Any]) -> None:
    """In order by one writer, shuffled and twice by two: the same quarter-hours, of the right sum, and sound books."""
    first, second = [await connect(database, name=f"writer-{n}") for n in range(2)]
    try:
        straight, shuffled = await add_case(first, case, "m1"), await add_case(first, case, "m2")
        await book(first, Books(), arrivals_of(straight, case))
        arrivals = arrivals_of(shuffled, case) * 2
        Random(7).shuffle(arrivals)
        half = len(arrivals) // 2
        await asyncio.gather(
            book(first, Books(), sorted(arrivals[:half], key=lambda each: -each.at)),
            book(second, Books(), arrivals[half:]),
        )
        ledger = await ledger_of(first, straight)
        assert await ledger_of(first, shuffled) == ledger
        if "total" in case["expect"]:
            exact = sum((Decimal(row[1]) + Decimal(row[2]) / PARTS for row in ledger), Decimal(0)) / MILLI
            assert abs(exact - Decimal(case["expect"]["total"])) <= Decimal(case["expect"]["tolerance"])
        assert [finding async for finding in verify(first)] == []
    finally:
        await first.close()
        await second.close()
