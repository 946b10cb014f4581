"""The table of speed says what was measured, and never that something was reached which was not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.table import BENCHMARKS, lines_of, main
from tests.servers import ROOT

if TYPE_CHECKING:
    from pathlib import Path

DRAINS = [{"messages_s": 20_000.0, "readings_s": 300_000.0}] * 5


def test_a_line_names_aim_figure_and_whether_it_is_enough() -> None:
    """One drain above its aim and one below."""
    found = {"drains": DRAINS, "ratios": {"single_to_bare_consumer": 1.97, "gateway_to_bare_copy": 0.499}}
    single, gateway = lines_of("ingest", found)
    assert single.endswith("acknowledged | ≥ 0.7 of a bare paho consumer | 1.97 times; 20,000 messages/s | yes |")
    assert gateway.endswith("50 readings | ≥ 0.5 of a bare COPY | 0.499 times; 300,000 readings/s | NO |")


@pytest.mark.parametrize(
    ("name", "found", "reached"),
    [
        ("visible", {"p50_s": 0.05, "p99_s": 1.01, "max_s": 2.0}, "NO"),
        ("alerts", {"max_s": 5.0, "seconds": {"PueHigh": [5.0]}}, "yes"),
        ("panels", {"queries": [{"p95_ms": 20.0}, {"p95_ms": 100.1}]}, "NO"),
        ("columnstore", [{"after_bytes": 3.9}, {"after_bytes": 4.1}], "NO"),
        ("scale", {"ratios": {"a": 1.0, "b": 1.3}, "costs": []}, "NO"),
        ("overload", {"rss_most_mb": 134.0, "times": 11.9}, "yes"),
    ],
)
def test_each_row_is_held_to_its_worst_figure(name: str, found: object, reached: str) -> None:
    """At the aim is reached, beyond it is not."""
    (line,) = lines_of(name, found)
    assert line.endswith(f"| {reached} |")


def test_what_could_not_run_is_not_reached() -> None:
    """No node, no figures: no yes."""
    assert lines_of("columnstore", None) == ["| a raw reading in the columnstore | ≤ 4 B | could not run | |"]


def test_every_row_is_a_benchmark_that_writes_its_figures() -> None:
    """Each is a module here that takes --json."""
    for name in BENCHMARKS:
        assert '"--json"' in (ROOT / "benchmarks" / f"{name}.py").read_text("utf-8")


def test_an_unknown_row_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """With those that there are, before anything runs."""
    with pytest.raises(SystemExit):
        main(["speed", "--folder", str(tmp_path)])
    assert "no such row: speed; there are ingest, visible" in capsys.readouterr().err
