"""docs/operations/onboarding.md, run command by command against a deployment with TLS, passwords and ACL."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from pydantic import SecretStr

from ingest.subscriber import broker_of
from services.settings import Settings
from tanfeng.doctor.certificate import shown
from tanfeng.embedded.ports import healthy
from tests import servers
from tests.acceptance.test_compose_commands import deployment
from tests.ingest_rig import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.test_compose_commands import Deployment

__all__ = ["deployment"]  # the fixture
PAGE = servers.ROOT / "docs" / "operations" / "onboarding.md"
BLOCK = re.compile(r"^```sh( docker)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


async def test_every_command_of_the_page_works_and_ends_in_the_first_figure(
    deployment: Deployment,
    tmp_path: Path,
) -> None:
    """Those for Docker are replaced: `tanfeng` is this checkout's, and Mosquitto gets its SIGHUP from here."""
    (tmp_path / "secrets").symlink_to(deployment.outside.secrets)
    await until(lambda: healthy(deployment.ingest_port) and healthy(deployment.api_port))
    blocks = [("docker" in kind, text) for kind, text in BLOCK.findall(PAGE.read_text("utf-8"))]
    stand_ins = [
        f'tanfeng() {{ {sys.executable} -m tanfeng "$@"; }}',
        f"kill -HUP {deployment.mosquitto_pid}",
    ]
    assert [is_docker for is_docker, _ in blocks].count(True) == len(stand_ins)
    script = "\n".join(stand_ins.pop(0) if is_docker else text for is_docker, text in blocks)
    doctor = deployment.outside.child("doctor")
    names = {"BROKER": deployment.broker, "API": f"http://127.0.0.1:{deployment.api_port}"}
    done = subprocess.run(  # noqa: ASYNC221 - nothing else runs on this loop
        ("bash", "-euo", "pipefail", "-c", script),
        cwd=tmp_path,
        env={**os.environ, **doctor.environment, **names, "PYTHONPATH": str(servers.ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answer, _ = json.JSONDecoder().raw_decode(done.stdout[done.stdout.index('{"scope"') :])
    assert answer["rows"], done.stdout + done.stderr
    assert {row["enterprise"] for row in answer["rows"]} == {"rubber"}
    assert sum(float(row["amount"]) for row in answer["rows"]) == 400


async def test_the_certificate_is_renewed_as_the_page_of_production_says(deployment: Deployment) -> None:
    """Mosquitto shows the new one to whoever connects next, and did not restart."""
    here = broker_of(Settings(broker_url=SecretStr(f"mqtts://{deployment.broker}"), broker_ca=deployment.authority))
    before, refusal = await shown(here)
    assert refusal == ""
    page = PAGE.with_name("production.md").read_text("utf-8")
    (block,) = [text for _, text in BLOCK.findall(page) if "new.csr" in text]
    lines = [line for line in block.splitlines() if "docker" not in line]
    assert len(lines) == len(block.splitlines()) - 1
    words = ("bash", "-euo", "pipefail", "-c", "\n".join(lines))
    folder = deployment.outside.secrets.parent
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)  # noqa: ASYNC221 - as above
    assert "new.crt: OK" in done.stdout, done.stderr
    os.kill(deployment.mosquitto_pid, signal.SIGHUP)

    async def is_new() -> bool:
        return (await shown(here))[0] != before

    await until(is_new)
