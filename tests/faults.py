"""Ten ordinary faults of one 1,200 kW meter read every 15 minutes over 25 hours at constant load: 300 kWh a quarter."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
QUARTER: Final = timedelta(minutes=15)
QUARTERS: Final = 100
LEVEL: Final = 500_000
STEP: Final = 300

Readings = list[tuple[datetime, int]]


@dataclass
class Fault:
    """Readings in the order they arrive, the acts declared, the false readings, and the register's modulus."""

    readings: Readings
    acts: list[dict[str, Any]] = field(default_factory=list)
    false: list[datetime] = field(default_factory=list)
    modulus: int | None = None


def at(quarter: int) -> datetime:
    """The instant of a quarter-hour since the start."""
    return START + quarter * QUARTER


def clean(level: int = LEVEL) -> Readings:
    """The day without any fault."""
    return [(at(n), level + STEP * n) for n in range(QUARTERS + 1)]


def outage() -> Readings:
    """Three hours of readings lost."""
    return [reading for n, reading in enumerate(clean()) if not 40 <= n < 52]


def rollover() -> Readings:
    """A six-digit register that passes 999,999."""
    return [(when, value % 1_000_000) for when, value in clean(985_000)]


def swap() -> Fault:
    """A declared swap at 13:30 to a meter that starts at 37."""
    final = LEVEL + STEP * 54
    readings = [(when, value if when < at(54) else value - final + 37) for when, value in clean()]
    act = {"kind": "replacement", "at": "2026-01-01T13:30:00Z", "final": str(final), "start": "37"}
    return Fault(readings, [act])


def replaced(false: dict[int, int], *, modulus: int | None = None, level: int = LEVEL) -> Fault:
    """The clean day with false values at these quarters."""
    readings = [(when, false.get(n, value)) for n, (when, value) in enumerate(clean(level))]
    return Fault(readings, false=[at(n) for n in false], modulus=modulus)


def late() -> Readings:
    """One reading that comes two steps late."""
    day = clean()
    day.insert(32, day.pop(30))
    return day


def flushed(*, live_first: bool) -> Readings:
    """Three hours buffered and then sent at once, before or after the first live reading."""
    day = clean()
    return [*day[:40], day[52], *day[40:52], *day[53:]] if live_first else [*day[:40], *day[40:52], *day[52:]]


TEN: Final[dict[str, Fault]] = {
    "clean day": Fault(clean()),
    "three-hour outage with readings lost": Fault(outage()),
    "six-digit rollover": Fault(rollover(), modulus=1_000_000),
    "declared swap to a meter starting at 37": swap(),
    "one false zero": replaced({50: 0}),
    "one reading two steps late": Fault(late()),
    "QoS 1 duplicates": Fault([reading for reading in clean() for _ in range(2)]),
    "three-hour outage buffered, then flushed": Fault(flushed(live_first=False)),
    "the same with a live reading first": Fault(flushed(live_first=True)),
    "one +5 GWh spike": replaced({50: LEVEL + 5_000_000}),
}
