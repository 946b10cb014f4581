"""The fields of one entry: read one by one, every fault noted with its line, unknown ones found at the end."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeVar

from services.declared.problem import Problem
from services.errors import TanfengError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from enum import StrEnum

    from services.declared.tree import Entry

Value = TypeVar("Value")
Choice = TypeVar("Choice", bound="StrEnum")


class Fields:
    """Reads an entry that must be a mapping; `name` says whose fields they are in messages.

    A field that is wrong or missing is noted, and a stand-in is given back: read everything, then ask `is_sound`.
    """

    def __init__(self, entry: Entry, name: str, problems: list[Problem]) -> None:
        self.entry = entry
        self.name = name
        self._problems = problems
        self._known: set[str] = set()
        self.is_sound = True
        if not isinstance(entry.value, dict):
            self.note(entry.line, f"{name} is not a mapping of fields", "write its fields indented below it")

    def note(self, line: int, what: str, fix: str) -> None:
        """Note a problem of this entry."""
        self.is_sound = False
        self._problems.append(Problem(line, what, fix))

    def warn(self, line: int, what: str, fix: str) -> None:
        """Note something doubtful that does not stop the plan."""
        self._problems.append(Problem(line, what, fix, is_warning=True))

    def has(self, field: str) -> bool:
        """Whether the field is written out with a value."""
        self._known.add(field)
        found = self.entry.mapping.get(field)
        return found is not None and found.value is not None

    def line(self, field: str) -> int:
        """Where the field stands, or else its entry."""
        found = self.entry.mapping.get(field)
        return self.entry.line if found is None else found.line

    def optional(self, field: str, read: Callable[[str], Value]) -> Value | None:
        """The field's value, None where it is absent or null."""
        if not self.has(field):
            return None
        found = self.entry.mapping[field]
        if not isinstance(found.value, str):
            self.note(found.line, f"{field} of {self.name} is not a single value", "write one value after the colon")
            return None
        try:
            return read(found.value)
        except TanfengError as problem:
            self.note(found.line, f"{field} of {self.name}: {problem.message}", problem.fix)
            return None

    def given(self, field: str, read: Callable[[str], Value], default: Value) -> Value:
        """The field's value, or the default."""
        value = self.optional(field, read)
        return default if value is None else value

    def required(self, field: str, read: Callable[[str], Value], example: str, stand_in: Value) -> Value:
        """The field's value; its absence is a problem whose fix is the example."""
        if not self.has(field):
            self.note(self.entry.line, f"{self.name} has no {field}", f"add {field}: {example}")
            return stand_in
        return self.given(field, read, stand_in)

    def choice(self, field: str, choices: type[Choice], default: Choice | None, stand_in: Choice) -> Choice:
        """One of the words of an enumeration."""
        words = [each.value for each in choices]
        text = self.one_of(field, words, None if default is None else default.value)
        return stand_in if text is None else choices(text)

    def one_of(self, field: str, words: Iterable[str], default: str | None) -> str | None:
        """One of some words; None after a fault."""
        words = list(words)
        if default is None and not self.has(field):
            self.note(self.entry.line, f"{self.name} has no {field}", f"add {field}: one of {', '.join(words)}")
            return None
        text = self.given(field, str, default)
        if text is not None and text not in words:
            self.note(self.line(field), f"{field} of {self.name}: {text!r} is unknown", _suggest(text, words))
            return None
        return text

    def children(self, field: str) -> dict[str, Entry]:
        """A mapping of entries by their codes; empty where the field is absent."""
        if not self.has(field):
            return {}
        found = self.entry.mapping[field]
        if not isinstance(found.value, dict):
            self.note(found.line, f"{field} of {self.name} is not a mapping", f"write each code indented below {field}")
        return found.mapping

    def listed(self, field: str) -> list[Entry]:
        """A list of entries; empty where the field is absent."""
        if not self.has(field):
            return []
        found = self.entry.mapping[field]
        if not isinstance(found.value, list):
            self.note(
                found.line, f"{field} of {self.name} is not a list", f"write each indented below {field}, after '- '"
            )
        return found.items

    def finish(self) -> bool:
        """Note every field that nothing asked for; whether all is sound."""
        for field, found in self.entry.mapping.items():
            if field not in self._known and not field.startswith("x-"):
                fix = _suggest(field, sorted(self._known))
                self.note(found.line, f"{self.name} has an unknown field {field!r}", fix)
        return self.is_sound


def _suggest(text: str, words: list[str]) -> str:
    close = get_close_matches(text, words, n=1)
    return f"write {close[0]}" if close else f"use one of {', '.join(words)}"
