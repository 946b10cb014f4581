"""The file of `--events`: a JSON list of declared acts."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from services.accounting.policy import Act
from services.errors import TanfengError
from services.ledger.acts import check
from services.model import ActKind
from services.wire.outcome import RefusedError
from services.wire.times import iso_time

if TYPE_CHECKING:
    from pathlib import Path

_KEYS = {
    ActKind.REPLACEMENT: ({"at", "start"}, {"final"}),
    ActKind.RESET: ({"at"}, set[str]()),
    ActKind.MULTIPLIER: ({"at", "value"}, {"reading"}),
    ActKind.IGNORE: ({"from", "until"}, set[str]()),
    ActKind.CORRECTION: ({"read_at", "value"}, set[str]()),
    ActKind.ACCEPT: ({"read_at"}, set[str]()),
}
"""Keys that an act of each kind must have, and may have."""
_SAID = {"kind", "author", "reason"}
"""Keys that say who declared an act and why: they change no figure."""


def read_acts(path: Path, naive_zone: str | None) -> list[Act]:
    """The acts of the file.

    Raises:
        TanfengError: The file is no JSON list of acts; names the act and the key.
    """
    try:
        entries = json.loads(path.read_text("utf-8-sig"), parse_float=Decimal)
    except RecursionError:
        raise TanfengError(f"{path} is nested too deeply", "give a JSON list of acts") from None
    except (OSError, ValueError) as problem:
        raise TanfengError(f"cannot read {path}: {problem}", "give a JSON list of acts") from None
    if not isinstance(entries, list):
        raise TanfengError(f"{path} holds no list", 'write [{"kind": "reset", "at": "2026-01-01T13:30:00Z"}]')
    return [_act(f"{path}, act {number}", entry, naive_zone) for number, entry in enumerate(entries, 1)]


def _act(place: str, entry: Any, naive_zone: str | None) -> Act:  # noqa: ANN401 - anything may stand in the file
    if not isinstance(entry, dict) or entry.get("kind") not in [kind.value for kind in ActKind]:
        raise TanfengError(f"{place}: no known kind", f"use one of {', '.join(ActKind)}")
    kind = ActKind(entry["kind"])
    must, may = _KEYS[kind]
    keys = set(entry) - _SAID
    if not must <= keys or not keys <= must | may:
        allowed = " and ".join(sorted(must)) + (f", and may have {', '.join(sorted(may))}" if may else "")
        raise TanfengError(f"{place}: a {kind} with {', '.join(sorted(keys)) or 'nothing'}", f"it must have {allowed}")
    act = Act(
        kind,
        _instant(place, entry, next(key for key in ("at", "from", "read_at") if key in must), naive_zone),
        until=_instant(place, entry, "until", naive_zone) if "until" in must else None,
        **{key: _number(place, entry, key) for key in ("final", "start", "value", "reading")},
    )
    check(act)
    return act


def _instant(place: str, entry: dict[str, Any], key: str, naive_zone: str | None) -> int:
    try:
        return iso_time(str(entry[key]), naive_zone)
    except RefusedError as refusal:
        raise TanfengError(f"{place}: {key} {refusal.detail} is no instant", "write 2026-01-01T13:30:00Z") from None


def _number(place: str, entry: dict[str, Any], key: str) -> Decimal | None:
    if entry.get(key) is None:
        return None
    try:
        number = Decimal(str(entry[key]))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise TanfengError(f"{place}: {key} {entry[key]!r} is no number", "write a decimal such as 516200")
    return number
