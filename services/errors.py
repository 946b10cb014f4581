"""The errors that reach a person: each names the thing that is wrong and the fix."""

from __future__ import annotations


class TanfengError(Exception):
    """A problem a person can mend; the command line prints it without a traceback and exits with 2."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message} — {self.fix}" if self.fix else self.message
