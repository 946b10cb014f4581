"""The broker's files: who gets a password and a client id, who keeps them, and what a renewal replaces."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from services.errors import TanfengError
from tanfeng.broker_access import write_broker_files

if TYPE_CHECKING:
    from pathlib import Path

ID = re.compile(r"steel-[A-Za-z0-9_-]{22}\n")


def issued(folder: Path) -> tuple[str, str, str]:
    """The password, the client id and the password file of steel."""
    credentials = folder / "credentials"
    line = next(each for each in (folder / "passwords").read_text().splitlines() if each.startswith("steel:"))
    return (credentials / "steel").read_text(), (credentials / "steel.client-id").read_text(), line


def test_a_new_enterprise_gets_a_password_and_a_client_id_that_others_cannot_guess(tmp_path: Path) -> None:
    """128 random bits behind its code, in a file that only its owner reads; writing again changes nothing."""
    write_broker_files(tmp_path, ["steel", "tyre"], {})
    before = issued(tmp_path)
    assert ID.fullmatch(before[1])
    assert (tmp_path / "credentials" / "steel.client-id").stat().st_mode & 0o077 == 0
    assert write_broker_files(tmp_path, ["steel", "tyre"], {}) == []
    assert issued(tmp_path) == before


def test_a_renewal_replaces_password_id_and_hash_of_that_enterprise_alone(tmp_path: Path) -> None:
    """The others keep theirs, and the program says what it did without the secrets."""
    write_broker_files(tmp_path, ["steel", "tyre"], {})
    before, other = issued(tmp_path), (tmp_path / "credentials" / "tyre").read_text()
    (said,) = write_broker_files(tmp_path, ["steel", "tyre"], {}, ["steel"])
    after = issued(tmp_path)
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert after[0].strip() not in said
    assert (tmp_path / "credentials" / "tyre").read_text() == other


def test_renewing_somebody_who_is_no_enterprise_changes_nothing(tmp_path: Path) -> None:
    """A misspelt code is an error, not a new user."""
    with pytest.raises(TanfengError, match="there is no enterprise stel"):
        write_broker_files(tmp_path, ["steel"], {}, ["stel"])
    assert list(tmp_path.iterdir()) == []
