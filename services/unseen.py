"""Characters that nobody sees and that do not belong into what people and meters write."""

from __future__ import annotations

from typing import Final

_MARK: Final = "\ufeff"
_WHITE: Final = "\t\r\n"


def unseen(character: str) -> str:
    """What an unseen character is, '' for any other, for white space and for none."""
    if character == _MARK:
        return "a byte order mark (BOM)"
    is_control = character != "" and (ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0)  # noqa: PLR2004 - C0, C1
    return f"control byte 0x{ord(character):02x}" if is_control and character not in _WHITE else ""


def first_unseen(text: str) -> tuple[int, str] | None:
    """The place of the first unseen character of a line, and what it is."""
    return next(((place, what) for place, each in enumerate(text) if (what := unseen(each))), None)
