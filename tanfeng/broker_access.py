"""Mosquitto's password and ACL files: who may publish what, written from the registry's enterprises."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from services.errors import TanfengError
from tanfeng.embedded.broker import hashed
from tanfeng.embedded.state import write_private

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

RIGHTS: Final[Mapping[str, tuple[str, ...]]] = {
    "tanfeng-ingest": (
        "read keu/v1/#",
        "write keu/v1/barrier",
        "readwrite tanfeng-doctor/v1/probe",
        "read keu-simulator/v1/faults",
        "read $SYS/#",
    ),
    "tanfeng-evaluate": ("write keu/v1/+/alerts",),
    "tanfeng-simulators": ("write keu/v1/#", "readwrite keu-simulator/v1/faults"),
}
"""Users of our own programs: ingest reads all, the evaluator publishes alerts, a demo's fleet its readings."""


def acl(enterprises: Sequence[str], programs: Sequence[str]) -> str:
    """Mosquitto's `acl_file`: an enterprise publishes under its own code and reads its own alerts, nothing else."""
    rights = {user: RIGHTS[user] for user in programs} | {code: _rights(code) for code in enterprises}
    return "\n".join(
        f"user {user}\n" + "".join(f"topic {topic}\n" for topic in topics) for user, topics in rights.items()
    )


def _rights(code: str) -> tuple[str, ...]:
    writes = (f"{code}/readings", f"{code}/+/readings", f"{code}/+/status")
    return *(f"write keu/v1/{topic}" for topic in writes), f"read keu/v1/{code}/alerts"


def write_broker_files(
    folder: Path, enterprises: Sequence[str], programs: Mapping[str, str], renewed: Collection[str] = ()
) -> list[str]:
    """Write `passwords`, `acl` and for each new enterprise `credentials/CODE`; gives what changed, without secrets.

    Beside the password, `credentials/CODE.client-id` has an id for its gateways that nobody else can guess. Programs
    that are not named keep what the file has of them; enterprises `renewed` get a new password and id.

    Raises:
        TanfengError: A program is none of `RIGHTS` or has an enterprise's code, or what is renewed is no enterprise.
    """
    if strangers := sorted(set(renewed) - set(enterprises)):
        raise TanfengError(f"there is no enterprise {', '.join(strangers)}", "see `tanfeng registry` for the codes")
    unknown = sorted(set(programs) - set(RIGHTS))
    if unknown or set(RIGHTS) & set(enterprises):
        raise TanfengError(f"{unknown or sorted(set(RIGHTS) & set(enterprises))} cannot be a program's user here",
                           f"programs are {', '.join(RIGHTS)}; an enterprise needs another code")  # fmt: skip
    before = _read(folder / "passwords")
    after = {user: before[user] for user in RIGHTS if user in before}
    after |= {user: hashed(password) for user, password in programs.items()}
    fresh = [code for code in enterprises if code not in before]
    for code in enterprises:
        is_kept = code in before and code not in renewed
        after[code] = before[code] if is_kept else hashed(_credential(folder, code, anew=code in renewed))
    _public(folder / "passwords", "".join(f"{user}:{line}\n" for user, line in after.items()))
    _public(folder / "acl", acl(enterprises, [user for user in RIGHTS if user in after]))
    gone = sorted(set(before) - set(after))
    return [
        *(f"新增 added: {code} → {folder / 'credentials' / code}" for code in fresh),
        *(f"更换 renewed: {code} → {folder / 'credentials' / code}" for code in sorted(set(renewed) - set(fresh))),
        *(f"移除 removed: {code}" for code in gone),
    ]


def enterprises_of(folder: Path) -> list[str]:
    """Users in the files that are no program's."""
    return sorted(set(_read(folder / "passwords")) - set(RIGHTS))


def _credential(folder: Path, code: str, *, anew: bool) -> str:
    """A new password of an enterprise, kept for handing it over with a client id; those there stay, unless `anew`."""
    file = folder / "credentials" / code
    client_id = file.with_name(f"{code}.client-id")
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if anew or not file.exists():
        write_private(file, secrets.token_urlsafe(24) + "\n")
    if anew or not client_id.exists():
        write_private(client_id, f"{code}-{secrets.token_urlsafe(16)}\n")
    return file.read_text("utf-8").strip()


def _public(file: Path, text: str) -> None:
    """Replaced whole; Mosquitto runs as another user and must read it, the folder above keeps others out."""
    write_private(file, text)
    file.chmod(0o644)


def _read(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    return dict(line.split(":", 1) for line in file.read_text("utf-8").splitlines() if ":" in line)
