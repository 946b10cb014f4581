"""Whether the time can be believed that alerts are judged by: the database's. See docs/adr/0017.

Silence, lag and what is news are differences to it. While it is doubted nobody looks for any rule but ClockDiffers: a
false alarm, and a true one put down as historical, do more harm than one that comes later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from services.model import SECOND_US
from services.store import clock_doubts as clocks

if TYPE_CHECKING:
    from services.clocks import Clock
    from services.store.clock_doubts import Asked
    from services.store.pool import Connection

PROGRAM: Final = "evaluate"
WITNESS_US: Final = 1800 * SECOND_US
"""After a jump the newest reading of all must be this near for the new time to be believed."""
SETTLE_US: Final = 3600 * SECOND_US
"""… or no reading have come for so long that could say anything."""
_log = structlog.get_logger("evaluate")


class Trust:
    """What one evaluator thinks of the database's clock."""

    def __init__(self, clock: Clock) -> None:
        self.is_good = True
        self._clock = clock
        self._line: int | None = None
        """The database's time less the steady clock, when it was last believed."""
        self._since: tuple[int, int | None] | None = None
        """Since when (steady) a jump is doubted, and the newest reading then."""
        self._is_recorded = True  # of an evaluator that died in doubt

    async def look(self, con: Connection) -> bool:
        """Look at the clocks; records a doubt, and its end."""
        asked = await clocks.ask(con, self._clock)
        doubt = self._doubt(asked)
        self.is_good = doubt is None
        if doubt is not None:
            kind, by_us = doubt
            await clocks.doubt(con, PROGRAM, kind, by_us)
            if not self._is_recorded:
                _log.error("clock not believed; rules wait", kind=kind, ahead_s=round(by_us / SECOND_US))
        elif self._is_recorded:
            await clocks.believe(con, PROGRAM)
        self._is_recorded = doubt is not None
        return self.is_good

    def _doubt(self, asked: Asked) -> tuple[str, int] | None:
        """What is wrong, and by how many µs; None: nothing."""
        if abs(asked.ahead_us) > self._clock.limit_us:
            return clocks.DIFFERS, asked.ahead_us
        line = asked.at - self._clock.steady_us()
        jumped_us = 0 if self._line is None else line - self._line
        if abs(jumped_us) > self._clock.limit_us and not self._is_settled(asked):
            return clocks.JUMPED, jumped_us
        self._line, self._since = line, None
        return None

    def _is_settled(self, asked: Asked) -> bool:
        """Whether the meters' clocks bear the new time out, or have been silent for long."""
        now = self._clock.steady_us()
        if self._since is None:
            self._since = (now, asked.newest_at)
        since, newest_at = self._since
        if asked.newest_at is not None and abs(asked.at - asked.newest_at) <= WITNESS_US:
            return True
        return asked.newest_at == newest_at and now - since > SETTLE_US
