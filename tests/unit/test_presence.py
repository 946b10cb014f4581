"""How long to wait for what is away, and when that is unhealthy."""

from __future__ import annotations

import pytest

from ingest.presence import Presence


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock, in its first element."""
    now = [1000.0]
    monkeypatch.setattr("ingest.presence.time.monotonic", lambda: now[0])
    return now


def test_waits_double_up_to_ten_seconds() -> None:
    """Each is spread over its second half."""
    thing = Presence()
    waits = [thing.away("gone") for _ in range(12)]
    assert all(0.05 * 2**n <= wait <= 0.1 * 2**n for n, wait in enumerate(waits[:6]))
    assert 5 <= waits[-1] <= 10


def test_waits_start_afresh_once_it_was_stable(clock: list[float]) -> None:
    """One that comes and goes at once is waited for longer and longer."""
    thing = Presence(stable_s=2.0)
    for _ in range(5):
        thing.back()
        clock[0] += 1.9
        wait = thing.away("gone")
    assert wait > 0.5
    thing.back()
    clock[0] += 2.1
    assert thing.away("gone") <= 0.1


def test_it_is_unhealthy_before_it_was_there_and_after_half_a_minute(clock: list[float]) -> None:
    """A restart in between is none of anybody's business."""
    thing = Presence()
    assert not thing.is_healthy
    thing.back()
    assert thing.is_healthy
    thing.away("gone")
    clock[0] += 29
    assert thing.is_healthy
    clock[0] += 2
    assert (thing.is_healthy, thing.is_here, thing.away_s) == (False, False, 31.0)
