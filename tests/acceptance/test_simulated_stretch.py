"""Three days of the example district through MQTT with every kind of fault: no error is silent, and runs are alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simulators import ledger
from simulators.incidents import What
from tests.programs import Site, site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests import servers

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "district.yaml"
RUN = ("--start", "2026-03-01T00:00:00+08:00", "--days", "3", "--seed", "7", "--incidents", "150", "--apart", "4")
BOOKED = (
    "SELECT e.code, m.code, r.code, l.starts_at, l.amount, l.estimated_amount, l.covered_s, l.estimated_s"
    " FROM core.energy_15m l JOIN core.register r USING (register_id) JOIN core.meter m USING (meter_id)"
    " JOIN core.enterprise e USING (enterprise_id) ORDER BY 1, 2, 3, 4"
)
SAID = (
    "SELECT e.code, m.code, r.code, v.kind, v.read_at, v.shift"
    " FROM core.event v JOIN core.register r USING (register_id) JOIN core.meter m USING (meter_id)"
    " JOIN core.enterprise e USING (enterprise_id) ORDER BY 1, 2, 3, 4, 5"
)


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first run leaves what really happened."""
    return tmp_path_factory.mktemp("stretch") / "truth.jsonl"


@pytest.fixture(scope="module")
def two_workers(postgres: servers.Postgres, _migrated: str, truth: Path) -> Iterator[Site]:
    """The stretch, ingested by two workers."""
    with site(postgres, _migrated, EXAMPLE, workers=2) as here:
        here.tanfeng("simulate", "fast", *RUN, "--truth", str(truth))
        yield here


def test_every_kind_of_fault_happened(two_workers: Site, truth: Path) -> None:
    """But the outage of a week that a register needs to pass its modulus twice."""
    assert two_workers.dsn
    assert {incident.kind for incident in ledger.read(truth).incidents} == set(What) - {What.UNDECIDABLE}


def test_no_error_is_silent(two_workers: Site, truth: Path) -> None:
    """Every hour and leg that is not what flowed has an open event, an estimated mark, or missing readings."""
    said = two_workers.tanfeng("simulate", "verify", "--truth", str(truth))
    assert "wrong 0" in said
    assert "registers silently wrong: 0" in said


def test_the_books_are_what_the_readings_say(two_workers: Site) -> None:
    """Rebuilding everything from the readings gives what is stored."""
    two_workers.tanfeng("verify")


@pytest.fixture(scope="module")
def one_worker(postgres: servers.Postgres, _migrated: str, truth: Path) -> Iterator[Site]:
    """The same stretch again, ingested by one worker."""
    with site(postgres, _migrated, EXAMPLE) as here:
        here.tanfeng("simulate", "fast", *RUN, "--truth", str(truth.with_name("again.jsonl")))
        yield here


async def test_one_worker_books_the_very_same(two_workers: Site, one_worker: Site) -> None:
    """Another run of the seed, with another number of workers: the same ledger and events."""
    assert await one_worker.rows(BOOKED) == await two_workers.rows(BOOKED)
    assert await one_worker.rows(SAID) == await two_workers.rows(SAID)


def test_a_seed_has_one_truth(one_worker: Site, truth: Path) -> None:
    """Two runs export the same bytes."""
    assert one_worker.dsn
    assert truth.with_name("again.jsonl").read_bytes() == truth.read_bytes()


async def test_a_planted_error_is_found(two_workers: Site, truth: Path) -> None:
    """One quarter-hour of one register changed behind everyone's back: named, and exit code 1."""
    ((register, starts_at),) = await two_workers.rows(
        "UPDATE core.energy_15m SET amount = amount + 50000000 WHERE (register_id, starts_at) = ("
        " SELECT l.register_id, l.starts_at FROM core.energy_15m l WHERE estimated_s = 0 AND covered_s = 900"
        " AND NOT EXISTS (SELECT FROM core.event v WHERE v.register_id = l.register_id)"
        " ORDER BY 1, 2 LIMIT 1) RETURNING register_id, starts_at"
    )
    said = two_workers.tanfeng("simulate", "verify", "--truth", str(truth), code=1)
    assert "registers silently wrong: 1" in said
    await two_workers.rows(
        "UPDATE core.energy_15m SET amount = amount - 50000000 WHERE register_id = $1 AND starts_at = $2"
        " RETURNING register_id",
        register,
        starts_at,
    )
