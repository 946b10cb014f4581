"""`tanfeng doctor` beside a running `tanfeng up`: it finds the stack by its state folder."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from typing import Any

from tests import servers
from tests.acceptance.test_up import Up, eventually


def doctor(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, without any setting."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("TANFENG_")}
    command = (sys.executable, "-m", "tanfeng", "doctor", *arguments)
    return subprocess.run(command, env=clean, capture_output=True, text=True, check=False, cwd=servers.ROOT)


def found(folder: str) -> dict[str, dict[str, Any]]:
    """Findings by check."""
    return {each["check"]: each for each in json.loads(doctor("--state", folder, "--json").stdout)}


def test_it_finds_a_running_stack_well_and_a_stopped_one_not_at_all() -> None:
    """Nothing is given but the folder; the settings it reads are closed to others."""
    with servers.scratch("up") as folder, Up(folder, mosquitto=servers.mosquitto_program()) as up:
        state = folder / "state"
        up.ready()
        eventually(lambda: found(str(state))["evaluate"]["level"] == "ok", up.said)
        eventually(lambda: found(str(state))["maintenance"]["level"] == "ok", up.said)
        checks = found(str(state))
        ill = {check for check, each in checks.items() if each["level"] != "ok"}
        assert ill <= {"disk"}, [checks[check] for check in ill]  # growth needs a day of ingest
        assert {"mosquitto.conf", "queue", "api", "schema", "ingest", "clock"} <= set(checks)
        assert stat.S_IMODE((state / "settings.json").stat().st_mode) == 0o600
        assert doctor("--state", str(state)).returncode == 0
        assert up.stop() == 0
        done = doctor("--state", str(state))
        assert (done.returncode, "no tanfeng up runs" in done.stderr) == (2, True)
