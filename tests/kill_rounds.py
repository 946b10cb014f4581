"""`scripts/kill-test`: rounds of kill -9 in stretches of ten, counted in a file, so that they can go on after any end.

Without --seed it goes on with what is unfinished, else begins anew. A stretch's own seed is the seed plus the rounds
done before it: a stretch that failed is tried again exactly by going on.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT: Final = Path(__file__).parents[1]
STATE: Final = ROOT / ".local" / "kill-test"
STRETCH: Final = 10
TESTS: Final = {
    "ingest": "tests/acceptance/test_kill.py::test_kill_9_of_ingest_loses_and_doubles_nothing",
    "postgres": "tests/acceptance/test_kill.py::test_kill_9_of_postgresql_loses_and_doubles_nothing",
    "broker": "tests/acceptance/test_kill.py::test_kill_9_of_the_broker_costs_no_energy",
    "up": "tests/acceptance/test_kill_up.py::test_kill_9_of_everything_at_once_loses_and_doubles_nothing",
}


@dataclass
class Count:
    """How far the rounds of one seed have come."""

    what: str
    seed: int
    done: int = 0
    seconds: float = 0.0


def begun(folder: Path, what: str, seed: int | None, rounds: int) -> Count:
    """What is to go on: of this seed, or without one the latest that has fewer rounds than wanted; else a new one."""
    files = sorted(folder.glob(f"{what}-*.json"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    counts = [Count(**json.loads(file.read_text())) for file in files]
    if seed is not None:
        return next((each for each in counts if each.seed == seed), Count(what, seed))
    return next((each for each in counts if each.done < rounds), Count(what, secrets.randbelow(10**6)))


def keep(folder: Path, count: Count) -> None:
    """Write the count down, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{count.what}-{count.seed}.json"
    new = file.with_suffix(".new")
    new.write_text(json.dumps(asdict(count)) + "\n")
    new.replace(file)


def go_on(folder: Path, count: Count, rounds: int, run: Callable[[str, int, int], bool]) -> bool:
    """Stretch after stretch until so many rounds are done; False at the first that fails."""
    keep(folder, count)
    while count.done < rounds:
        stretch, started = min(STRETCH, rounds - count.done), time.monotonic()
        if not run(count.what, stretch, count.seed + count.done):
            return False
        count.done += stretch
        count.seconds = round(count.seconds + time.monotonic() - started, 1)
        keep(folder, count)
        sys.stdout.write(f"kill-test: {count.what}, seed {count.seed}: {count.done} of {rounds} rounds\n")
        sys.stdout.flush()
    return True


def run_stretch(what: str, rounds: int, seed: int) -> bool:
    """Run the test of so many rounds; whether it passed."""
    env = os.environ | {
        "TANFENG_KILL_ROUNDS": str(rounds),
        "TANFENG_KILL_UP_ROUNDS": str(rounds),
        "TANFENG_KILL_SEED": str(seed),
    }
    command = (sys.executable, "-m", "pytest", "-q", "-n0", TESTS[what])
    return subprocess.run(command, cwd=ROOT, env=env, check=False).returncode == 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse and run."""
    parser = argparse.ArgumentParser(prog="scripts/kill-test", description=__doc__)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--what", choices=sorted(TESTS), default="ingest")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--state", type=Path, default=STATE, help="where the counts are kept")
    options = parser.parse_args(arguments)
    count = begun(options.state, options.what, options.seed, options.rounds)
    passed = go_on(options.state, count, options.rounds, run_stretch)
    words = "nothing lost or doubled" if passed else "FAILED; run it again to repeat these rounds"
    where = f"{count.done} of {options.rounds} rounds in {count.seconds:.0f} s"
    sys.stdout.write(f"kill-test: {count.what}, seed {count.seed}: {where}: {words}\n")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
