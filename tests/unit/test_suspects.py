"""What the fold suspects, in the words of an alert and as the act to declare."""

from __future__ import annotations

from fractions import Fraction

import pytest

from services.alerts.suspects import suspect_of, words_of


@pytest.mark.parametrize(
    ("suspect", "zh", "en"),
    [
        ("zone -8:00", "，疑为时钟偏差 -8:00（时区）", "; perhaps its clock is off by -8:00: a time zone"),
        ("zone", "，疑为时钟偏差（时区）", "; perhaps its clock is off: a time zone"),
        ("stuck", "，疑为网关重复旧值", "; perhaps its gateway repeated an old value"),
        ("", "", ""),
    ],
)
def test_an_alert_says_what_is_suspected(suspect: str, zh: str, en: str) -> None:
    """By how much a clock is off is only said where the load tells it."""
    assert words_of(suspect) == {"suspect_zh": zh, "suspect_en": en}


@pytest.mark.parametrize(
    ("suspect", "declare"),
    [
        ("scale 0.1", "multiplier --at AT --value 400"),
        ("ratio 1/40", "multiplier --at AT --value 1600"),
        ("zone", "ignore --at AT --until UNTIL"),
        ("stuck", ""),
    ],
)
def test_what_to_declare_follows_from_the_suspicion(suspect: str, declare: str) -> None:
    """Of a register with a multiplier of 40."""
    found = suspect_of(suspect, Fraction(40))
    assert found is not None
    assert found.declare == declare
