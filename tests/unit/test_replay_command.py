"""The options of `tanfeng replay` and the spans of time on the command line."""

from __future__ import annotations

import pytest
import typer

from services.errors import TanfengError
from tanfeng.commands.replay import chosen_columns, pace
from tanfeng.durations import seconds


def test_columns_follow_the_format_unless_named() -> None:
    """Each format has its usual column; --register renames, --column chooses."""
    assert chosen_columns("steel", None, None) == {"import": "Usage_kWh"}
    assert chosen_columns("steel", ["total"], None) == {"total": "Usage_kWh"}
    assert chosen_columns("ion6200", None, ["POINT05"]) == {"import": "POINT05"}
    assert chosen_columns("csv", ["a", "b"], ["x", "y"]) == {"a": "x", "b": "y"}


@pytest.mark.parametrize(("registers", "columns"), [(["a", "b"], None), (["a"], ["x", "y"]), (None, ["x", "y"])])
def test_registers_and_columns_must_pair(registers: list[str] | None, columns: list[str] | None) -> None:
    """One --column for each --register."""
    with pytest.raises(TanfengError, match="--register"):
        chosen_columns("csv", registers, columns)


def test_the_pace_is_a_multiple_of_real_time_or_none() -> None:
    """The word max is no pace; a shuffled order has none."""
    assert pace("max", ordered=False) is None
    assert pace("3600", ordered=True) == 3600.0
    for text in ("0", "-1", "fast", "nan"):
        with pytest.raises(TanfengError, match="--speed"):
            pace(text, ordered=True)
    with pytest.raises(TanfengError, match="--shuffle"):
        pace("2", ordered=False)


def test_spans_of_time_have_a_unit_or_are_seconds() -> None:
    """90, 0.2s, 15min, 15m, 24h, 7d."""
    spans = {"90": 90.0, "0.2s": 0.2, "200ms": 0.2, "15min": 900.0, "15m": 900.0, "24h": 86_400.0, "7d": 604_800.0}
    assert {text: seconds(text) for text in spans} == spans
    for text in ("", "s", "-1s", "1 fortnight", "1e3s"):
        with pytest.raises(typer.BadParameter):
            seconds(text)
