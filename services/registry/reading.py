"""A registry file while it is being read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.declared import scalars
from services.errors import TanfengError
from services.registry.models import Content

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.declared.fields import Fields
    from services.declared.problem import Problem
    from services.declared.tree import Entry
    from services.registry.models import Carrier, RegisterKey, Site


@dataclass(frozen=True, slots=True)
class NamedRegister:
    """A register as a PUE boundary names it: in which field and on which line; `unit` is what its carrier must have."""

    site: str
    field: str
    line: int
    key: RegisterKey
    unit: str | None


@dataclass(slots=True)
class Reading:
    """A file being read: what is registered, what it declares so far, what is wrong, and where things stand."""

    current: Content
    carriers: Mapping[str, Carrier]
    problems: list[Problem]
    content: Content = field(default_factory=Content)
    named: list[NamedRegister] = field(default_factory=list)
    """Registers that PUE boundaries name; looked up when all meters are read."""
    lines: dict[tuple[str, ...], int] = field(default_factory=dict)
    """The line of each thing, and of each of its fields: ('register', 'steel', 'main', 'import', 'unit')."""

    def locate(self, key: tuple[str, ...], entry: Entry) -> None:
        """Remember where a thing and its fields stand."""
        self.lines[key] = entry.line
        for name, found in entry.mapping.items():
            self.lines[*key, name] = found.line

    def site(self, code: str) -> Site | None:
        """A site of the file, or else a registered one."""
        return self.content.sites.get(code) or self.current.sites.get(code)


def check_code(fields: Fields, code: str) -> None:
    """Note a key of the file that is no code."""
    try:
        scalars.code(code)
    except TanfengError as problem:
        fields.note(fields.entry.line, problem.message, problem.fix)
