"""What a worker did in the last minute, as one line: a line for each batch would be half a gigabyte a day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.ledger.outcome import Outcome

if TYPE_CHECKING:
    from ingest.inbox import Inbox


class Summary:
    """Sums of batches since the line before."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._outcome = Outcome()
        self._batches = self._messages = 0
        self._slowest_s = self._longest_lag_s = 0.0

    def add(self, outcome: Outcome, messages: int, seconds: float, lag_s: float) -> None:
        """Count a committed batch."""
        self._outcome.add(outcome)
        self._batches += 1
        self._messages += messages
        self._slowest_s = max(self._slowest_s, seconds)
        self._longest_lag_s = max(self._longest_lag_s, lag_s)

    def taken(self, inbox: Inbox) -> dict[str, float] | None:
        """The sums, which start afresh; None if there was no batch."""
        if not self._batches:
            return None
        sums = {
            "batches": self._batches,
            "messages": self._messages,
            "accepted": self._outcome.accepted,
            "duplicates": self._outcome.duplicates,
            "held": self._outcome.held,
            "rejected": self._outcome.rejected.total(),
            "slowest_s": round(self._slowest_s, 4),
            "lag_s": round(self._longest_lag_s, 3),
            "waiting": len(inbox),
        }
        self._begin()
        return sums
