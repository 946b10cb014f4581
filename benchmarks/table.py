"""The table of speed, row by row: what is wanted, what this machine does, and whether that is enough.

    .venv/bin/python -m benchmarks.table [--quick] [--folder DIR] [--json FILE] [ROW …]

Runs one benchmark after the other, each a process with servers of its own, and prints a Markdown table with the
machine's cores, memory and load; --json writes all figures of all benchmarks. --quick takes small sizes and some
minutes: it shows that all of it runs, its figures are not those of the table. Each benchmark's own output goes to a
file in DIR (default build/benchmarks). Rows: ingest, visible, alerts, panels, columnstore, scale, overload. Ends with 1
where a row could not run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT: Final = Path(__file__).parents[1]
PANEL_MS: Final = 100.0


@dataclass(frozen=True)
class Line:
    """One line of the table; a benchmark may have several."""

    what: str
    aim: str
    unit: str
    value: Callable[[Any], float]
    """Of the benchmark's JSON."""
    limit: float
    beside: Callable[[Any], str] = lambda _: ""
    at_least: bool = False
    """Whether the limit is the least that is enough; else the most."""

    def is_reached(self, value: float) -> bool:
        """Whether this value is enough."""
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True)
class Benchmark:
    """A module here, its arguments in full and small, and the lines it gives."""

    full: tuple[str, ...]
    quick: tuple[str, ...]
    lines: tuple[Line, ...]


def _drained(place: int, unit: str) -> Callable[[Any], str]:
    """The rate of one drain of `benchmarks.ingest`."""
    return lambda found: f"{found['drains'][place][f'{unit}_s']:,.0f} {unit}/s"


def _slow_panels(found: Any) -> str:  # noqa: ANN401 - JSON
    fast = sum(each["p95_ms"] <= PANEL_MS for each in found["queries"])
    return f"{fast} of {len(found['queries'])} queries within it"


BENCHMARKS: Final = {
    "ingest": Benchmark(
        ("--messages", "2000000"),
        ("--messages", "50000", "--registers", "100"),
        (
            Line(
                "one reading a QoS 1 message, committed and acknowledged", "≥ 0.7 of a bare paho consumer", "times",
                lambda found: found["ratios"]["single_to_bare_consumer"], 0.7,
                _drained(1, "messages"), at_least=True,
            ),
            Line(
                "gateway messages of 50 readings", "≥ 0.5 of a bare COPY", "times",
                lambda found: found["ratios"]["gateway_to_bare_copy"], 0.5,
                _drained(3, "readings"), at_least=True,
            ),
        ),
    ),
    "visible": Benchmark(
        (), ("--seconds", "5", "--registers", "100"),
        (
            Line(
                "publish → CO₂ visible at 2,000 messages/s", "p99 ≤ 1 s", "s",
                lambda found: found["p99_s"], 1,
                lambda found: f"p50 {found['p50_s']:.3f} s, max {found['max_s']:.3f} s",
            ),
        ),
    ),
    "alerts": Benchmark(
        (), ("--seconds", "10", "--registers", "100"),
        (
            Line(
                "end of a rule's duration, by the commit → alert row", "≤ 5 s", "s",
                lambda found: found["max_s"], 5,
                lambda found: f"{sum(map(len, found['seconds'].values()))} warnings",
            ),
        ),
    ),
    "panels": Benchmark(
        (), ("--registers", "50", "--days", "40", "--runs", "3"),
        (
            Line(
                "a panel over one year of 1,000 registers", "p95 ≤ 100 ms", "ms",
                lambda found: max(each["p95_ms"] for each in found["queries"]), PANEL_MS, _slow_panels,
            ),
        ),
    ),
    "columnstore": Benchmark(
        ("--shipped",), ("--shipped", "--registers", "60"),
        (
            Line(
                "a raw reading in the columnstore", "≤ 4 B", "B",
                lambda found: max(each["after_bytes"] for each in found), 4,
            ),
        ),
    ),
    "scale": Benchmark(
        (), ("100", "1000", "--messages", "20000"),
        (
            Line(
                "cost a reading, the most against the fewest registers", "≤ 1.2 times", "times",
                lambda found: list(found["ratios"].values())[-1], 1.2,
                lambda found: ", ".join(f"{each['registers']:,}: {_whole_us(each):.1f} µs" for each in found["costs"]),
            ),
        ),
    ),
    "overload": Benchmark(
        ("--times", "25"), ("--minutes", "0.5"),
        (
            Line(
                "memory of a worker at ten times overload for ten minutes", "≤ 300 MB", "MB",
                lambda found: found["rss_most_mb"], 300,
                lambda found: f"at {found['times']} times",
            ),
        ),
    ),
}  # fmt: skip
"""By the name of the module; the only home of the aims."""


def _whole_us(cost: Any) -> float:  # noqa: ANN401 - JSON
    return cost["worker_us"] + cost["broker_us"] + cost["database_us"]  # type: ignore[no-any-return]


def measured(name: str, *, quick: bool, folder: Path) -> Any:  # noqa: ANN401 - JSON
    """Run one benchmark; its figures, or None where it could not run. What it says goes to a file in the folder."""
    bench, figures = BENCHMARKS[name], folder / f"{name}.json"
    figures.unlink(missing_ok=True)
    arguments = bench.quick if quick else bench.full
    command = (sys.executable, "-m", f"benchmarks.{name}", *arguments, "--json", str(figures))
    with (folder / f"{name}.txt").open("wb") as said:
        subprocess.run(command, cwd=ROOT, stdout=said, stderr=said, check=False)
    return json.loads(figures.read_text("utf-8")) if figures.exists() else None


def lines_of(name: str, found: Any) -> list[str]:  # noqa: ANN401 - JSON
    """The lines of one benchmark's figures."""
    if found is None:
        return [f"| {line.what} | {line.aim} | could not run | |" for line in BENCHMARKS[name].lines]
    told = []
    for line in BENCHMARKS[name].lines:
        value = line.value(found)
        shown = "; ".join(filter(None, (f"{value:.3g} {line.unit}", line.beside(found))))
        told.append(f"| {line.what} | {line.aim} | {shown} | {'yes' if line.is_reached(value) else 'NO'} |")
    return told


def machine() -> dict[str, Any]:
    """What it is measured on."""
    memory = psutil.virtual_memory().total / 2**30
    return {
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "load": round(os.getloadavg()[0], 2),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="default: all")
    parser.add_argument("--quick", action="store_true", help="small sizes: whether it runs, not how fast")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "benchmarks")
    parser.add_argument("--json", type=Path, help="write all figures here too")
    options = parser.parse_args(arguments)
    rows = options.rows or list(BENCHMARKS)
    if wrong := set(rows) - BENCHMARKS.keys():
        parser.error(f"no such row: {', '.join(sorted(wrong))}; there are {', '.join(BENCHMARKS)}")
    options.folder.mkdir(parents=True, exist_ok=True)
    on = machine()
    small = "; small sizes" if options.quick else ""
    print(f"{on['at']}, {on['cores']} cores, {on['memory_gib']} GiB, load average {on['load']} before{small}\n")
    print("| what | aim | measured | reached |\n| --- | --- | --- | --- |", flush=True)
    found = {}
    for name in rows:
        found[name] = measured(name, quick=options.quick, folder=options.folder)
        print("\n".join(lines_of(name, found[name])), flush=True)
    if options.json:
        options.json.write_text(json.dumps({"machine": on, "quick": options.quick, "figures": found}, indent=1))
    return 1 if None in found.values() else 0


if __name__ == "__main__":
    sys.exit(main())
