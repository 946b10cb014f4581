"""`tanfeng up` as a person runs it: starts, survives kills, stops cleanly, refuses what is unsafe."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Self

import asyncpg
import psutil
import pytest

from tanfeng.embedded.ports import answers, free_port
from tanfeng.embedded.postgres import PostgresServer
from tanfeng.embedded.stack import PREFERRED_PORTS
from tests import servers
from tests.unit.test_registry_file import HEAD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DEADLINE_S = 90.0
READY = "all ready"


def eventually(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    """Wait until it holds; fail after a while with what was said."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.02)


class Up:
    """A running `tanfeng up` on a state folder."""

    def __init__(self, folder: Path, *arguments: str, mosquitto: Path | None = None) -> None:
        self.folder = folder
        self.output = folder / "output"
        self.since = time.monotonic()
        _own_ports(folder / "state")
        with self.output.open("wb") as out:
            command = (sys.executable, "-m", "tanfeng", "up", "--state", str(folder / "state"), *arguments)
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=_environment(mosquitto))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it if the test has not."""
        if self.process.poll() is None:
            self.stop()

    def said(self) -> str:
        """All it has written."""
        return self.output.read_text(errors="replace")

    def ready(self) -> Self:
        """Wait until everything runs."""
        eventually(lambda: READY in self.said() or self.process.poll() is not None, self.said)
        assert READY in self.said(), self.said()
        return self

    def children(self) -> list[psutil.Process]:
        """Every process below it."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, word: str) -> psutil.Process | None:
        """The process of ours whose command has the word."""
        return next((child for child in self.children() if word in _arguments(child)), None)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop it; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)

    def port(self, name: str) -> int:
        """The port of a part."""
        return int(json.loads((self.folder / "state" / "ports.json").read_text())[name])

    def dsn(self) -> str:
        """Its database, as owner."""
        secret = json.loads((self.folder / "state" / "secrets.json").read_text())["postgres"]
        return PostgresServer(self.folder / "state" / "postgres", self.port("postgres"), secret).dsn()


def _own_ports(state: Path) -> None:
    """Ports of the test's own, lest a `tanfeng up` beside it wants the usual ones."""
    if not state.exists():
        state.mkdir()
        (state / "ports.json").write_text(json.dumps({name: free_port() for name in PREFERRED_PORTS}))


def _environment(mosquitto: Path | None) -> dict[str, str]:
    path = os.environ["PATH"]
    return {**os.environ, "PATH": f"{mosquitto.parent}{os.pathsep}{path}" if mosquitto else path}


def _arguments(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def all_gone(processes: list[psutil.Process]) -> bool:
    """Whether none of them runs any more."""
    return not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in processes)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for state and output."""
    with servers.scratch("up") as made:
        yield made


async def _value(dsn: str, statement: str) -> object:
    con = await asyncpg.connect(dsn)
    try:
        return await con.fetchval(statement)
    finally:
        await con.close()


async def test_state_survives_kill_9_of_everything(folder: Path) -> None:
    """After kill -9 of `tanfeng up` nothing of it runs on; the next start finds the data on the same ports."""
    mosquitto = servers.mosquitto_program()
    with Up(folder, mosquitto=mosquitto).ready() as first:
        assert "mosquitto mqtt://" in first.said()
        await _value(first.dsn(), "CREATE TABLE kept AS SELECT 42 AS n")
        port, children = first.port("postgres"), first.children()
        first.process.kill()
        first.process.wait()
        eventually(lambda: all_gone(children), lambda: f"still there: {children}")
    with Up(folder, mosquitto=mosquitto).ready() as second:
        assert await _value(second.dsn(), "SELECT n FROM kept") == 42
        assert second.port("postgres") == port


def test_stop_is_clean_and_leaves_no_process(folder: Path) -> None:
    """SIGINT ends all of it in order with exit code 0."""
    with Up(folder).ready() as up:
        children = up.children()
        assert len(children) > 3
        assert up.stop(signal.SIGINT) == 0
        assert all_gone(children)
    assert "database system is shut down" in (folder / "state" / "logs" / "postgres.log").read_text()


@pytest.mark.parametrize("name", ["ingest", "postgres"])
def test_a_killed_part_comes_back(folder: Path, name: str) -> None:
    """Kill -9 of a part: it runs again on its port, and a person is told."""
    with Up(folder).ready() as up:
        word = "ingest" if name == "ingest" else str(folder / "state" / "postgres" / "data")
        victim = up.child(word)
        assert victim is not None
        victim.kill()
        eventually(lambda: f"{name} 已恢复 runs again" in up.said(), up.said)
        assert up.child(word) != victim
        assert answers(up.port(name))
        assert up.stop() == 0


def test_the_warnings_about_a_registry_file_are_said_as_registry_apply_says_them(folder: Path) -> None:
    """A register of unknown max_rate is taken, and what cannot be judged without it is told with its line."""
    file = folder / "district.yaml"
    register = "carrier: electricity, kind: total_increasing, unit: kWh, resolution: 0.01, max_rate: unknown"
    file.write_text(f"{HEAD}              import: {{{register}}}\n", "utf-8")
    with Up(folder, "--registry", str(file)) as up:
        said = up.ready().said()
        assert f"{file}:16: warning: " in said
        assert "max_rate" in said
        assert up.stop() == 0


def test_stop_while_starting_is_clean(folder: Path) -> None:
    """A signal before everything is ready gives up the start and leaves nothing."""
    with Up(folder) as up:
        eventually(lambda: "database ready" in up.said(), up.said)
        children = up.children()
        assert up.stop() == 0
        assert all_gone(children)
        assert READY not in up.said()


def test_two_cannot_share_a_state_folder(folder: Path) -> None:
    """The second says so in one line and ends with 2; the first runs on."""
    with Up(folder) as first:
        eventually(lambda: (folder / "state" / "lock").exists() and first.child("-D") is not None, first.said)
        command = (sys.executable, "-m", "tanfeng", "up", "--state", str(folder / "state"))
        second = subprocess.run(command, capture_output=True, text=True, check=False)
        assert second.returncode == 2
        assert "in use by another tanfeng up" in second.stderr
        assert first.process.poll() is None


def test_a_bind_beyond_loopback_without_passwords_is_refused(folder: Path) -> None:
    """It ends with 2 before any broker listens, and names the option to give."""
    with Up(folder, "--broker-host", "0.0.0.0") as up:  # noqa: S104 - what is refused
        assert up.process.wait(DEADLINE_S) == 2
    assert "beyond this machine, without passwords" in up.said()


@pytest.mark.slow
@pytest.mark.alone
def test_demo_shows_figures_within_a_minute_and_sums_up(folder: Path) -> None:
    """The example district: figures within 60 s of process start; the last line has kWh and CO₂; exit code 0."""
    with Up(folder, "--demo", "--plain", "--for", "15s") as up:
        eventually(lambda: _figure(up.said()) > 0, up.said)
        assert time.monotonic() - up.since < 60
        assert up.process.wait(DEADLINE_S) == 0, up.said()
    last = up.said().strip().splitlines()[-1]
    assert _figure(last) > 0, up.said()
    assert "CO₂" in last


@pytest.mark.slow
def test_demo_warns_of_pue_a_budget_and_a_held_reading_and_again_after_a_restart(folder: Path) -> None:
    """Within 180 s, each in Chinese with English beside it; the second start finds them still open."""
    wanted = [
        ("PueHigh", "限值 1.5。先查制冷", "limit 1.5. Check cooling"),
        ("BudgetExceeded", "已达预算的 100 %", "100 % of the budget"),
        ("ReadingHeld", "读数存疑，未入账", "nothing is booked"),
    ]
    for _ in range(2):
        with Up(folder, "--demo", "--plain") as up:
            eventually(partial(warns, up, [rule for rule, *_ in wanted]), up.said)
            assert time.monotonic() - up.since < 180
            ratios = re.findall(r" PueHigh · .*PUE (\d\.\d+)", up.said())  # they follow the weather and the hour
            assert {float(each) > 1.5 for each in ratios} == {True}, up.said()
            for rule, chinese, english in wanted:
                lines = [line for line in up.said().splitlines() if f" {rule} · " in line]
                assert any("预警" in line and chinese in line for line in lines), up.said()
                assert any("预警" not in line and english in line for line in lines), up.said()
            assert up.stop() == 0


def warns(up: Up, rules: list[str]) -> bool:
    """Whether it has told of a warning of each rule, with its colour and in both languages."""
    said = up.said()
    return all(re.search(rf"^[红黄蓝] 预警 {rule} · .*\n\w+ {rule} · .*\n", said, re.MULTILINE) for rule in rules)


def _figure(text: str) -> float:
    """The last energy said, in kWh; 0 before the first."""
    found = re.findall(r"([\d,]+(?:\.\d+)?) kWh", text)
    return float(found[-1].replace(",", "")) if found else 0.0
