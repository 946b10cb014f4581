"""Named queries and password verifiers."""

from __future__ import annotations

import pytest

from services.store.queries import SQL, collect, load
from services.store.scram import verifier


def test_each_name_gives_its_statement() -> None:
    """Text before the first name is a comment of the file."""
    text = "-- about\n\n-- name: one\nSELECT 1\n\n-- name: two\n-- why\nSELECT 2;\n"
    assert collect([("a.sql", text)]) == {"one": "SELECT 1", "two": "-- why\nSELECT 2;"}


def test_a_name_is_used_once_over_all_files() -> None:
    """Two queries of one name, or one without a statement, are an error at import."""
    with pytest.raises(ValueError, match=r"b.sql: query 'one' is there twice"):
        collect([("a.sql", "-- name: one\nSELECT 1"), ("b.sql", "-- name: one\nSELECT 2")])
    with pytest.raises(ValueError, match="is empty"):
        collect([("a.sql", "-- name: one\n\n-- name: two\nSELECT 2")])


def test_the_shipped_queries_load() -> None:
    """Every part's file is in the one namespace."""
    assert load("migrate_applied") is SQL["migrate_applied"]


def test_a_password_that_would_be_normalised_is_refused() -> None:
    """PostgreSQL prepares other characters before hashing; a verifier without that would never match."""
    with pytest.raises(ValueError, match="printable ASCII"):
        verifier("口令")
