"""A clock for tests of the real programs: the machine's, until a test sets it."""

from __future__ import annotations

import time

from services.clocks import Clock
from services.model import SECOND_US


class SetClock:
    """What a program is given for its machine's clock.

    `wall_s` is how far the time of day was set; `steady_s` how far the other clock is off, which is how it looks when
    all clocks, the database's too, were set the other way.
    """

    def __init__(self, limit_s: int = 60) -> None:
        self.wall_s = 0
        self.steady_s = 0
        self.clock = Clock(
            limit_s * SECOND_US,
            wall=lambda: time.time_ns() + self.wall_s * 10**9,
            steady=lambda: time.monotonic_ns() + self.steady_s * 10**9,
        )
