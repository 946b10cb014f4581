"""What is stored of rejections, and what is only counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.ledger.rejections import FloodGate, Rejection, storable

MINUTE_US = 60_000_000
KNOWN = {"works", "mill"}


def rejection(payload: bytes, enterprise: str | None = "works", code: str = "not_json") -> Rejection:
    """A rejection of this payload."""
    return Rejection(code, "detail", f"keu/v1/{enterprise}/m/readings", payload, "", enterprise, 1)


def many(count: int, enterprise: str | None = "works", start: int = 0) -> list[Rejection]:
    """Distinct rejections."""
    return [rejection(b"%d" % n, enterprise) for n in range(start, start + count)]


def test_identical_rejections_are_one_row_with_a_count() -> None:
    """They cost one token together, and none when they come again."""
    gate = FloodGate(1)
    for _ in range(3):
        admitted = gate.admit([rejection(b"same")] * 500, KNOWN, 0)
        [counted] = admitted.stored.values()
        assert (counted.seen_count, admitted.flooded) == (500, {})


def test_beyond_the_tokens_of_a_minute_rejections_are_counted_by_code() -> None:
    """The enterprise is named, so that the flood is visible."""
    admitted = FloodGate(10).admit(many(25), KNOWN, 0)
    assert (len(admitted.stored), admitted.flooded) == (10, {("works", "not_json"): 15})


def test_tokens_come_back_with_time() -> None:
    """After half a minute half of them; never more than a minute's."""
    gate = FloodGate(10)
    gate.admit(many(10), KNOWN, 0)
    assert len(gate.admit(many(10, start=10), KNOWN, MINUTE_US // 2).stored) == 5
    assert len(gate.admit(many(50, start=50), KNOWN, 100 * MINUTE_US).stored) == 10


def test_one_enterprise_cannot_use_up_the_tokens_of_another() -> None:
    """Each has its own bucket."""
    gate = FloodGate(10)
    gate.admit(many(100), KNOWN, 0)
    assert len(gate.admit(many(10, "mill"), KNOWN, 0).stored) == 10


def test_enterprises_nobody_registered_share_one_bucket() -> None:
    """Inventing names does not fill the disk."""
    invented = [rejection(b"x", f"name-{n}") for n in range(1000)]
    admitted = FloodGate(10).admit([*invented, rejection(b"y", None)], KNOWN, 0)
    assert (len(admitted.stored), admitted.flooded) == (10, {("", "not_json"): 991})


@given(text=st.text(), octets=st.integers(30, 60))
def test_any_text_becomes_storable_within_its_bound(text: str, octets: int) -> None:
    """No NUL, no surrogates, and what fits is kept as it is."""
    kept = storable(text, octets)
    assert len(kept.encode()) <= octets
    assert "\x00" not in kept
    if "\x00" not in text and len(text.encode()) <= octets:
        assert kept == text


def test_long_texts_that_differ_at_the_end_stay_different() -> None:
    """They are part of a unique key."""
    assert storable("a" * 500 + "b", 100) != storable("a" * 500 + "c", 100)
    assert storable("\ud800", 100) == "\\ud800"
