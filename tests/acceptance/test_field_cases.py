"""What meters and gateways in the field publish, each case with the right answer, through `tanfeng energy`."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.servers import SHARED

if TYPE_CHECKING:
    from pathlib import Path

CASES: list[dict[str, Any]] = json.loads((SHARED / "cases" / "registers.json").read_text("utf-8"))


def statement_of(case: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What the command says of a case's readings."""
    readings, events = folder / "readings.csv", folder / "events.json"
    readings.write_text("read_at,value\n" + "".join(f"{at},{value}\n" for at, value in case["readings"]))
    events.write_text(json.dumps(case["events"]))
    argv = [sys.executable, "-m", "tanfeng", "energy", str(readings), "--events", str(events), *case["options"]]
    argv += ["--grain", "15m", "--zone", "Asia/Shanghai", "--format", "json"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    statement: dict[str, Any] = json.loads(done.stdout)
    return statement


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_field_case_is_booked_as_it_flowed(case: dict[str, Any], tmp_path: Path) -> None:
    """Total, held readings, estimated energy, events and first interval are those a person reads out of it."""
    said, expect = statement_of(case, tmp_path), case["expect"]
    estimated = sum(Decimal(each["estimated"]) for each in said["intervals"])
    if "total" in expect:
        assert abs(Decimal(said["total"]) - Decimal(expect["total"])) <= Decimal(expect["tolerance"])
    if "held" in expect:
        assert sum(reading["outcome"] == "held" for reading in said["readings"]) == expect["held"]
    if "estimated" in expect:
        assert estimated == Decimal(expect["estimated"])
    if "estimated_at_least" in expect:
        assert estimated >= Decimal(expect["estimated_at_least"])
    if "event" in expect:
        assert any(expect["event"] in event["kind"] for event in said["events"])
    if "suspect" in expect:
        assert any(expect["suspect"] in event["suspect"] for event in said["events"])
    if "first_starts_at" in expect:
        assert datetime.fromisoformat(said["intervals"][0]["starts_at"]) == datetime.fromisoformat(
            expect["first_starts_at"]
        )
