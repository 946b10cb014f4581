"""What the fold suspects of readings, in words and as the act to declare where it is true.

A suspicion is a word and mostly a number: `scale 0.1`, `ratio 40`, `zone -8:00`, `zone`, `stuck`; '' where none.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple


class Suspect(NamedTuple):
    """A suspicion for a person: what it means, and what to declare, with AT and UNTIL to fill in.

    `declare` is '' where nothing is to be declared; `mend_…` say what else is to be done.
    """

    zh: str
    en: str
    declare: str = ""
    mend_zh: str = ""
    mend_en: str = ""


def suspect_of(text: str, multiplier: Fraction = Fraction(1)) -> Suspect | None:
    """What a suspicion means; `multiplier`: the register's now. None where there is none."""
    word, _, number = text.partition(" ")
    if word in {"scale", "ratio"}:
        value = multiplier / Fraction(number)
        declare = f"multiplier --at AT --value {_decimal(value)}"
        if word == "scale":
            zh, en = f"疑为示值变为 {number} 倍（小数位或单位）", "decimals or unit"
        else:
            zh, en = f"疑为变比改变，示值为 {number} 倍", "another ratio"
        en = f"it shows {number} times what it did: {en}"
        return Suspect(zh, en, declare)
    if word == "zone":
        by_zh, by_en = (f" {number}", f" by {number}") if number else ("", "")
        zh, en = f"疑为时钟偏差{by_zh}（时区）", f"its clock is off{by_en}: a time zone"
        mend_zh = "校准时钟或声明 naive_zone，按正确时刻补传"
        mend_en = "set the clock or declare naive_zone, then send them again at the right times"
        return Suspect(zh, en, "ignore --at AT --until UNTIL", mend_zh, mend_en)
    if word == "stuck":
        mend_zh, mend_en = "查网关与电表的通信", "look at the link between gateway and meter"
        return Suspect("疑为网关重复旧值", "its gateway repeated an old value", "", mend_zh, mend_en)
    return None


def words_of(text: str) -> dict[str, str]:
    """The suspicion as a part of an alert's line: `suspect_zh` and `suspect_en`, empty where there is none."""
    found = suspect_of(text)
    return {"suspect_zh": f"，{found.zh}" if found else "", "suspect_en": f"; perhaps {found.en}" if found else ""}


def _decimal(value: Fraction) -> str:
    return f"{float(value):.12g}" if value.denominator != 1 else str(value.numerator)
