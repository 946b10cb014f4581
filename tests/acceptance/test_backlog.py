"""The backlog of an outage arrives at once, beside live readings: booked rightly, with the warnings of then."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from services.model import HOUR_US
from tests import servers
from tests.backlog import Outage, drain, prepare, warnings
from tests.ingest_rig import command, environment
from tests.programs import Site, ingesting

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


@pytest.fixture
def broker() -> Iterator[servers.MqttBroker]:
    """A broker of this test alone."""
    with servers.mosquitto_broker() as running:
        yield running


async def test_a_backlog_is_booked_and_warned_of_as_if_it_had_come_in_time(
    database: str, broker: servers.MqttBroker
) -> None:
    """Eight hours of a hundred registers each minute, a day ago; other meters hung there for an hour, unsaid.

    The evaluator looks all along, so that it also sees halves of the backlog.
    """
    now = time.time_ns() // 1000
    until = (now - 22 * HOUR_US) // HOUR_US * HOUR_US
    outage = Outage(registers=100, from_us=until - 8 * HOUR_US, until_us=until, loans=8)
    others = await prepare(database, outage, now)
    with ingesting(Site(database, broker.url), 2), command("evaluate", env=environment(database, broker.url)):
        found = await drain(database, broker.url, outage, 20, others)
        standing = await warnings(database, outage)
    assert found.readings == 48_000
    assert (found.wrong_energy, found.differences) == (0, 0)
    assert found.live_seconds
    assert sorted((row["subject"], row["occurred_at"]) for row in standing) == sorted(outage.lent.items())
    assert {row["subject"]: row["events"][-1] - HOUR_US for row in standing} == outage.lent
    historical = {row["subject"] for row in standing if row["historical"]}
    assert outage.older_than_a_day(now) <= historical <= outage.older_than_a_day(time.time_ns() // 1000)
    assert 2 * len(historical) > len(standing)
