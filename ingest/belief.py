"""Whether ingest believes its clock. In doubt nothing is committed or acknowledged: the broker keeps the messages.

Which clock is wrong cannot be told from two that differ, so ingest waits until they agree. After a jump both may agree
on a wrong time; then the meters' own clocks decide: a batch most of whose readings would be refused for their time is
not taken. See docs/adr/0017.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog

from services.store.clock_doubts import DIFFERS, JUMPED, READINGS, ClockDoubtError
from services.store.problems import StoreAwayError

if TYPE_CHECKING:
    from services.clocks import Clock
    from services.ledger.intake import Intake
    from services.ledger.lot import Lot

FIRST_PAUSE_S: Final = 2.0
LONGEST_PAUSE_S: Final = 30.0
_REFUSED_FOR_TIME: Final = frozenset({"time_ahead", "time_too_old"})
_log = structlog.get_logger("ingest")


class Belief:
    """What one worker thinks of its clock."""

    def __init__(self, clock: Clock, intake: Intake, stop: asyncio.Event) -> None:
        self.doubt: ClockDoubtError | None = None
        """Why the clock is not believed, or not without the readings bearing it out."""
        self._clock = clock
        self._intake = intake
        self._stop = stop
        self._pause_s = FIRST_PAUSE_S
        self._is_recorded = True  # of a worker of this slot that died in doubt

    async def until_agreed(self) -> bool:
        """Wait until our clock and the database's agree; False if told to stop before.

        Raises:
            StoreAwayError: the database cannot be reached.
        """
        while not self._stop.is_set():
            ahead_us, newest_commit = await self._intake.ask_clock()
            if abs(ahead_us) > self._clock.limit_us:
                await self._tell(ClockDoubtError(DIFFERS, ahead_us))
                await self._wait()
                continue
            set_us = self._clock.jumped_us
            if newest_commit is not None and newest_commit - self._clock.now_us() > self._clock.limit_us:
                set_us = set_us or self._clock.now_us() - newest_commit
            if set_us:
                await self._tell(ClockDoubtError(JUMPED, set_us))
            self._clock.believe()
            return True
        return False

    async def doubted(self, doubt: ClockDoubtError) -> None:
        """Record what a batch met, and wait a while before the next try."""
        with suppress(StoreAwayError):
            await self._tell(doubt)
        if doubt.kind == READINGS:
            await self._wait()

    def check(self, lot: Lot) -> None:
        """Whether a batch may be taken.

        Raises:
            ClockDoubtError: The clock was set, and most readings would be refused for their time.
        """
        if self.doubt is None:
            return
        refused = sum(each.code in _REFUSED_FOR_TIME for each in lot.rejections)
        if 2 * refused > len(lot.arrivals) + len(lot.rejections):
            raise ClockDoubtError(READINGS, self.doubt.by_us)

    async def committed(self) -> None:
        """A batch was: the clock is believed."""
        if not self._is_recorded:
            return
        self.doubt, self._pause_s = None, FIRST_PAUSE_S
        with suppress(StoreAwayError):
            await self._intake.believe_clock()
            self._is_recorded = False

    async def _tell(self, doubt: ClockDoubtError) -> None:
        if self.doubt is None or self.doubt.kind != doubt.kind:
            _log.error("clock not believed; messages stay at the broker", problem=str(doubt))
        self.doubt, self._is_recorded = doubt, True
        await self._intake.doubt_clock(doubt)

    async def _wait(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), self._pause_s)
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
