"""`tanfeng energy` on what real meters do."""

from __future__ import annotations

import csv
import json
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from services.errors import TanfengError
from tanfeng.cli import app
from tests.faults import LEVEL, STEP, TEN, Fault, at, clean, replaced

if TYPE_CHECKING:
    from pathlib import Path

Statement = dict[str, Any]
METER = ("--max-rate", "1200", "--resolution", "1", "--interval", "15m")


def run(path: Path, *options: str) -> str:
    """The command's output; its own errors are raised."""
    result = CliRunner().invoke(app, ["energy", str(path), *options])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def write(path: Path, rows: list[tuple[Any, Any]]) -> Path:
    """A CSV of readings."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("read_at", "value"), *rows])
    return path


def state(path: Path, fault: Fault, *options: str, grain: str = "1h") -> Statement:
    """The JSON statement of a fault."""
    file = write(path / "readings.csv", [(when.isoformat(), value) for when, value in fault.readings])
    events = path / "events.json"
    events.write_text(json.dumps(fault.acts))
    more = ["--modulus", str(fault.modulus)] if fault.modulus else []
    said = run(file, *METER, *more, "--events", str(events), "--grain", grain, "--format", "json", *options)
    statement: Statement = json.loads(said)
    return statement


def outcomes(statement: Statement) -> dict[str, str]:
    """The outcome of each reading that is no duplicate."""
    return {row["read_at"]: row["outcome"] for row in statement["readings"] if row["outcome"] != "duplicate"}


def z(when: datetime) -> str:
    """An instant as the statement writes it."""
    return when.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("order", ["as they arrive", "shuffled", "reversed"])
@pytest.mark.parametrize("name", TEN)
def test_ordinary_fault_books_every_hour_right(name: str, order: str, tmp_path: Path) -> None:
    """30,000 kWh and no error in any hour, whatever the order; false readings are held with an event."""
    fault = TEN[name]
    readings = list(fault.readings)
    if order == "shuffled":
        Random(name).shuffle(readings)
    elif order == "reversed":
        readings.reverse()
    said = state(tmp_path, Fault(readings, fault.acts, fault.false, fault.modulus))
    assert said["total"] == "30000.000"
    assert [row["amount"] for row in said["intervals"]] == ["1200.000"] * 25
    held = {when for when, outcome in outcomes(said).items() if outcome == "held"}
    assert held == {z(when) for when in fault.false}
    assert {event["at"] for event in said["events"] if event["kind"] == "held"} == held


def test_lost_readings_are_estimated_and_buffered_ones_are_not(tmp_path: Path) -> None:
    """The energy over a lost outage is exact, its hours are marked."""
    lost = state(tmp_path, TEN["three-hour outage with readings lost"])
    flushed = state(tmp_path, TEN["the same with a live reading first"])
    assert sum(row["estimated_s"] for row in lost["intervals"]) == 13 * 900
    assert sum(row["estimated_s"] for row in flushed["intervals"]) == 0
    assert all(row["covered_s"] == 3600 for row in [*lost["intervals"], *flushed["intervals"]])


@pytest.mark.parametrize("zeros", [3, 12])
def test_zeros_are_no_evidence(zeros: int, tmp_path: Path) -> None:
    """A register stuck at zero for a while never becomes the truth."""
    said = state(tmp_path, replaced(dict.fromkeys(range(40, 40 + zeros), 0)))
    assert said["total"] == "30000.000"
    assert list(outcomes(said).values()).count("held") == zeros


@pytest.mark.parametrize(("level", "booked_leg"), [(9_000_000, 0), (37, 37), (200_000, 0)])
def test_undeclared_swap_shifts_the_level_with_an_event(level: int, booked_leg: int, tmp_path: Path) -> None:
    """Only the leg of the swap is unknown; near zero the first value is booked, estimated."""
    day = [(when, value if n < 50 else level + STEP * (n - 50)) for n, (when, value) in enumerate(clean())]
    said = state(tmp_path, Fault(day))
    assert said["total"] == f"{49 * STEP + 50 * STEP + booked_leg}.000"
    (broken,) = [event for event in said["events"] if event["kind"] == "break"]
    assert broken["at"] == z(at(50))
    assert Decimal(broken["shift"]) == level - (LEVEL + 49 * STEP) - booked_leg
    assert sum(row["covered_s"] for row in said["intervals"]) == (99 + bool(booked_leg)) * 900
    assert sum(Decimal(row["estimated"]) for row in said["intervals"]) == booked_leg


def test_gap_longer_than_one_modulus_is_not_guessed(tmp_path: Path) -> None:
    """How often a 10,000 kWh register rolled over in twelve hours at 1,200 kW is undecidable."""
    day = [(when, value % 10_000) for n, (when, value) in enumerate(clean()) if not 20 <= n < 68]
    said = state(tmp_path, Fault(day, modulus=10_000))
    assert any(event["kind"] == "break" for event in said["events"])
    known = (19 + 32) * STEP
    assert Decimal(said["total"]) - sum(Decimal(row["estimated"]) for row in said["intervals"]) == known


def test_false_zero_next_to_the_modulus_is_overruled(tmp_path: Path) -> None:
    """It looks like a rollover at first; the readings that follow prove it false and take it back."""
    false_zero = replaced({60: 0}, modulus=1_000_000, level=1_000_000 - 60 * STEP - 6_100)
    day = [
        (when, value if when == at(60) else 999_700 + (value - false_zero.readings[0][1]) // 150)
        for when, value in false_zero.readings
    ]
    said = state(tmp_path, Fault(day, modulus=1_000_000))
    assert said["total"] == "200.000"
    assert {event["kind"] for event in said["events"]} == {"overruled"}
    assert outcomes(said)[z(at(60))] == "held"


def test_idle_noise_books_nothing(tmp_path: Path) -> None:
    """A last digit that flickers is no energy, and neither lost nor doubled when the plant starts again."""
    day = [(at(n), 1000 - n % 2) for n in range(40)] + [(at(40 + n), 1000 + n) for n in range(1, 11)]
    said = state(tmp_path, Fault(day))
    assert said["total"] == "10.000"
    assert set(outcomes(said).values()) == {"accepted"}


def test_daily_meter_with_a_spike(tmp_path: Path) -> None:
    """One value a day, one of them 5 GWh too high: that one is held, nothing else is touched."""
    day = timedelta(days=1)
    readings = [(at(0) + n * day, LEVEL + 20_000 * n + (5_000_000 if n == 4 else 0)) for n in range(10)]
    file = write(tmp_path / "daily.csv", [(when.isoformat(), value) for when, value in readings])
    said = json.loads(run(file, "--max-rate", "1200", "--grain", "1d", "--zone", "UTC", "--format", "json"))
    assert said["total"] == "180000.000"
    assert [row["amount"] for row in said["intervals"]] == ["20000.000"] * 9
    assert [row["outcome"] for row in said["readings"]].count("held") == 1


def test_spike_without_max_rate_is_taken_back(tmp_path: Path) -> None:
    """Without a bound a spike is booked at first; three readings that follow overrule it."""
    fault = replaced({50: LEVEL + 5_000_000})
    file = write(tmp_path / "r.csv", [(when.isoformat(), value) for when, value in fault.readings])
    said = json.loads(run(file, "--resolution", "1", "--format", "json"))
    assert said["total"] == "30000.000"
    assert [event["kind"] for event in said["events"]] == ["overruled"]
    assert {row["amount"] for row in said["intervals"]} == {"1200.000"}


@pytest.mark.parametrize(
    ("values", "total"),
    [(("3.737", "0.000", "3.746"), "0.009"), (("25567.548", "0", "25567.548"), "0.000")],
)
def test_published_incidents(values: tuple[str, ...], total: str, tmp_path: Path) -> None:
    """A register that reads 0 after a reboot and then recovers."""
    file = write(tmp_path / "r.csv", [(at(n).isoformat(), value) for n, value in enumerate(values)])
    said = json.loads(run(file, "--max-rate", "3.6", "--format", "json"))
    assert said["total"] == total
    assert [row["outcome"] for row in said["readings"]] == ["accepted", "held", "accepted"]


def test_rows_that_are_no_readings_are_named_and_change_nothing(tmp_path: Path) -> None:
    """Empty, null, NaN, words and impossible times are rejected; the rest is booked."""
    good = [(when.isoformat(), value) for when, value in clean()]
    bad = [(at(3).isoformat(), word) for word in ("", "null", "NaN", "unavailable", "12,5", "1e400")]
    bad += [("2026-13-01T05:00:00", "1"), ("yesterday", "2"), ("", "3")]
    file = write(tmp_path / "r.csv", [*bad[:4], *good, *bad[4:]])
    said = json.loads(run(file, *METER, "--format", "json"))
    assert said["total"] == "30000.000"
    rejected = [row for row in said["readings"] if row["outcome"] == "rejected"]
    assert len(rejected) == len(bad)
    assert all(row["why"] for row in rejected)


def test_repeats_and_conflicts_are_told_apart(tmp_path: Path) -> None:
    """The first of two values for one instant stands."""
    rows = [(at(0).isoformat(), 1), (at(1).isoformat(), 2), (at(1).isoformat(), "2.0"), (at(1).isoformat(), 9)]
    said = json.loads(run(write(tmp_path / "r.csv", rows), "--max-rate", "100", "--format", "json"))
    assert [row["outcome"] for row in said["readings"]] == ["accepted", "accepted", "duplicate", "conflict"]
    assert said["total"] == "1.000"


@pytest.mark.parametrize("grain", ["segments", "15m", "1h", "1d"])
def test_every_grain_adds_up_without_gaps(grain: str, tmp_path: Path) -> None:
    """Intervals reach from the first to the last reading and sum to the total."""
    said = state(tmp_path, TEN["one false zero"], grain=grain)
    assert sum(Decimal(row["amount"]) for row in said["intervals"]) == Decimal(said["total"]) == 30_000
    assert said["intervals"][0]["starts_at"] <= z(at(0))
    starts = [datetime.fromisoformat(row["starts_at"]) for row in said["intervals"]]
    if grain in {"15m", "1h"}:
        assert {later - earlier for earlier, later in pairwise(starts)} == {starts[1] - starts[0]}


def test_acts_of_every_kind(tmp_path: Path) -> None:
    """Reset, multiplier, ignore and correction do what they declare."""
    day = clean(0)
    reset = [(when, value if n < 50 else value - STEP * 50) for n, (when, value) in enumerate(day)]
    said = state(tmp_path, Fault(reset, [{"kind": "reset", "at": z(at(50))}]))
    assert said["total"] == f"{49 * STEP + 50 * STEP}.000"
    forty = [{"kind": "multiplier", "at": z(at(50)), "value": "40"}]
    said = state(tmp_path, Fault([(when, value) for when, value in day], forty), "--max-rate", "48000")
    assert said["total"] == f"{50 * STEP + 50 * STEP * 40}.000"
    skip = [{"kind": "ignore", "from": z(at(50)), "until": z(at(52))}]
    said = state(tmp_path, Fault(replaced({50: 7, 51: 8}).readings, skip))
    assert said["total"] == "30000.000"
    mend = [{"kind": "correction", "read_at": z(at(50)), "value": str(LEVEL + 50 * STEP)}]
    said = state(tmp_path, Fault(replaced({50: 7}).readings, mend))
    assert (said["total"], set(outcomes(said).values())) == ("30000.000", {"accepted"})


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[{}]", "act 1"),
        ('[{"kind": "reset"}]', "at"),
        ('[{"kind": ["reset"], "at": "2026-05-05T00:00:00Z"}]', "act 1: no known kind"),
        ("{}", "list"),
        ("[" * 100_000, "nested too deeply"),
        ('[{"kind": "reset", "at": "noon"}]', "noon"),
    ],
)
def test_wrong_events_file_is_named(text: str, named: str, tmp_path: Path) -> None:
    """The error names the act, what is wrong and the fix."""
    (tmp_path / "e.json").write_text(text)
    file = write(tmp_path / "r.csv", [(at(0).isoformat(), 1)])
    with pytest.raises(TanfengError, match=named) as caught:
        run(file, "--events", str(tmp_path / "e.json"))
    assert caught.value.fix


def test_events_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    """Editors of some systems write one."""
    (tmp_path / "e.json").write_text("[]", "utf-8-sig")
    file = write(tmp_path / "r.csv", [(when.isoformat(), value) for when, value in clean()])
    said = json.loads(run(file, *METER, "--events", str(tmp_path / "e.json"), "--format", "json"))
    assert said["total"] == "30000.000"


def test_a_stamp_of_another_age_is_named_and_no_memory_is_filled(tmp_path: Path) -> None:
    """One clock of the year 9999 would make 280 million quarter-hours."""
    rows = [(when.isoformat(), value) for when, value in clean()]
    file = write(tmp_path / "r.csv", [*rows, ("9999-12-31T00:00:00Z", rows[-1][1] + 1)])
    with pytest.raises(TanfengError, match="to 9999-12-31T00:00:00Z: more than 60 years"):
        run(file, *METER)


def test_an_interval_of_no_time_is_refused(tmp_path: Path) -> None:
    """It would call every leg estimated."""
    file = write(tmp_path / "r.csv", [(when.isoformat(), value) for when, value in clean()])
    with pytest.raises(TanfengError, match="--interval '0s' is no time"):
        run(file, "--interval", "0s")


def test_table_says_what_to_look_at(tmp_path: Path) -> None:
    """The table names the held reading, the event and the policy, in Chinese and English."""
    fault = TEN["one false zero"]
    file = write(tmp_path / "r.csv", [(when.isoformat(), value) for when, value in fault.readings])
    said = run(file, *METER)
    assert "30000.000 kWh" in said
    assert "held" in said
    assert "合计 / total" in said
