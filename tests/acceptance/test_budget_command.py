"""`tanfeng budget` from the shipped example: check, enter, report figures by hand, show; and every fault told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
BUDGETS = str(ROOT / "examples" / "budgets.yaml")


@pytest.fixture
def tanfeng(database: str) -> Callable[..., tuple[int, str]]:
    """Runs a command on a database with the example district; gives exit code and all output."""

    def run(*arguments: str) -> tuple[int, str]:
        command = (sys.executable, "-m", "tanfeng", *arguments, "--dsn", database)
        environment = {"COLUMNS": "200", "PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8"}  # noqa: S108
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    assert run("registry", "apply", str(ROOT / "examples" / "district.yaml"), "--yes")[0] == 0
    return run


def test_the_example_is_checked_entered_once_and_shown_with_every_plant(
    tanfeng: Callable[..., tuple[int, str]],
) -> None:
    """Without --yes nothing is written; entering again changes nothing; nothing booked is unknown, never green."""
    for arguments, expected in (
        (("apply", BUDGETS), "将变更 8 项"),
        (("apply", BUDGETS, "--yes", "--as", "li"), "已写入 8 项"),
        (("apply", BUDGETS, "--yes", "--as", "wang"), "没有变更"),
    ):
        code, output = tanfeng("budget", *arguments)
        assert (code, expected in output) == (0, True), output
    code, output = tanfeng("budget", "figure", "tyre-plant", "diesel", "2026-01", "31.5", "t", "--source", "月报")
    assert (code, "已填报" in output) == (0, True), output
    code, output = tanfeng("budget", "list")
    assert (code, "31,500 kg" in output, "八·2" in output) == (0, True, True), output
    code, output = tanfeng("budget", "show", "cap-refined-oil-2026", "--at", "2026-03-05T00:00:00+08:00")
    assert code == 0, output
    for words in (
        "数据不足",
        "能耗晴雨表",
        "至少 at least 31.5",
        "缺月度填报",
        "tyre-plant",
        "further sites are neither metered nor reported",
    ):
        assert words in output, output
    assert "绿色" not in output
    assert "civic-centre" not in output


def test_a_fault_is_told_with_file_line_and_fix_and_nothing_is_entered(
    tanfeng: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    """One budget of two is wrong: neither is entered."""
    file = tmp_path / "wrong.yaml"
    file.write_text(Path(BUDGETS).read_text("utf-8").replace("enterprise: tyre", "enterprise: tire"), "utf-8")
    code, output = tanfeng("budget", "apply", str(file), "--yes")
    assert code == 2
    assert "there is no enterprise 'tire'" in output
    assert "没有预算" in tanfeng("budget", "list")[1]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("show", "nothing"), "no budget 'nothing'"),
        (("show", "--at", "yesterday"), "no instant"),
        (("figure", "nowhere", "diesel", "2026-01", "1", "t", "--source", "x"), "no site 'nowhere'"),
        (("figure", "tyre-plant", "diesel", "January", "1", "t", "--source", "x"), "no month"),
        (("figure", "tyre-plant", "diesel", "2026-01", "much", "t", "--source", "x"), "no number"),
        (("figure", "tyre-plant", "diesel", "2026-01", "0.0000001", "t", "--source", "x"), "no amount"),
    ],
)
def test_what_cannot_be_is_refused_with_a_fix(
    tanfeng: Callable[..., tuple[int, str]], arguments: tuple[str, ...], expected: str
) -> None:
    """Exit code 2 and one line."""
    code, output = tanfeng("budget", *arguments)
    assert (code, expected in output, "Traceback" in output) == (2, True, False), output
