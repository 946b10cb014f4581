"""A fault of a file that somebody wrote."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong, or only doubtful, at a line of the file."""

    line: int
    what: str
    fix: str
    is_warning: bool = False

    def __str__(self) -> str:
        return f"{self.line}: {'warning: ' if self.is_warning else ''}{self.what} — {self.fix}"
