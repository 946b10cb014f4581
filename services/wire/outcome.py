"""What decoding a message gives: arrivals and rejections, and the limits it keeps to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from services.model import Arrival  # noqa: TC001 - msgspec resolves it

_SHOWN: Final = 60
_KINDS: Final = {dict: "an object", list: "a list", bool: "a boolean", type(None): "null"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a message may hold at most."""

    payload_bytes: int
    readings: int
    """Values of registers in one message."""
    ahead_us: int
    """How far `read_at` may lie ahead of `received_us`."""
    horizon_us: int
    """How far `read_at` may lie behind `received_us`; 0 = no limit."""


class Rejected(msgspec.Struct, frozen=True):
    """A message, or a part of it, that cannot be booked.

    `code` is a key of `REJECTIONS`; `detail` names what was wrong; both, and `pointer`, are safe to store and print
    whatever the payload held. `pointer` says which part: '3/registers/import', or '' for the whole message. `meter` is
    the code that topic or reading names, registered or not; '' where neither does.
    """

    code: str
    detail: str
    pointer: str
    meter: str = ""


class Decoded(msgspec.Struct):
    """The outcome of one message; `arrivals` stand in the order of the payload."""

    arrivals: list[Arrival]
    rejected: list[Rejected]


class RefusedError(Exception):
    """Inside the strict decoder: this part is rejected, with a code of the table and what was wrong."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


def shown(value: object) -> str:
    """Anything from a payload as short printable text without control characters or surrogates."""
    if not isinstance(value, str):
        return next((words for kind, words in _KINDS.items() if isinstance(value, kind)), type(value).__name__)
    return repr(str(value[:_SHOWN])) + ("…" if len(value) > _SHOWN else "")
