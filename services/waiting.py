"""How long to wait before trying again."""

from __future__ import annotations

import random


class Backoff:
    """Pauses that double from `first_s` up to `longest_s`, spread so that many do not come back in one moment."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._failures = 0

    def next_s(self) -> float:
        """Seconds to wait after one more failure: between half of the pause and all of it."""
        pause = min(self._longest_s, self._first_s * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return pause * random.uniform(0.5, 1.0)  # noqa: S311 - no cryptography

    def reset(self) -> None:
        """It went well: the next failure is a first one."""
        self._failures = 0
