"""An outage of a whole district whose gateways send afterwards what they kept, while live readings keep arriving."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from services.ledger import progress
from services.ledger.booking import Books
from services.ledger.directory import load_directory
from services.ledger.verify import verify
from services.model import HOUR_US, QUARTER_US, SECOND_US, Arrival
from services.store.visit import visit
from services.wire.times import iso_time
from simulators.crowd import MAX_RATE_KW, PER_SITE, RAW_PER_STEP, REGISTER, Member, members, message
from simulators.history import register
from simulators.load import Generator, Watch
from simulators.publisher import Publisher

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.store.pool import Connection
    from simulators.sample import Message

SEED: Final = 1
MINUTE_US: Final = 60 * SECOND_US
DAY_US: Final = 24 * HOUR_US
BEFORE_US: Final = HOUR_US
"""Readings before the outage reach so far back."""
JUMP_STEPS: Final = 500_000_000
"""Hundredths of a kWh by which the lent meter shows more."""
BATCH: Final = 10_000
GATEWAY_MINUTES: Final = 2
PATIENCE_S: Final = 300.0
ALERTS = (
    "SELECT subject, occurred_at, historical, outcome, evidence FROM core.alert"
    " WHERE rule = $1 AND raised_at IS NOT NULL"
)


@dataclass(frozen=True, slots=True)
class Lent(Member):
    """A meter in whose place another one hung for an hour of the outage, and nobody said so."""

    lent_us: int

    @property
    def back_us(self) -> int:
        """When the old one is back; it counts on from where it stood."""
        return self.lent_us + HOUR_US

    def steps(self, at_us: int) -> int:
        """Hundredths of a kWh on the display that hangs there."""
        flowed = self.flowed(at_us)
        if at_us < self.lent_us:
            return flowed
        if at_us < self.back_us:
            return flowed + JUMP_STEPS
        return flowed - self.flowed(self.back_us) + self.flowed(self.lent_us)

    def flowed(self, at_us: int) -> int:
        """What one meter would have shown."""
        return Member.steps(self, at_us)


@dataclass(frozen=True)
class Outage:
    """Some registers at one reading a minute, cut off in [from, until)."""

    registers: int
    from_us: int
    until_us: int
    loans: int
    """How many meters are replaced for an hour of it, at moments spread over it."""

    @cached_property
    def crowd(self) -> list[Member]:
        """The meters; every so manyth is replaced for an hour."""
        crowd = members(self.registers, SEED)
        spacing, stride = (self.until_us - self.from_us - HOUR_US) // (self.loans + 1), self.registers // self.loans
        for n in range(self.loans):
            was = crowd[n * stride]
            at = (self.from_us + (n + 1) * spacing) // MINUTE_US * MINUTE_US
            crowd[n * stride] = Lent(was.number, was.day, at)
        return crowd

    @property
    def lent(self) -> dict[str, int]:
        """Subject of a warning → the moment of the first reading of the lent meter."""
        return {name_of(each): each.lent_us for each in self.crowd if isinstance(each, Lent)}

    def older_than_a_day(self, now_us: int) -> set[str]:
        """Subjects of the warnings whose last event lies more than a day back: historical if found at that moment."""
        return {name for name, at in self.lent.items() if at + HOUR_US < now_us - DAY_US}

    @property
    def readings(self) -> int:
        """How many readings the gateways kept."""
        return self.registers * ((self.until_us - self.from_us) // MINUTE_US)

    def messages(self) -> Iterator[Message]:
        """What the gateways send: all of them in order of time, some minutes of all their meters a message."""
        for start in range(self.from_us, self.until_us, GATEWAY_MINUTES * MINUTE_US):
            minutes = range(start, min(start + GATEWAY_MINUTES * MINUTE_US, self.until_us), MINUTE_US)
            for first in range(0, self.registers, PER_SITE):
                yield message([(each, at) for at in minutes for each in self.crowd[first : first + PER_SITE]])

    def others(self, now_us: int) -> list[int]:
        """Quarter-hours before and after the outage at which every meter was read."""
        before = range(self.from_us - BEFORE_US, self.from_us, QUARTER_US)
        return [*before, *range(self.until_us, now_us, QUARTER_US)]


@dataclass(frozen=True, kw_only=True)
class Drained:
    """What became of it."""

    readings: int
    published_s: float
    drained_s: float
    live_readings: int
    live_seconds: Sequence[float]
    """How long the watched live readings took from being due to being visible, while the backlog drained."""
    wrong_energy: int
    differences: int


def name_of(member: Member) -> str:
    """A register's name in warnings."""
    return f"{member.enterprise}/{member.meter}/{REGISTER}"


async def prepare(dsn: str, outage: Outage, now_us: int) -> int:
    """The registry, and the readings before and after the outage; how many these are."""
    async with visit(dsn, name="backlog") as con:
        await register(con, outage.registers, SEED, "backlog")
        _, directory = await load_directory(con)
        ids = [directory[each.enterprise, each.meter].registers[REGISTER].register_id for each in outage.crowd]
        moments, books = outage.others(now_us), Books()
        size = max(1, BATCH // len(moments))
        for first in range(0, outage.registers, size):
            some = list(zip(outage.crowd, ids, strict=True))[first : first + size]
            arrivals = [
                Arrival(register_id, at, each.steps(at) * RAW_PER_STEP, None, at)
                for each, register_id in some
                for at in moments
            ]
            async with con.transaction():
                await books.book(con, arrivals)
    return outage.registers * len(moments)


async def drain(dsn: str, broker: str, outage: Outage, live_rate: float, others: int) -> Drained:
    """Send the backlog at full speed beside `live_rate` live readings a second; ingest is running."""
    with (
        Publisher(broker, name="backlog", connections=4) as gateways,
        Publisher(broker, name="live") as meters,
    ):
        live = Generator(outage.crowd, meters, live_rate, 1, PATIENCE_S)
        threads = [
            threading.Thread(target=live.run, daemon=True),
            threading.Thread(target=_send, args=(gateways, outage)),
        ]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        try:
            watch, published_s = await _until_stored(dsn, outage, live, threads[1], began)
            drained_s = time.monotonic() - began
        finally:
            live.stop.set()
        await asyncio.to_thread(threads[0].join)
        meters.drain()
        sent = meters.sent
    async with visit(dsn, name="backlog") as con:
        await _settled(con, outage.readings + sent + others)
        return Drained(
            readings=outage.readings,
            published_s=published_s,
            drained_s=drained_s,
            live_readings=sent,
            live_seconds=watch.latencies_s,
            wrong_energy=await _wrong_energy(con, outage),
            differences=len([finding async for finding in verify(con)]),
        )


def _send(gateways: Publisher, outage: Outage) -> None:
    for each in outage.messages():
        gateways.publish(each, timeout_s=PATIENCE_S)
    gateways.drain(PATIENCE_S)


async def _until_stored(
    dsn: str, outage: Outage, live: Generator, sending: threading.Thread, began: float
) -> tuple[Watch, float]:
    """Watch live readings until the whole backlog is stored; when the gateways had sent it."""
    watch, published_s = Watch(live.published), 0.0
    numbers = {each.meter: each.number for each in outage.crowd if each.number in live.published}
    async with visit(dsn, name="backlog") as con:
        registers = await progress.register_ids(con, list(numbers), REGISTER)
        looked = time.monotonic()
        while True:
            now = time.time_ns() // 1000
            for register_id, at in (await progress.newest(con, list(registers))).items():
                watch.saw(numbers[registers[register_id]], at, now)
            if not published_s and not sending.is_alive():
                published_s = time.monotonic() - began
            if time.monotonic() - looked > 0.5:
                looked = time.monotonic()
                if await _stored(con, outage) == outage.readings:
                    return watch, published_s or looked - began
            assert time.monotonic() - began < PATIENCE_S, "the backlog is not stored"
            await asyncio.sleep(0.02)


async def _stored(con: Connection, outage: Outage) -> int:
    query = "SELECT count(*) FROM core.reading WHERE read_at >= $1 AND read_at < $2"
    found: int = await con.fetchval(query, outage.from_us, outage.until_us)
    return found


async def _settled(con: Connection, readings: int) -> None:
    """Until every reading that was sent is stored."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := await con.fetchval("SELECT count(*) FROM core.reading")) != readings:
        assert time.monotonic() < deadline, f"{found} of {readings} readings are stored"
        await asyncio.sleep(0.2)


async def warnings(dsn: str, outage: Outage) -> list[dict[str, Any]]:
    """The standing warnings of breaks, once each names both changes of its meter or a minute has passed.

    `events` are the moments that each stands on.
    """
    expected = {name: [at, at + HOUR_US] for name, at in outage.lent.items()}
    deadline = time.monotonic() + 60
    async with visit(dsn, name="backlog") as con:
        while True:
            rows = [dict(row) for row in await con.fetch(ALERTS, "RegisterBreak") if row["outcome"] != "withdrawn"]
            for row in rows:
                row["events"] = [iso_time(each["read_at"], None) for each in json.loads(row["evidence"])["events"]]
            found = {row["subject"]: row["events"] for row in rows}
            if (found == expected and len(rows) == len(expected)) or time.monotonic() > deadline:
                return rows
            await asyncio.sleep(0.2)


async def _wrong_energy(con: Connection, outage: Outage) -> int:
    """Registers whose ledger is not what flowed; where a meter was lent, less the minutes of change at most."""
    rows = await con.fetch(
        "SELECT p.path, s.newest_at, (SELECT coalesce(sum(l.amount), 0)::bigint FROM core.energy_15m l"
        " WHERE l.register_id = s.register_id) AS booked"
        " FROM core.register_state s JOIN core.register_path p USING (register_id)"
    )
    by_name, wrong = {name_of(each): each for each in outage.crowd}, 0
    for row in rows:
        each = by_name[row["path"]]
        flowed, most = each.steps, 0
        if isinstance(each, Lent):
            flowed, most = each.flowed, 2 * MAX_RATE_KW * 1000 // 60
        rise = flowed(row["newest_at"]) - flowed(outage.from_us - BEFORE_US)
        wrong += not 0 <= rise * RAW_PER_STEP - row["booked"] <= most
    return wrong + outage.registers - len(rows)
