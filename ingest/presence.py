"""Whether the two things ingest cannot work without, database and broker, are there, and for how long not."""

from __future__ import annotations

import time
from typing import Final

from services.waiting import Backoff

TOLERATED_S: Final = 30.0
"""Away for longer than this is unhealthy; a restart takes less."""
_FIRST_S: Final = 0.1
_LONGEST_S: Final = 10.0


class Presence:
    """One thing's presence, and how long to wait before looking for it again. Unhealthy until it was there once.

    `stable_s`: having been there for so long, its next absence is a new one, and waited for shortly at first.
    """

    def __init__(self, stable_s: float = 0.0) -> None:
        self._stable_s = stable_s
        self._away_from: float | None = time.monotonic()
        self._back_from: float | None = None
        self._backoff = Backoff(_FIRST_S, _LONGEST_S)
        self.problem = "not connected yet"

    @property
    def is_here(self) -> bool:
        """Whether it is there now."""
        return self._away_from is None

    @property
    def away_s(self) -> float:
        """For how many seconds it has been away; 0 while it is there."""
        return 0.0 if self._away_from is None else time.monotonic() - self._away_from

    @property
    def is_healthy(self) -> bool:
        """Whether it is there, or was a moment ago."""
        return self._back_from is not None and self.away_s <= TOLERATED_S

    def back(self) -> None:
        """It is there."""
        if self._away_from is not None:
            self._away_from, self._back_from = None, time.monotonic()

    def away(self, problem: str) -> float:
        """It is not there; returns the seconds to wait: doubling up to ten, afresh once it had been stable."""
        if self._away_from is None:
            self._away_from = time.monotonic()
            if self._back_from is not None and self._away_from - self._back_from >= self._stable_s:
                self._backoff.reset()
        self.problem = problem
        return self._backoff.next_s()
