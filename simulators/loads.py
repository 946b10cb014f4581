"""What has flowed through a point since a fixed epoch, as a pure function of time.

So a restarted simulator continues exactly where it would have been, and may send any moment again with the same value.
Amounts are integer billionths of a base unit (kWh, Nm³, kg, t, GJ, m³): sums and shares stay exact and never fall.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, Protocol

from services.errors import TanfengError
from services.model import SECOND_US
from simulators.calendar import is_holiday
from simulators.shapes import FULL, MINUTES, SHAPES, days

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from simulators.shapes import Day

NANO: Final = 10**9
EPOCH_US: Final = 1_735_660_800 * SECOND_US
"""2025-01-01T00:00+08:00, a Wednesday: where every simulated register starts to count."""
EPOCH_WEEKDAY: Final = 2
SUNDAY: Final = 6
"""What a public holiday is like."""
MINUTE_US: Final = 60 * SECOND_US
DAY_US: Final = MINUTES * MINUTE_US
_PARTS: Final = FULL * FULL * 60 * MINUTE_US
"""Parts of a peak-hour in `weight × scale × µs`."""


class Load(Protocol):
    """A flow: `energy` never falls and never rises faster than `peak`."""

    @property
    def peak(self) -> int:
        """The highest rate, billionths per hour."""

    def energy(self, at_us: int) -> int:
        """What has flowed since the epoch, billionths."""

    def rate(self, at_us: int) -> int:
        """The present rate, billionths per hour."""


@dataclass
class Shaped:
    """A load with a daily shape, seeded by its name; scale and variant of each day are drawn from the seed.

    `energy` costs the same at any time: the sum over earlier days is remembered.
    """

    peak: int
    shape: str
    seed: int
    name: str
    _before: list[int] = field(default_factory=lambda: [0], repr=False)
    _days: dict[int, tuple[int, Day]] = field(default_factory=dict, repr=False)

    def energy(self, at_us: int) -> int:
        """What has flowed since the epoch, billionths."""
        day, minute, rest = day_minute(at_us)
        scale, variant = self._drawn(day)
        whole = self._before_day(day) + scale * variant.before[minute]
        return self.peak * (whole * MINUTE_US + scale * variant.weights[minute] * rest) // _PARTS

    def rate(self, at_us: int) -> int:
        """The present rate, billionths per hour."""
        day, minute, _ = day_minute(at_us)
        scale, variant = self._drawn(day)
        return self.peak * scale * variant.weights[minute] // (FULL * FULL)

    def _before_day(self, day: int) -> int:
        while len(self._before) <= day:
            scale, variant = self._drawn(len(self._before) - 1)
            self._before.append(self._before[-1] + scale * variant.before[-1])
        return self._before[day]

    def _drawn(self, day: int) -> tuple[int, Day]:
        """The day's scale (thousandths) and its variant; remembered, since every reading of the day asks."""
        if day not in self._days:
            self._days[day] = self._draw(day)
        return self._days[day]

    def _draw(self, day: int) -> tuple[int, Day]:
        shape = SHAPES[self.shape]
        bits = int.from_bytes(blake2b(f"{self.seed}/{self.name}/{day}".encode(), digest_size=8).digest())
        choices = days(self.shape, self.seed)
        chance, pick = divmod(bits, len(choices))
        room = FULL - shape.least
        scale = shape.least + (
            chance % (room + 1) if shape.weather is None else room * shape.weather(day, self.seed) // FULL
        )
        weekday = SUNDAY if is_holiday(day) else (day + EPOCH_WEEKDAY) % 7
        return scale * shape.weekdays[weekday] // FULL, choices[pick]


@dataclass(frozen=True)
class Mix:
    """Thousandths of other loads, added up: a feeder over its sub-meters and losses."""

    parts: Sequence[tuple[int, Load]]

    @property
    def peak(self) -> int:
        """An upper bound of the rate, billionths per hour."""
        return sum(share * load.peak for share, load in self.parts) // FULL

    def energy(self, at_us: int) -> int:
        """What has flowed since the epoch, billionths."""
        return sum(share * load.energy(at_us) for share, load in self.parts) // FULL

    def rate(self, at_us: int) -> int:
        """The present rate, billionths per hour."""
        return sum(share * load.rate(at_us) for share, load in self.parts) // FULL


@dataclass(frozen=True)
class Following:
    """An exact part of another load: what a process needs of a second carrier for each unit of the first."""

    load: Load
    part: Fraction

    @property
    def peak(self) -> int:
        """The highest rate, billionths per hour."""
        return self._of(self.load.peak)

    def energy(self, at_us: int) -> int:
        """What has flowed since the epoch, billionths."""
        return self._of(self.load.energy(at_us))

    def rate(self, at_us: int) -> int:
        """The present rate, billionths per hour."""
        return self._of(self.load.rate(at_us))

    def _of(self, amount: int) -> int:
        return amount * self.part.numerator // self.part.denominator


def day_minute(at_us: int) -> tuple[int, int, int]:
    """Days since the epoch, minute of the day, microseconds within the minute."""
    if at_us < EPOCH_US:
        raise TanfengError("the simulated plants start on 2025-01-01", "check the clock, or --backfill")
    day, rest = divmod(at_us - EPOCH_US, DAY_US)
    minute, within = divmod(rest, MINUTE_US)
    return day, minute, within
