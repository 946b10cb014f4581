"""Named queries: `SQL["name"]` is the statement under `-- name: name` in a queries/*.sql of a package of services."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_HEADING: Final = re.compile(r"^-- name: *(\S+) *$", re.MULTILINE)


def parse(text: str) -> list[tuple[str, str]]:
    """The (name, statement) pairs of one file; what stands before the first heading is a comment."""
    parts = _HEADING.split(text)
    return [(name, body.strip()) for name, body in zip(parts[1::2], parts[2::2], strict=True)]


def collect(texts: Iterable[tuple[str, str]]) -> dict[str, str]:
    """All queries of (file name, text) pairs in one namespace.

    Raises:
        ValueError: Two queries have one name, or a query has no statement.
    """
    queries: dict[str, str] = {}
    for file_name, text in texts:
        for name, body in parse(text):
            if name in queries or not body:
                raise ValueError(f"{file_name}: query {name!r} is {'empty' if not body else 'there twice'}")
            queries[name] = body
    return queries


def _shipped() -> Iterable[tuple[str, str]]:
    for package in sorted(files("services").iterdir(), key=lambda each: each.name):
        folder = package / "queries"
        if folder.is_dir():
            for entry in sorted(folder.iterdir(), key=lambda each: each.name):
                yield f"{package.name}/{entry.name}", entry.read_text("utf-8")


SQL: Final[Mapping[str, str]] = collect(_shipped())
"""Every named query of the product."""


def load(name: str) -> str:
    """The statement of this name."""
    return SQL[name]
