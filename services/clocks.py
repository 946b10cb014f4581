"""This machine's clock, watched: it may be set, and then nothing that was stamped by it can be believed.

See docs/adr/0017: whose clock is believed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from services.model import SECOND_US

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT_S: Final = 60
"""Clocks that are closer agree: what a network and an idle machine do to the asking is less."""


class Clock:
    """The time of day, which jumps when somebody sets it, beside the one that only goes on.

    Args:
        limit_us: A smaller jump is none.
        wall: The time of day in ns since 1970.
        steady: A clock in ns that nobody sets.
    """

    def __init__(
        self,
        limit_us: int = LIMIT_S * SECOND_US,
        *,
        wall: Callable[[], int] = time.time_ns,
        steady: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.limit_us = limit_us
        self.jumped_us = 0
        """By how much it was set since it was last believed; 0: not, or back again before anybody asked."""
        self._wall = wall
        self._steady = steady
        self._offset_us = self._offset()

    def now_us(self) -> int:
        """The time of day; notices a jump since the time before."""
        offset_us = self._offset()
        if abs(offset_us - self._offset_us) > self.limit_us:
            self.jumped_us = offset_us - self._offset_us
        return self.steady_us() + offset_us

    def steady_us(self) -> int:
        """A number of µs that only goes on; only differences mean anything."""
        return self._steady() // 1000

    def believe(self) -> None:
        """Take what it says now for the time."""
        self._offset_us, self.jumped_us = self._offset(), 0

    def _offset(self) -> int:
        return self._wall() // 1000 - self._steady() // 1000


def ahead_us(before_us: int, there_us: int, after_us: int) -> int:
    """How far a clock that was asked between two looks at another is ahead of that; what the way may explain is 0."""
    if there_us > after_us:
        return there_us - after_us
    return min(there_us - before_us, 0)
