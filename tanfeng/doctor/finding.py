"""What a check finds: how bad it is, what it is, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple


class Level(StrEnum):
    """How bad it is; UNKNOWN: it could not be found out, and the fix says how it can be."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    UNKNOWN = "unknown"


WORDS = {Level.OK: "正常 OK", Level.WARNING: "注意 warning", Level.ERROR: "错误 error", Level.UNKNOWN: "未知 unknown"}


class Words(NamedTuple):
    """One sentence in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check; whatever is not well has a fix."""

    check: str
    level: Level
    what: Words
    fix: Words | None = None

    def __post_init__(self) -> None:
        if (self.fix is None) != (self.level is Level.OK):
            raise ValueError(f"{self.check}: a finding has a fix unless it is well")

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        fix = None if self.fix is None else self.fix._asdict()
        return {"check": self.check, "level": self.level, "what": self.what._asdict(), "fix": fix}

    def __str__(self) -> str:
        lines = [f"{WORDS[self.level]} · {self.check}: {self.what.zh} {self.what.en}"]
        if self.fix is not None:
            lines.append(f"    修复 fix: {self.fix.zh}")
            lines.append(f"              {self.fix.en}")
        return "\n".join(lines)


def well(check: str, zh: str, en: str) -> Finding:
    """Nothing is wrong."""
    return Finding(check, Level.OK, Words(zh, en))


def warning(check: str, what: tuple[str, str], fix: tuple[str, str]) -> Finding:
    """It works, and will not for ever or not as it should."""
    return Finding(check, Level.WARNING, Words(*what), Words(*fix))


def error(check: str, what: tuple[str, str], fix: tuple[str, str]) -> Finding:
    """Something is lost, wrong or standing still, or will be within days."""
    return Finding(check, Level.ERROR, Words(*what), Words(*fix))


def unknown(check: str, what: tuple[str, str], fix: tuple[str, str]) -> Finding:
    """It cannot be found out from here."""
    return Finding(check, Level.UNKNOWN, Words(*what), Words(*fix))
