"""The validity of an entry of a registry file, and of each of its `changes`."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

from services.declared import scalars
from services.declared.fields import Fields

if TYPE_CHECKING:
    from services.registry.reading import Reading

_ORDER: Final = "write them from the earliest on"


def read_dated(fields: Fields, reading: Reading) -> list[tuple[date | None, date | None, Fields]]:
    """The entry, then its `changes`, each with its days [from, until): contiguous, the last until `until`."""
    versions = [(fields.optional("from", scalars.day), fields)]
    for each in fields.listed("changes"):
        change = Fields(each, f"change of {fields.name}", reading.problems)
        starts = change.required("from", scalars.day, "2026-01-01", date.min)
        before = versions[-1][0]
        if before is not None and starts <= before:
            change.note(change.line("from"), f"changes of {fields.name} are not in order", _ORDER)
        versions.append((starts, change))
    until = fields.optional("until", scalars.day)
    last = versions[-1][0]
    if until is not None and last is not None and until <= last:
        fields.note(fields.line("until"), f"{fields.name} ends before its last change", "write a later date")
    ends = [start for start, _ in versions[1:]] + [until]
    return [(start, end, each) for (start, each), end in zip(versions, ends, strict=True)]
