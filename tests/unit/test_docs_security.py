"""docs/security.md promises what tests hold: each test it names exists, and both languages name the same."""

from __future__ import annotations

import re

import pytest

from tests.servers import ROOT

PAGES = ("security.md", "security.zh-CN.md")
NAMED = re.compile(r"`((?:unit|contract|integration|acceptance)/test_\w+\.py)::(test_\w+)`")


def named(page: str) -> set[tuple[str, str]]:
    """The tests that a page names: file and function."""
    return set(NAMED.findall((ROOT / "docs" / page).read_text("utf-8")))


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_the_page_names_exists(page: str) -> None:
    """By file and function."""
    found = named(page)
    assert len(found) > 20
    missing = [
        (file, name)
        for file, name in found
        if not re.search(rf"^(?:async )?def {name}\(", (ROOT / "tests" / file).read_text("utf-8"), re.MULTILINE)
    ]
    assert missing == []


def test_both_languages_promise_the_same() -> None:
    """A promise that only one of them makes would be found by half of its readers."""
    chinese, english = (named(page) for page in reversed(PAGES))
    assert chinese == english
