"""Files made to break their reader: each ends in one clear error within a second, in every reader."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from services.alerts.file import read_rules, shipped
from services.declared import yaml_bounds
from services.declared.yaml_file import parse_yaml

if TYPE_CHECKING:
    from pathlib import Path

LEVELS = 9
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, LEVELS)
)
HOSTILE: Final = {
    "brackets": ("[" * 100_000, "nested deeper"),
    "braces": ("{a: " * 100_000, "nested deeper"),
    "dashes": ("- " * 100_000, "nested deeper"),
    "a bomb of aliases": (BOMB, "aliases repeat more"),
    "a bomb of merges": (
        "a0: &a0 {k0: v}\n"
        + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 99)}], k{n}: v}}\n" for n in range(1, LEVELS)),
        "aliases repeat more",
    ),
    "a chain of aliases": (
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 600)),
        "nested deeper",
    ),
    "an alias of what it stands in": ("a: &a [*a, *a, *a]\n", "contains itself"),
}
READERS: Final = {
    "registry": (
        "from pathlib import Path; from services.errors import TanfengError\n"
        "from services.registry.offline import read_offline\n"
        "def read(file):\n"
        "    try:\n        read_offline(Path(file)); return []\n"
        "    except TanfengError as problem:\n        return [str(problem)]\n"
    ),
    "budgets": (
        "from services.budgets.file import read_budgets; from services.budgets.model import Known\n"
        "known = Known('d', frozenset(), {}, {}, frozenset())\n"
        "def read(file): return [str(each) for each in read_budgets(open(file).read(), known)[1]]\n"
    ),
    "rules": (
        "from services.alerts.file import read_rules\n"
        "def read(file): return [str(each) for each in read_rules(open(file).read())[1]]\n"
    ),
}
"""Programs of their own: a stack that overflows ends the process, a bomb its memory."""
TIMED = """
import resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
began = time.process_time()
said = read(sys.argv[1])
print(time.process_time() - began)
print(*said, sep="\\n")
"""


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_one_error_within_a_second(name: str, reader: str, tmp_path: Path) -> None:
    """No hang, no overflow, no gigabyte: the line, what is wrong, and nothing else."""
    text, words = HOSTILE[name]
    file = tmp_path / "hostile.yaml"
    file.write_text(text)
    command = (sys.executable, "-c", READERS[reader] + TIMED, str(file))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    took_s, *said = done.stdout.splitlines()
    assert float(took_s) < 1
    assert len(said) == 1
    assert words in said[0]


def test_what_honest_files_repeat_is_within_the_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bounds count what aliases repeat, neither more nor less."""
    text = "x: &x {a: [1, 2], b: 3}\ny: *x\nz: {<<: *x}\n"
    assert parse_yaml(text)[1] == []
    monkeypatch.setattr(yaml_bounds, "MOST_REPEATED", 14)  # keys and values: 7 each time
    assert parse_yaml(text)[1] == []
    monkeypatch.setattr(yaml_bounds, "MOST_REPEATED", 13)
    (problem,) = parse_yaml(text)[1]
    assert (problem.line, "repeat more" in problem.what) == (3, True)
    assert read_rules(shipped())[1] == []
