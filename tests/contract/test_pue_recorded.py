"""PUE of recorded ratios, as energy and as the operator reports them; and both side by side."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from services.figures.pue import pue_at, pue_between
from services.model import HOUR_US, QUARTER_US, SECOND_US
from services.store.pool import connect
from tests.figure_world import instant
from tests.pue_world import book, declare, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from services.store.pool import Connection

START = instant("2026-01-05T00:00+08:00")
DAY_US = 24 * HOUR_US
MINUTE_US = 60 * SECOND_US


@pytest.fixture
async def con(edition_database: str) -> AsyncIterator[Connection]:
    """A migrated database."""
    opened = await connect(edition_database, name="test")
    yield opened
    await opened.close()


def rounded(ratio: Decimal) -> Decimal:
    """To six digits, as PostgreSQL rounds."""
    return ratio.quantize(Decimal("0.000001"), ROUND_HALF_UP)


FILES = {"24-hours.json": 5 * MINUTE_US, "7-days.json": 75 * MINUTE_US}


def bins(shared: Path, name: str) -> list[tuple[int, Decimal]]:
    """(start in µs, PUE) of the recorded bins, in order."""
    rows = json.loads((shared / "data" / "pue" / name).read_text(), parse_float=Decimal)
    return sorted((row["timestamp"] * 1000, Decimal(row["pue"])) for row in rows)


@pytest.mark.parametrize("name", FILES)
async def test_recorded_ratios_as_energy_give_no_value_above_the_limit(
    con: Connection, shared: Path, name: str
) -> None:
    """IT of 1,000 kW and a total of ratio × IT, exact against a naive sum over the bins, hole and all."""
    step, recorded = FILES[name], bins(shared, name)
    await declare(con, interval=f"{step // MINUTE_US}m")
    energy = {start: (ratio * 1000 * step / HOUR_US, Decimal(1000 * step) / HOUR_US) for start, ratio in recorded}
    for index, path in enumerate(("intake/import", "ups/it")):
        level, values = Decimal(0), dict[int, Decimal]()
        for start, pair in energy.items():
            values.setdefault(start, level)
            level += pair[index]
            values[start + step] = level
        await book(con, path, [(at, level.quantize(Decimal("0.001"))) for at, level in values.items()])
    first, last = recorded[0][0], recorded[-1][0] + step
    known = 0
    for window, width in (("1h", HOUR_US), ("24h", DAY_US)):
        for pue in await pue_between(con, window, first, last):
            assert pue.state in ("ok", "unknown")
            inside = [start for start in energy if pue.starts_at <= start and start + step <= pue.ends_at]
            if len(inside) * step == width:
                total = sum(energy[start][0] for start in inside)
                it = sum(energy[start][1] for start in inside)
                assert pue.state == "ok"
                assert pue.total_kwh is not None
                assert pue.it_kwh is not None
                assert abs(pue.total_kwh - total) <= Decimal("0.001")
                assert abs(pue.it_kwh - it) <= Decimal("0.001")
                known += 1
    assert known > 0 or name == "7-days.json"


@pytest.mark.parametrize("name", FILES)
async def test_recorded_ratios_as_reported_are_time_weighted_and_never_above_the_limit(
    con: Connection, shared: Path, name: str
) -> None:
    """The value of each bin holds until the next; a hole longer than the gap is not covered."""
    step, recorded = FILES[name], bins(shared, name)
    await declare(con, "{category: 1, reported: dcim/pue}", reported=f"{step // MINUTE_US}m")
    await book(con, "dcim/pue", recorded)
    first, last = recorded[0][0], recorded[-1][0]
    states = set()
    for window, width in (("1h", HOUR_US), ("24h", DAY_US)):
        for pue in await pue_between(con, window, first, last):
            weighted = covered = Decimal(0)
            for (at, ratio), (until, _) in pairwise(recorded):
                held = min(until, pue.ends_at) - max(at, pue.starts_at)
                if held > 0 and until - at <= 4 * step:
                    weighted, covered = weighted + ratio * held, covered + held
            states.add(pue.reported_state)
            assert (pue.state, pue.total_kwh) == (None, None)
            if covered < Decimal("0.95") * width:
                assert (pue.reported_state, pue.reported_why, pue.reported_ratio) == (
                    "unknown",
                    "reported_missing",
                    None,
                )
            else:
                assert (pue.reported_state, pue.reported_ratio) == ("ok", rounded(weighted / covered))
    assert "ok" in states
    assert states <= {"ok", "unknown"}


async def test_measured_and_reported_stand_side_by_side_with_their_distance(con: Connection) -> None:
    """The operator says 1.30, the meters say 1.5: 0.2 apart; where one is unknown there is no distance."""
    await declare(con)
    for path, each in (("intake/import", Decimal("37.5")), ("ups/it", Decimal(25))):
        await book(con, path, running(START, QUARTER_US, [each] * 8))
    await book(con, "dcim/pue", [(START + n * 5 * MINUTE_US, "1.30") for n in range(13)])
    hour = (await pue_at(con, "1h", START + HOUR_US))[0]
    assert (hour.pue_ratio, hour.reported_ratio, hour.apart_ratio) == (Decimal("1.5"), Decimal("1.3"), Decimal("0.2"))
    later = (await pue_at(con, "1h", START + 2 * HOUR_US))[0]
    assert (later.reported_state, later.apart_ratio) == ("unknown", None)


async def test_a_reported_ratio_is_never_booked_as_energy(con: Connection) -> None:
    """No ledger, no day, no scope knows of it."""
    await declare(con)
    await book(con, "dcim/pue", [(START + n * 5 * MINUTE_US, "1.7") for n in range(13)])
    assert await con.fetchval("SELECT count(*) FROM core.energy_15m") == 0
    hour = (await pue_at(con, "1h", START + HOUR_US))[0]
    assert (hour.reported_state, hour.state) == ("high", "unknown")
