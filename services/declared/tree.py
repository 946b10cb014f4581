"""The common form of a registry file: nested entries of text, each with the line it stands on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A value of the file as text, None (written out as null), a list, or a mapping; `line` counts from 1."""

    line: int
    value: str | list[Entry] | dict[str, Entry] | None

    @property
    def mapping(self) -> dict[str, Entry]:
        """The mapping it is; empty for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list[Entry]:
        """The list it is; empty for anything else."""
        return self.value if isinstance(self.value, list) else []
