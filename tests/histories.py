"""Random registers in tiny numbers, where the rules collide: policies, readings, acts and arrivals."""

from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from services.accounting.policy import PLAIN_KINDS, Act, Version
from services.model import ActKind, Kind, OnFall, Stamp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

TICK = 60_000_000  # a minute: quarter-hours are crossed often
COUNT = Decimal("0.001")  # one count is one thousandth: no rounding hides
MODULUS = 20
LENGTH = 26

WEEK, HOUR, FARTHEST = 9 * TICK, 3 * TICK, 6 * TICK


@contextmanager
def short_times() -> Iterator[None]:
    """Long standstills, the week looked back on, the hour of a mean, the farthest zone: all for lives of 26 minutes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("services.accounting.policy.LONG_INTERVALS", 3)
        patch.setattr("services.accounting.standstills.LOOK_BACK_US", WEEK)
        patch.setattr("services.accounting.standstills.MEAN_OVER_US", HOUR)
        patch.setattr("services.accounting.suspicion.FARTHEST_ZONE_US", FARTHEST)
        yield


KINDS = [Kind.TOTAL_INCREASING] * 5 + [Kind.TOTAL, Kind.INTERVAL, Kind.MEASUREMENT]


def some_versions(rnd: Random, *, modulus: bool) -> list[Version]:
    """One dated version, sometimes two, with bounds of some counts a tick."""
    return [
        Version(
            max_rate=rnd.choice([None, 60 * COUNT, 120 * COUNT, 120 * COUNT, 240 * COUNT]),
            resolution=COUNT,
            modulus=MODULUS * COUNT if modulus else None,
            interval_us=rnd.choice([TICK, TICK, 2 * TICK]),
            gap_us=rnd.choice([2 * TICK, 4 * TICK]),
            slack_us=rnd.choice([0, TICK // 2, TICK]),
            noise=rnd.choice([0, 1, 1, 2]) * COUNT,
            stamp=rnd.choice([Stamp.END, Stamp.END, Stamp.START]),
            flat_us=rnd.choice([None, None, TICK, 3 * TICK]),
            on_fall=rnd.choice([OnFall.CONFIRM, OnFall.CONFIRM, OnFall.RESET, OnFall.HOLD]),
            valid_from=rnd.randrange(LENGTH) * TICK,
        )
        for _ in range(rnd.choice([1, 1, 1, 2]))
    ]


def some_readings(rnd: Random, *, modulus: bool) -> list[tuple[int, int]]:
    """Readings that stay on one of three counters for a while, then jump: runs, swaps, zeros, spikes, noise."""
    tracks = [(0, 0), (rnd.randrange(MODULUS), rnd.choice([0, 1, 1, 2])), (rnd.randrange(MODULUS), rnd.choice([0, 1]))]
    faithful, track, found = rnd.choice([0.6, 0.8, 0.9]), 1, {}
    for tick in sorted(rnd.sample(range(LENGTH), rnd.randrange(16))):
        if rnd.random() > faithful:
            track = rnd.randrange(3)
        level, rate = tracks[track]
        value = level + rate * tick - (rnd.random() < 0.1)
        at = tick * TICK + rnd.choice([0, 0, 0, TICK // 3])
        found[at] = value % MODULUS if modulus and rnd.random() < 0.95 else value
    return sorted(found.items())


def an_act(rnd: Random, kind_of: Kind) -> Act:
    """Any kind of act that a register of this kind can have, at any tick."""
    at = rnd.randrange(LENGTH) * TICK
    kind = rnd.choice([each for each in ActKind if each is not ActKind.ACCEPT or kind_of in PLAIN_KINDS])
    count = rnd.randrange(MODULUS) * COUNT
    maybe = rnd.choice([None, rnd.randrange(MODULUS) * COUNT])
    if kind is ActKind.REPLACEMENT:
        return Act(kind, at, final=maybe, start=count)
    if kind is ActKind.MULTIPLIER:
        return Act(kind, at, value=rnd.choice([Decimal(1), Decimal(2), Decimal("1.5")]), reading=maybe)
    if kind is ActKind.IGNORE:
        return Act(kind, at, until=at + rnd.randrange(1, 5) * TICK)
    return Act(kind, at, value=count if kind is ActKind.CORRECTION else None)


class History:
    """One register's life: `steps` are batches of arrivals and acts, in the order they come."""

    def __init__(self, rnd: Random) -> None:
        self.kind = rnd.choice(KINDS)
        modulus = self.kind is Kind.TOTAL_INCREASING and rnd.random() < 0.5
        self.versions = some_versions(rnd, modulus=modulus)
        self.readings = some_readings(rnd, modulus=modulus)
        self.acts = [an_act(rnd, self.kind) for _ in range(rnd.choice([0, 0, 1, 2]))]
        self.steps = self._steps(rnd)

    def _steps(self, rnd: Random) -> list[list[tuple[int, int]] | Act]:
        arrivals = [*self.readings, *rnd.choices(self.readings, k=3)] if self.readings else []
        if rnd.random() < 0.3:
            arrivals += [(at, value + 1) for at, value in arrivals[-2:]]
        for _ in range(rnd.choice([0, 1, 4, 40])):  # from in order to shuffled
            if arrivals:
                arrivals.insert(rnd.randrange(len(arrivals)), arrivals.pop(rnd.randrange(len(arrivals))))
        steps: list[list[tuple[int, int]] | Act] = []
        while arrivals:
            size = rnd.choice([1, 1, 2, 5])
            steps.append(arrivals[:size])
            arrivals = arrivals[size:]
        for act in self.acts:
            steps.insert(rnd.randrange(len(steps) + 1), act)
        return steps
