"""The simulated fleet through MQTT into the database, faults and a restart included: the books equal the truth."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from services.units import MILLI, factor
from simulators.district import read_points
from simulators.fleet import Fleet
from simulators.points import Counter, Key
from tests.programs import Site, site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests import servers

pytestmark = [pytest.mark.slow, pytest.mark.alone]  # seconds of a live fleet: a fault every some ticks

EXAMPLE = Path(__file__).parents[2] / "examples" / "district.yaml"
SEED = 11


@pytest.fixture(scope="module")
def district(postgres: servers.Postgres, _migrated: str) -> Iterator[Site]:
    """The example district with ingest running."""
    with site(postgres, _migrated, EXAMPLE) as here:
        yield here


def simulate(here: Site) -> tuple[int, str]:
    """Some seconds of the fleet with a backfill of six hours: how many messages were acknowledged, and its report."""
    said = here.tanfeng("simulate", "run", "--seed", str(SEED), "--every", "0.2s", "--backfill", "6h", "--for", "8s")
    found = re.search(r"messages acked (\d+)", said)
    assert found is not None, said
    return int(found[1]), said


def level(counter: Counter, at_us: int, unit: str) -> int:
    """What the register stood at, rollovers not taken off, in thousandths of the carrier's unit, half-even."""
    exact = (counter.start + counter.steps(at_us)) * Fraction(counter.amount(1)) * factor(counter.point.base_unit, unit)
    return round(exact * MILLI)


async def test_the_books_equal_the_truth_over_faults_and_a_restart(district: Site) -> None:
    """Every register books exactly what flowed from its first reading to its baseline; each fault leaves its trace."""
    acked, said = simulate(district)
    for kind in ("false_zero", "duplicate", "late", "no_zone", "not_a_number", "unknown_register", "broken_json"):
        assert f"fault {kind}" in said
    again, _ = simulate(district)
    await district.committed(acked + again)

    fleet = Fleet(read_points(EXAMPLE), SEED)
    rows = await district.rows(
        "SELECT e.code, m.code, r.code, c.unit, b.baseline_at,"
        " (SELECT min(read_at) FROM core.reading x WHERE x.register_id = r.register_id),"
        " (SELECT coalesce(sum(amount), 0)::bigint FROM core.energy_15m l WHERE l.register_id = r.register_id)"
        " FROM core.register r JOIN core.meter m USING (meter_id) JOIN core.enterprise e USING (enterprise_id)"
        " JOIN core.carrier c ON c.code = r.carrier JOIN core.register_state b USING (register_id)"
    )
    assert len(rows) == len(fleet.counters)
    for *key, unit, baseline_at, first_at, booked in rows:
        counter = fleet.counters[Key(*key)]
        assert booked == level(counter, baseline_at, unit) - level(counter, first_at, unit), key
    assert sum(booked for *_, booked in rows) > 0


async def test_false_zeros_are_held_and_bad_payloads_rejected(district: Site) -> None:
    """After at least one cycle of faults in each of two runs."""
    ((held,),) = await district.rows("SELECT count(*) FROM core.doubt WHERE outcome = 'held'")
    assert held >= 2
    codes = await district.rows("SELECT DISTINCT code FROM core.rejection")
    assert len(codes) >= 4
    ((conflicts,),) = await district.rows("SELECT count(*) FROM core.rejection WHERE code = 'conflict'")
    assert conflicts == 0


def test_a_replay_that_is_not_stored_says_so(district: Site, tmp_path: Path) -> None:
    """Readings of a meter that nobody registered are rejected; the replay ends with exit code 1."""
    recording = tmp_path / "one.csv"
    recording.write_text("read_at,value\n2026-01-01T00:00:00+08:00,1\n")
    to_nobody = ("--enterprise", "steel", "--meter", "no-such-meter")
    said = district.tanfeng("replay", str(recording), "--as", "csv", *to_nobody, "--patience", "5", code=1)
    assert "0 of 1 stored" in said


def test_a_recording_can_be_moved_to_now(district: Site, tmp_path: Path) -> None:
    """For demos: the newest reading at the last quarter-hour."""
    recording = tmp_path / "two.csv"
    recording.write_text("read_at,value\n2020-01-01T00:00:00Z,1000\n2020-01-01T00:15:00Z,1001\n")
    options = ("--enterprise", "civic", "--meter", "heat", "--shift-to", "now", "--speed", "9000")
    assert "2 of 2 stored" in district.tanfeng("replay", str(recording), "--as", "csv", *options)


def test_verify_finds_nothing(district: Site) -> None:
    """Rebuilding everything from the readings gives what is stored."""
    district.tanfeng("verify")


async def test_a_fault_can_be_injected_into_a_running_fleet(district: Site) -> None:
    """The asked meter shows one spike: held, and reported at the end beside the truth."""
    command = (sys.executable, "-m", "tanfeng", "simulate", "run", "--no-faults", "--backfill", "0s", "--every", "1s")
    with subprocess.Popen(  # noqa: ASYNC220 - it runs beside the test; nothing else waits for the loop
        (*command, "--seed", str(SEED), "--for", "60s"), env=district.environment, stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            await asked(district, "spike", "civic/hvac")
        finally:
            running.terminate()
        said = running.communicate(timeout=60)[0]
    assert "asked fault spike civic/hvac" in said


async def asked(here: Site, kind: str, meter: str) -> None:
    """Ask until it has happened: the fleet may not be listening yet."""
    enterprise, _, code = meter.partition("/")
    query = (
        "SELECT count(*) FROM core.event v JOIN core.register r USING (register_id) JOIN core.meter m USING (meter_id)"
        " JOIN core.enterprise e USING (enterprise_id) WHERE v.kind = 'held' AND e.code = $1 AND m.code = $2"
    )
    ((before,),) = await here.rows(query, enterprise, code)
    deadline = time.monotonic() + 50
    while (await here.rows(query, enterprise, code))[0][0] == before:
        assert time.monotonic() < deadline, f"no {kind} at {meter}"
        await asyncio.to_thread(here.tanfeng, "simulate", "fault", kind, "--meter", meter)
