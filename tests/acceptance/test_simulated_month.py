"""A month of the whole example district through MQTT with every kind of fault: no error is silent, runs are alike."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from simulators import ledger
from simulators.incidents import What
from tests.programs import Site, site
from tests.servers import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests import servers

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("month")]  # one world for all of it

EXAMPLE = ROOT / "examples" / "district.yaml"
EVERY_KIND = EXAMPLE.with_name("every-kind.yaml")
BOTH = ("--registry", str(EXAMPLE), "--registry", str(EVERY_KIND))
BUDGETS = EXAMPLE.with_name("budgets.yaml")

RUN = (*BOTH, "--start", "2026-01-01T00:00:00+08:00", "--days", "31", "--seed", "7", "--incidents", "460")
"""January, so that the budgets of the year are known at its end."""
BOOKED = (
    "SELECT e.code, m.code, r.code, l.starts_at, l.amount, l.estimated_amount, l.covered_s, l.estimated_s,"
    " l.rest, l.estimated_rest"
    " FROM core.energy_15m l JOIN core.register r USING (register_id) JOIN core.meter m USING (meter_id)"
    " JOIN core.enterprise e USING (enterprise_id) ORDER BY 1, 2, 3, 4"
)
SAID = (
    "SELECT e.code, m.code, r.code, v.kind, v.read_at, v.shift"
    " FROM core.event v JOIN core.register r USING (register_id) JOIN core.meter m USING (meter_id)"
    " JOIN core.enterprise e USING (enterprise_id) ORDER BY 1, 2, 3, 4, 5"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs leave what really happened."""
    return tmp_path_factory.mktemp("month")


@pytest.fixture(scope="module")
def truth(folder: Path) -> Path:
    """What really happened in the first run."""
    return folder / "truth.jsonl"


@pytest.fixture(scope="module")
def two_workers(postgres: servers.Postgres, _migrated: str, truth: Path) -> Iterator[Site]:
    """The month, ingested by two workers, with the example budgets."""
    with site(postgres, _migrated, EXAMPLE, EVERY_KIND, workers=2) as here:
        here.tanfeng("budget", "apply", str(BUDGETS), "--yes", "--as", "test")
        here.tanfeng("simulate", "fast", *RUN, "--truth", str(truth))
        yield here


def test_every_kind_of_fault_happened(two_workers: Site, truth: Path) -> None:
    """Each of the list, the outage of a week in which a register may pass its modulus twice as well."""
    assert two_workers.dsn
    assert {incident.kind for incident in ledger.read(truth).incidents} == set(What)


@pytest.fixture(scope="module")
def verified(two_workers: Site, truth: Path) -> str:
    """What the comparison with the truth says; it ends with exit code 0."""
    return two_workers.tanfeng("simulate", "verify", *BOTH, "--truth", str(truth))


def test_no_error_is_silent(verified: str) -> None:
    """Every hour and leg that is not what flowed has an open event, an estimated mark, or missing readings."""
    hours = re.search(r"hours: right (\d+),.* not_marked 0, wrong 0; .* silently wrong: 0", verified)
    assert hours is not None
    assert int(hours[1]) > 20_000


def test_only_stamps_that_jitter_move_energy_across_an_hour(verified: str) -> None:
    """An amount whose stamp is some seconds late is split at the hour's edge; every other register is exact there."""
    moved = re.findall(r"^(\S+): booked .* interpolated \d+", verified, re.MULTILINE)
    assert set(moved) <= {"joinery/lathes/energy", "joinery/paint-booth/energy"}
    assert moved


@pytest.mark.parametrize("kind", ["amount", "kgce", "kgce_primary", "kgco2", "pue_ratio", "budget"])
def test_known_figures_are_true(verified: str, kind: str) -> None:
    """Energy, standard coal on both bases, CO₂, PUE and budgets: equal, or of hours that are marked; none is wrong."""
    counts = re.findall(
        rf"^{kind}(?: \w+)? +exact (\d+), marked (\d+), unknown (\d+), wrong (\d+)$", verified, re.MULTILINE
    )
    assert sum(int(exact) for exact, *_ in counts) > 0
    assert {wrong for *_, wrong in counts} == {"0"}


def test_the_books_are_what_the_readings_say(two_workers: Site) -> None:
    """Rebuilding everything from the readings gives what is stored."""
    two_workers.tanfeng("verify")


@pytest.fixture(scope="module")
def one_worker(postgres: servers.Postgres, _migrated: str, folder: Path) -> Iterator[Site]:
    """The same month again, ingested by one worker."""
    with site(postgres, _migrated, EXAMPLE, EVERY_KIND) as here:
        here.tanfeng("simulate", "fast", *RUN, "--truth", str(folder / "again.jsonl"))
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
        " AND NOT EXISTS (SELECT FROM core.event v WHERE v.register_id = l.register_id"
        "                 AND v.read_at BETWEEN l.starts_at - interval '1 day' AND l.starts_at + interval '1 day')"
        " ORDER BY 1, 2 LIMIT 1) RETURNING register_id, starts_at"
    )
    said = two_workers.tanfeng("simulate", "verify", *BOTH, "--silent-only", "--truth", str(truth), code=1)
    assert "registers silently wrong: 1" in said
    assert "hour 20" in said
    await two_workers.rows(
        "UPDATE core.energy_15m SET amount = amount - 50000000 WHERE register_id = $1 AND starts_at = $2"
        " RETURNING register_id",
        register,
        starts_at,
    )


async def test_a_wrong_factor_is_found(two_workers: Site, truth: Path) -> None:
    """The hours are right and the CO₂ of electricity is not: named with what it should be, and exit code 1."""
    change = (
        "UPDATE core.emission_factor SET kgco2_per_unit = $1"
        " WHERE (carrier, region, data_year) = ('electricity', 'CN-CQ', 2023) RETURNING factor_id"
    )
    await two_workers.rows(change, Decimal("0.5851"))
    said = two_workers.tanfeng("simulate", "verify", *BOTH, "--silent-only", "--truth", str(truth), code=1)
    await two_workers.rows(change, Decimal("0.5581"))
    assert "registers silently wrong: 0" in said
    assert "wrong kgco2 1d" in said
