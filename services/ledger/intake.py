"""Where ingest meets the store: a slot, a directory, and one transaction a lot, on one connection.

Ingest sees three outcomes of a lot: committed, `StoreAwayError` (keep it and try again) and `RefusedRowsError`
(something in it may be at fault: see `ingest.blame`). See `services.store.problems`.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING, Final

import asyncpg

from services.clocks import Clock
from services.ledger import broker, sessions, slots
from services.ledger.booking import Books
from services.ledger.control import instant_of, write_as_control
from services.ledger.directory import load_directory
from services.ledger.outcome import outcome_of
from services.ledger.rejections import STORE_ERROR, FloodGate, kept_bytes, write_admitted
from services.ledger.shares import Shares
from services.store import clock_doubts
from services.store.pool import connect
from services.store.problems import LOST, PassedOnError, StoreAwayError, away_problems, commit_problems
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from services.ledger.lot import Lot
    from services.ledger.outcome import Outcome
    from services.model import MeterRef
    from services.store.bounded import BoundedConnection
    from services.store.pool import Connection, Row

STATEMENT_S: Final = 25.0
"""A statement that takes longer is ended by the server, and its lot halved; one that does not end then has lost it."""
LOCK_S: Final = 15.0
"""How long a statement waits for a lock that another session holds."""
RECLAIM_S: Final = 5.0
"""How long to wait for a slot: until the server notices that our earlier connection died, or its visitor is done."""

_PROBE_S: Final = 5.0
_NOT_OURS: Final = "INSERT 0 0"


class StaleDirectoryError(PassedOnError):
    """The registry has changed since the lot was decoded: reload, and decode it again."""


class SlotLostError(PassedOnError):
    """Another worker holds our slot now, and its session at the broker."""


class Intake:
    """One worker's hold on the store. `using` is held around each use of its one connection."""

    def __init__(self, dsn: str, rejections_per_minute: int, refused_bytes: int, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self._dsn = dsn
        self._refused_bytes = refused_bytes
        self._con: BoundedConnection | None = None
        self._session: Row | None = None
        """Which session of the server the connection is: its process and when that began."""
        self._books = Books()
        self._gate = FloodGate(rejections_per_minute)
        self.shares = Shares()
        self.version = 0
        self._enterprises: frozenset[str] = frozenset()
        self.directory: Mapping[tuple[str, str], MeterRef] = {}
        self.slot = -1
        self._holder = token_hex(16)
        """By which our leases know us."""
        self.session = ""
        """The secret part of our client id."""
        self.using = asyncio.Lock()
        self.epoch = 0
        """Rises with every connection: a lease taken in an earlier epoch may be another's by now."""

    async def open(self, preferred: int | None) -> None:
        """Connect, claim a slot and load the registry.

        Raises:
            StoreAwayError: the database cannot be reached.
        """
        with away_problems():
            con = await self._connect()
            with _whole(con):
                self.slot = await self._claim(con, preferred)
                self.session = await sessions.current(con, self.slot)
                await self._load(con)

    async def reopen(self) -> None:
        """Connect again and reclaim the same slot, unless the connection is good.

        Raises:
            StoreAwayError: the database cannot be reached.
            SlotLostError: another worker has the slot.
        """
        async with self.using:
            with away_problems():
                if await self._is_alive():
                    return
                con = await self._connect()
                with _whole(con):
                    await self._reclaim(con)
                    self.session = await sessions.current(con, self.slot)
                    await self._load(con)

    async def reload(self) -> None:
        """Read the registry again.

        Raises:
            StoreAwayError: the database cannot be reached.
        """
        async with self.using:
            with away_problems():
                await self._load(self._connection())

    async def commit(self, lot: Lot, *, messages: int, now_us: int, oldest_us: int) -> Outcome:
        """Book the lot and record its rejections in one transaction, and how long its oldest message had waited.

        Raises:
            StaleDirectoryError, SlotLostError, RefusedRowsError, StoreAwayError, ClockDoubtError: nothing is committed.
        """
        async with self.using:
            with commit_problems():
                con = self._connection()
                async with con.transaction():
                    if await clock_doubts.version_in_time(con, self.clock) != lot.version:
                        raise StaleDirectoryError
                    booked = await self._books.book(con, lot.arrivals) if lot.arrivals else None
                    outcome, rejections = outcome_of(lot, booked)
                    if rejections:
                        admitted = self._gate.admit(rejections, self._enterprises, now_us)
                        await write_admitted(con, admitted, now_us)
                        if STORE_ERROR in outcome.rejected:
                            await self._check_room(con)
                    counts = (outcome.accepted, outcome.duplicates, outcome.rejected.total(), outcome.held)
                    waited_ms = max(0, self.clock.now_us() - oldest_us) // 1000
                    await self._count(con, now_us, messages, *counts, waited_ms)
        return outcome

    async def control(self, lot: Lot, now_us: int) -> None:
        """Commit a transaction with other rows than the lot's: only if that succeeds may one of them be to blame.

        Raises:
            StoreAwayError: it does not commit, so that the store is at fault.
        """
        suspects = {each.register_id for each in lot.arrivals}
        at = instant_of(lot.arrivals[0].at if lot.arrivals else None, now_us)
        async with self.using:
            with away_problems():
                con = self._connection()
                async with con.transaction():
                    await write_as_control(con, self._books, suspects, at)
                    await self._count(con, now_us, 0, 0, 0, 0, 0, 0)

    async def _count(self, con: Connection, now_us: int, *numbers: int) -> None:
        """Add to the slot's minute, which only its holder can: so nothing is committed by a worker that has lost it."""
        if await con.execute(SQL["ingest_minute"], now_us, self.slot, *numbers, self._holder) == _NOT_OURS:
            raise self._lost()

    async def _check_room(self, con: Connection) -> None:
        """Rows that the store refused keep their bytes within a budget; beyond it their messages wait at the broker."""
        if await kept_bytes(con) > self._refused_bytes:
            raise StoreAwayError(
                f"more than {self._refused_bytes} bytes of refused messages wait for their replay:"
                " see `tanfeng rejected list`, or raise TANFENG_REFUSED_BYTES"
            )

    async def claim_left_over(self, idle_s: float) -> int | None:
        """Claim one slot that nobody holds, if there is one; touch our own on the way."""
        async with self.using:
            with away_problems():
                con = self._connection()
                await con.execute(SQL["slot_used"], self.slot)
                for slot in await slots.left_over(con, idle_s):
                    if await slots.try_claim(con, slot, self._holder):
                        return slot
        return None

    async def subscription(self) -> str | None:
        """What our slot's session is known to be subscribed to."""
        async with self.using:
            with away_problems():
                return await slots.subscription(self._connection(), self.slot)

    async def subscribed(self, slot: int, known: str | None) -> None:
        """Remember what a slot's session is subscribed to; None: nothing, or not known."""
        async with self.using:
            with away_problems():
                await slots.subscribed(self._connection(), slot, known)

    async def ask_clock(self) -> tuple[int, int | None]:
        """How far our clock is ahead of the database's (µs), and the minute of the newest commit of any worker.

        Raises:
            StoreAwayError: the database cannot be reached.
        """
        async with self.using:
            with away_problems():
                con = self._connection()
                return (await clock_doubts.ask(con, self.clock)).ahead_us, await clock_doubts.newest_commit(con)

    async def doubt_clock(self, doubt: clock_doubts.ClockDoubtError) -> None:
        """Record that our clock is not believed."""
        async with self.using:
            with away_problems():
                await clock_doubts.doubt(self._connection(), f"ingest {self.slot}", doubt.kind, doubt.by_us)

    async def believe_clock(self) -> None:
        """Record that it is believed again."""
        async with self.using:
            with away_problems():
                await clock_doubts.believe(self._connection(), f"ingest {self.slot}")

    async def own_sessions(self) -> tuple[str, list[str]]:
        """The secrets of our slot's sessions: the current one, made if need be, and those to be emptied and ended."""
        async with self.using:
            with away_problems():
                con = self._connection()
                self.session = await sessions.current(con, self.slot)
                return self.session, await sessions.retired(con, self.slot)

    async def left_sessions(self, slot: int) -> tuple[str | None, list[str]]:
        """The same of an abandoned slot that we hold; None: it has no current one."""
        async with self.using:
            with away_problems():
                con = self._connection()
                return await sessions.find(con, slot), await sessions.retired(con, slot)

    async def session_ended(self, slot: int, secret: str) -> None:
        """A session of the slot is no longer at the broker."""
        async with self.using:
            with away_problems():
                await sessions.ended(self._connection(), slot, secret)

    async def tell(self, counts: Mapping[tuple[str, str], int], dropped: int | None) -> None:
        """Keep what the broker told of itself, see `services.ledger.broker`."""
        async with self.using:
            with away_problems():
                await broker.tell(self._connection(), counts, dropped)

    async def broker_tells(self) -> bool:
        """Whether the broker has ever told what it drops."""
        async with self.using:
            with away_problems():
                return await broker.tells(self._connection())

    async def release(self, slot: int, *, forget: bool) -> None:
        """Give a slot back; `forget` it when its session at the broker is gone."""
        async with self.using:
            with away_problems():
                con = self._connection()
                if forget:
                    await slots.forget(con, slot)
                await slots.release(con, slot, self._holder)

    async def close(self) -> None:
        """End the connection, and the slots with it."""
        if self._con is not None and not self._con.is_closed():
            await self._con.close()

    def _connection(self) -> Connection:
        if self._con is None or self._con.is_closed():
            raise StoreAwayError("the connection is closed")
        return self._con

    async def _is_alive(self) -> bool:
        """Whether the connection and the slot, whose lease is renewed, are still ours: after a deadlock they are."""
        if self._con is None or self._con.is_closed() or self._con.is_in_transaction():
            return False
        try:
            return await self._con.within(_PROBE_S, slots.renew(self._con, self.slot, self._holder))
        except (*LOST, asyncpg.PostgresError):
            return False

    async def _claim(self, con: Connection, preferred: int | None) -> int:
        """The preferred slot, for which a visitor that drains it is waited for; else the lowest that is free."""
        if preferred is not None and await self._claimed_in_time(con, preferred):
            return preferred
        return await slots.claim(con, self._holder)

    async def _reclaim(self, con: Connection) -> None:
        if not await self._claimed_in_time(con, self.slot):
            raise self._lost()

    def _lost(self) -> SlotLostError:
        lost, self.slot = self.slot, -1
        return SlotLostError(f"slot {lost} belongs to another worker")

    async def _claimed_in_time(self, con: Connection, slot: int) -> bool:
        deadline = asyncio.get_running_loop().time() + RECLAIM_S
        while not await slots.try_claim(con, slot, self._holder):
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(RECLAIM_S / 50)
        return True

    async def _connect(self) -> BoundedConnection:
        if self._con is not None:
            self._con.terminate()
        self._con = con = await connect(self._dsn, name="tanfeng-ingest", longest_s=STATEMENT_S)
        self.epoch += 1
        with _whole(con):
            await self._set_up(con)
        return con

    async def _set_up(self, con: Connection) -> None:
        # a late batch into compressed chunks fails for ever otherwise; without TimescaleDB the setting means nothing
        await con.execute("SET timescaledb.max_tuples_decompressed_per_dml_transaction = 0")
        await con.execute(f"SET lock_timeout = '{LOCK_S}s'")
        if self._session is not None:
            # cut off in the middle of a transaction, it would keep its locks on our registers, and our slot
            await con.execute(SQL["end_session"], *self._session)
        self._session = await con.fetchrow(SQL["own_session"])

    async def _load(self, con: Connection) -> None:
        self.version, self.directory = await load_directory(con)
        self._enterprises = frozenset(enterprise for enterprise, _ in self.directory)


@contextmanager
def _whole(con: BoundedConnection) -> Iterator[None]:
    """A connection without its slot, or without the registry, is none: end it."""
    try:
        yield
    except BaseException:
        con.terminate()
        raise
