"""`scripts/audit`: licences of the lock are judged offline, and what cannot be looked up is said."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import util
from typing import TYPE_CHECKING

import pytest

from tests.servers import ROOT

if TYPE_CHECKING:
    from pathlib import Path

AUDIT = ROOT / "scripts" / "audit"
_SPEC = util.spec_from_file_location("licences", ROOT / "scripts" / "licences.py")
assert _SPEC is not None
assert _SPEC.loader is not None
licences = util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(licences)


def test_every_package_of_the_lock_has_a_licence_agreed_to() -> None:
    """As installed, version by version."""
    done = subprocess.run((AUDIT, "--licences"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "asyncpg" in done.stdout
    assert ", 0 not agreed to" in done.stdout


@pytest.mark.parametrize(
    ("said", "is_agreed"),
    [
        ("MIT", True),
        ("Apache 2.0", True),
        ("Apache Software License", True),
        ("EPL-2.0 OR BSD-3-Clause", True),
        ("Apache-2.0 AND BSD-2-Clause", True),
        ("MIT AND (GPL-3.0-only)", False),
        ("GPL-3.0-or-later", False),
        ("GNU Affero General Public License v3", False),
        ("MIT-like, but not for profit", False),
        ("Proprietary", False),
        ("", False),
    ],
)
def test_a_choice_is_enough_and_a_condition_is_not_overlooked(said: str, is_agreed: bool) -> None:  # noqa: FBT001
    """OR leaves a choice, AND does not; a name that is not known is not agreed to."""
    assert licences.agreed(said) is is_agreed


@pytest.mark.parametrize(
    ("pinned", "words"),
    [("tanfeng-nothing==1.0", "not installed"), ("asyncpg==0.0.1", "the lock has 0.0.1")],
)
def test_what_is_not_installed_is_not_judged_well(pinned: str, words: str, tmp_path: Path) -> None:
    """A missing package, or another version, fails the audit and is named."""
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"{pinned} \\\n    --hash=sha256:0\n")
    command = (sys.executable, ROOT / "scripts" / "licences.py", lock)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert words in done.stderr


@pytest.mark.parametrize(
    ("said", "code", "ends"),
    [
        ("connection refused", 1, 3),
        ("No known vulnerabilities found\nrich  Dependency not found on PyPI and could not be audited", 0, 3),
        ("Found 1 known vulnerability in 1 package", 1, 1),
        ("No known vulnerabilities found", 0, 0),
    ],
)
def test_faults_that_were_not_looked_up_are_not_called_none(said: str, code: int, ends: int, tmp_path: Path) -> None:
    """Nothing found is another thing than nothing sought: without its database the audit does not end well."""
    failing = tmp_path / "pip-audit"
    failing.write_text(f"#!/bin/sh\necho '{said}'\nexit {code}\n")
    failing.chmod(0o755)
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run((AUDIT,), capture_output=True, text=True, check=False, env=env)
    assert done.returncode == ends
    assert ("NOT looked up" in done.stderr) is (ends == 3)
