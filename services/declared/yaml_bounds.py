"""What a YAML file may ask of its reader, judged from its events before anything is composed or expanded.

Composing recurses once a level, and an alias stands for the whole of what it names: a hundred kilobytes of brackets
overflow the stack, ten lines of aliases fill any memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

import yaml

from services.declared.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

DEEPEST: Final = 64
"""Levels of nesting, aliases followed; a registry has ten."""
MOST_REPEATED: Final = 250_000
"""Entries that aliases repeat, all together; 10,000 registers that share a mapping of ten come to 100,000."""


def out_of_bounds(text: str, loader: type) -> Problem | None:
    """The first thing in the file that goes beyond the bounds; syntax is not judged here."""
    try:
        return next(_Scan().problems(text, loader), None)
    except yaml.YAMLError:
        return None


class _Named(NamedTuple):
    """What an anchor names: its entries and its levels, its own aliases followed."""

    entries: int
    levels: int


@dataclass(slots=True)
class _Open:
    """A collection that has not ended: the entries before it, and the deepest level that was reached inside."""

    anchor: str | None
    before: int
    reached: int


@dataclass(slots=True)
class _Scan:
    entries: int = 0
    repeated: int = 0
    within: list[_Open] = field(default_factory=list)
    named: dict[str, _Named] = field(default_factory=dict)

    def problems(self, text: str, loader: type) -> Iterator[Problem]:
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.CollectionEndEvent):
                self._end()
                continue
            line = event.start_mark.line + 1 if event.start_mark else 1
            if isinstance(event, yaml.AliasEvent) and any(each.anchor == event.anchor for each in self.within):
                yield Problem(line, "an entry contains itself", f"remove the alias *{event.anchor}")
            if self._takes(event) > DEEPEST:
                yield Problem(line, f"the entries are nested deeper than {DEEPEST} levels", "close what was opened")
            if self.repeated > MOST_REPEATED:
                fix = "write the entries out, or divide the file"
                yield Problem(line, f"aliases repeat more than {MOST_REPEATED:,} entries", fix)

    def _takes(self, event: yaml.Event) -> int:
        """Take account of what begins here, or stands here; the level that it reaches."""
        level = len(self.within)
        if isinstance(event, yaml.CollectionStartEvent):
            level += 1
            self.within.append(_Open(event.anchor, self.entries, level))
            self.entries += 1
        elif isinstance(event, yaml.ScalarEvent):
            self.entries += 1
            if event.anchor is not None:
                self.named[event.anchor] = _Named(1, 0)
        elif isinstance(event, yaml.AliasEvent):
            again = self.named.get(event.anchor or "", _Named(1, 0))
            self.entries += again.entries
            self.repeated += again.entries
            level += again.levels
            if self.within:
                self.within[-1].reached = max(self.within[-1].reached, level)
        return level

    def _end(self) -> None:
        ended = self.within.pop()
        if ended.anchor is not None:
            self.named[ended.anchor] = _Named(self.entries - ended.before, ended.reached - len(self.within))
        if self.within:
            self.within[-1].reached = max(self.within[-1].reached, ended.reached)
