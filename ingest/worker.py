"""One worker: messages in, one transaction a batch, acks after the commit, until it is told to stop."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Final

import structlog

from ingest.batch import Batch, decode_again, fill
from ingest.belief import Belief
from ingest.blame import commit
from ingest.broker_watch import BrokerWatch
from ingest.drain import Drainer
from ingest.inbox import Inbox
from ingest.metrics import LOOPBACK, Metrics, serve
from ingest.subscriber import Group, Subscriber, broker_of
from ingest.summary import Summary
from services.clocks import Clock
from services.errors import TanfengError
from services.ledger.intake import Intake, SlotLostError, StaleDirectoryError
from services.model import SECOND_US
from services.store.clock_doubts import ClockDoubtError
from services.store.problems import StoreAwayError
from services.wire import Limits

if TYPE_CHECKING:
    from services.ledger.outcome import Outcome
    from services.settings import Settings

GRACE_S: Final = 15.0
"""How long a stop waits for the last commit; what is not committed then was not acknowledged and will come again."""
TELL_S: Final = 10.0
"""How often what the broker tells of itself is stored; Mosquitto tells it as often."""
WATCH_S: Final = 5.0
"""How often the database connection is looked after."""
SUMMARY_S: Final = 60.0
"""How often a line says what was done."""
SWITCH_S: Final = 0.0005
"""How long the thread that judges what was put off may keep the interpreter: each read of a socket waits for it."""
_DAY_US: Final = 86_400 * SECOND_US
_log = structlog.get_logger("ingest")


class _GraceOverError(Exception):
    """The last commit did not come in time."""


def limits_of(settings: Settings) -> Limits:
    """The limits on messages that the settings name."""
    return Limits(
        payload_bytes=settings.payload_limit_bytes,
        readings=settings.message_limit_readings,
        ahead_us=settings.ahead_limit_s * SECOND_US,
        horizon_us=settings.horizon_days * _DAY_US,
    )


class Worker:
    """One process's part of ingest: one slot, one client of the broker, one connection to the database."""

    def __init__(
        self, settings: Settings, *, slot: int | None, workers: int, stop: asyncio.Event, clock: Clock | None = None
    ) -> None:
        dsn = settings.database_dsn.get_secret_value()
        if not dsn:
            raise TanfengError(
                "no database is named", "set TANFENG_DATABASE_DSN=postgresql://user:password@host:port/db"
            )
        self.metrics = Metrics()
        self.clock = clock or Clock(settings.clock_limit_s * SECOND_US)
        self.intake = Intake(dsn, settings.rejections_per_minute, settings.refused_bytes, self.clock)
        self.inbox = self._inbox(settings)
        self.subscriber: Subscriber | None = None
        self.port = 0
        """Where metrics and health are, once it runs."""
        self._settings = settings
        self._preferred = slot
        self._workers = workers
        self._stop = stop
        self._broker = broker_of(settings)
        self._limits = limits_of(settings)
        self._belief = Belief(self.clock, self.intake, stop)
        self._summary = Summary()
        self._is_failing = False
        """Whether the batch at hand could not be committed; a connection alone does not end that."""

    async def run(self) -> None:
        """Claim a slot and serve it; should another worker take it over, claim another."""
        server = await self._serve_metrics()
        try:
            while not self._stop.is_set():
                if (self.intake.slot >= 0 or await self._until_open()) and await self._until_clocks_agree():
                    await self._serve_slot()
        finally:
            server.close()
            await self.intake.close()

    async def _serve_slot(self) -> None:
        self.metrics.slot = self.intake.slot
        self.inbox = self._inbox(self._settings)
        self.metrics.watch(self.inbox)
        _log.info("slot claimed", slot=self.intake.slot, workers=self._workers)
        group = self._group()
        watch = None if self.intake.slot else BrokerWatch(sees_all=not group.is_shared)  # one worker is enough
        self.subscriber = Subscriber(self._broker, group, self.inbox, self.intake, self.metrics, watch)
        drainer = Drainer(
            self._broker, group, self._workers, self._settings.drain_s, self.inbox, self.intake, self.subscriber
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                side = [self.subscriber.run(), drainer.run(), self._watch(), self._sum_up(), self._close_on_stop()]
                side += [] if watch is None else [self._tell(watch)]
                running = [tasks.create_task(each) for each in side]
                await self._pump()
                for task in running:
                    task.cancel()
        except* SlotLostError as lost:
            # what is held goes back to the session, whose new owner gets it
            _log.error("slot lost", problem=str(lost.exceptions[0]))
        except* ClockDoubtError as doubts:
            # what is held is stamped by a clock that is in doubt: it goes back to the session and comes again
            doubt = doubts.exceptions[0]
            assert isinstance(doubt, ClockDoubtError)  # noqa: S101 - the group holds nothing else
            self.metrics.broker.away(f"we left it: clock not believed ({doubt})")
            await self._belief.doubted(doubt)
        except* _GraceOverError:
            _log.error(
                "stopped with messages not acknowledged; they will come again", messages=self.inbox.held_messages
            )

    def _inbox(self, settings: Settings) -> Inbox:
        return Inbox(settings.queue_messages, settings.queue_bytes, self.clock)

    async def _until_clocks_agree(self) -> bool:
        """Wait until our clock and the database's do; False if told to stop, or another worker took our slot."""
        while not self._stop.is_set():
            try:
                return await self._belief.until_agreed()
            except StoreAwayError as problem:
                await self._away(problem)
            try:
                await self._until_back()
            except SlotLostError:
                return False
        return False

    def _group(self) -> Group:
        wanted = self._settings.shared_subscription
        group = Group(self._settings.ingest_group, self._workers > 1 if wanted is None else wanted)
        if self.intake.slot > 0 and not group.is_shared:
            _log.warning("another worker reads the same messages", fix="TANFENG_SHARED_SUBSCRIPTION=true or one worker")
        return group

    async def _close_on_stop(self) -> None:
        await self._stop.wait()
        self.inbox.close()
        await asyncio.sleep(GRACE_S)
        raise _GraceOverError

    async def _pump(self) -> None:
        """Commit batch after batch; the next is gathered and decoded while the database works on one."""
        batch = await self._next()
        while batch.messages or not self.inbox.closing:
            ahead = asyncio.create_task(self._next())
            try:
                await self._take_in(batch)
                batch = await ahead
            finally:
                ahead.cancel()

    async def _next(self) -> Batch:
        most = self._settings.batch_messages
        await self.inbox.gather(most, self._settings.linger_s)
        readings = self._settings.batch_readings
        return await fill(self.inbox, self.intake, self._limits, messages=most, readings=readings)

    async def _take_in(self, batch: Batch) -> None:
        """Commit a batch, however long it takes, then acknowledge it."""
        if not batch.messages:
            return
        started = time.monotonic()
        while (outcome := await self._try(batch)) is None:
            pass
        self._is_failing = False
        await self._belief.committed()
        self.metrics.database.back()
        self.inbox.done(batch.messages)
        self._report(batch, outcome, time.monotonic() - started)

    async def _try(self, batch: Batch) -> Outcome | None:
        try:
            oldest_us = batch.messages[0].received_us
            count = len(batch.messages)
            self._belief.check(batch.lot)
            return await commit(self.intake, batch.lot, messages=count, now_us=self.clock.now_us(), oldest_us=oldest_us)
        except StaleDirectoryError:
            await self._reload(batch)
        except StoreAwayError as problem:
            self._is_failing = True
            await self._away(problem)
            await self._until_back()
        return None

    async def _reload(self, batch: Batch) -> None:
        try:
            await self.intake.reload()
        except StoreAwayError as problem:
            await self._away(problem)
            await self._until_back()
        decode_again(batch, self.intake, self._limits)

    async def _sum_up(self) -> None:
        """A line of what was done, now and then and at the end."""
        try:
            while True:
                await asyncio.sleep(SUMMARY_S)
                self._say_sums()
        finally:
            self._say_sums()

    def _say_sums(self) -> None:
        if (sums := self._summary.taken(self.inbox)) is not None:
            _log.info("booked", slot=self.intake.slot, **sums)

    async def _watch(self) -> None:
        """Notice, with no message to commit, that the connection is gone: the slot went with it."""
        while True:
            await asyncio.sleep(WATCH_S)
            await self._until_back()

    async def _tell(self, watch: BrokerWatch) -> None:
        """Store what the broker tells of itself, and keep it while the store is away."""
        while True:
            await asyncio.sleep(TELL_S)
            counts = watch.taken()
            try:
                await self.intake.tell(counts, watch.dropped)
            except StoreAwayError:
                watch.give_back(counts)
            else:
                self.metrics.told(counts)

    async def _until_open(self) -> bool:
        """Open the store, trying again while it is away; False if told to stop before."""
        while not self._stop.is_set():
            try:
                await self.intake.open(self._preferred)
            except StoreAwayError as problem:
                await self._away(problem)
            else:
                self.metrics.database.back()
                return True
        return False

    async def _until_back(self) -> None:
        """Open the store again unless it is open, however long it takes."""
        while True:
            try:
                await self.intake.reopen()
            except StoreAwayError as problem:
                await self._away(problem)
            else:
                if not self._is_failing:
                    self.metrics.database.back()
                return

    async def _away(self, problem: StoreAwayError) -> None:
        delay = self.metrics.database.away(str(problem))
        self.metrics.reconnects.labels("database").inc()
        _log.warning("database away", problem=str(problem), retry_s=round(delay, 1), held=self.inbox.held_messages)
        await asyncio.sleep(delay)

    def _report(self, batch: Batch, outcome: Outcome, seconds: float) -> None:
        lag_s = (self.clock.now_us() - batch.messages[0].received_us) / SECOND_US
        self.metrics.count(outcome, len(batch.messages), seconds, lag_s)
        self._summary.add(outcome, len(batch.messages), seconds, lag_s)
        _log.debug(
            "batch",
            slot=self.intake.slot,
            messages=len(batch.messages),
            accepted=outcome.accepted,
            duplicates=outcome.duplicates,
            held=outcome.held,
            rejected=outcome.rejected.total(),
            seconds=round(seconds, 4),
            lag_s=round(lag_s, 3),
            waiting=len(self.inbox),
        )

    async def _serve_metrics(self) -> asyncio.Server:
        """Each worker of a machine has its own port: the configured one and those after it."""
        port = self._settings.ingest_port
        try:
            server = await serve(self.metrics, port + (self._preferred or 0) if port else 0)
        except OSError as problem:
            _log.warning("metrics port taken, using another", problem=str(problem))
            server = await serve(self.metrics, 0)
        self.port = server.sockets[0].getsockname()[1]
        _log.info("metrics", url=f"http://{LOOPBACK}:{self.port}/metrics")
        return server


async def run(
    settings: Settings, *, slot: int | None = None, workers: int = 1, stop: asyncio.Event | None = None
) -> None:
    """Ingest until `stop` is set: then read no more, commit and acknowledge what is in memory, and leave.

    Args:
        settings: Where broker and database are, and the limits.
        slot: The slot to prefer; else the lowest that is free.
        workers: How many workers are configured; abandoned slots beyond them are closed.
        stop: Set it to stop.

    Raises:
        TanfengError: the settings name no database or no broker.
    """
    sys.setswitchinterval(SWITCH_S)
    await Worker(settings, slot=slot, workers=workers, stop=stop or asyncio.Event()).run()
