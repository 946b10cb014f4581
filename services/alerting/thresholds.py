"""From a value to a sign: raising and clearing thresholds with a band between them that changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.alerting.model import Sign

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where a value becomes bad, and where it is good again; `above`: bad is more than `raise_at`, else less."""

    raise_at: Decimal
    clear_at: Decimal
    above: bool = True

    def sign(self, value: Decimal | None) -> Sign:
        """What the value says; None is unknown.

        Above: bad when more than `raise_at`, good when less than `clear_at`. Below: bad when less than `raise_at`,
        good from `clear_at` on, as a gate of 'at least 90 %' means it.
        """
        if value is None:
            return Sign.UNKNOWN
        if (value > self.raise_at) if self.above else (value < self.raise_at):
            return Sign.BAD
        if (value < self.clear_at) if self.above else (value >= self.clear_at):
            return Sign.GOOD
        return Sign.BAND
