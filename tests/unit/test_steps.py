"""The step in which a register really moves: told from what it shows, and never told of one that is as declared."""

from __future__ import annotations

import struct
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import TYPE_CHECKING

import pytest

from services.steps import observed_step

if TYPE_CHECKING:
    from collections.abc import Iterable

CENT = Fraction(1, 100)


def float32(value: float) -> float:
    """The value as four bytes hold it."""
    found: float = struct.unpack("f", struct.pack("f", value))[0]
    return found


def rising(start: float, count: int = 64, most: int = 300) -> list[float]:
    """A register that rises by some hundredths each time."""
    rnd = Random(start)
    values = [start]
    while len(values) < count:
        values.append(round(values[-1] + rnd.randint(1, most) / 100, 2))
    return values


def each_minute(values: Iterable[Fraction]) -> list[tuple[int, Fraction]]:
    """The values with their times."""
    return list(enumerate(values))


def shortest(value: float) -> str:
    """As most programs print a float32: the fewest digits that are read as it again."""
    return next(text for n in range(1, 10) if float32(float(text := f"{value:.{n}g}")) == value)


@pytest.mark.parametrize(
    ("start", "step"), [(1_000_000.1, "0.0625"), (300_000, "0.03125"), (9_000_000.5, "1"), (20_000_000, "2")]
)
@pytest.mark.parametrize("printed", ["exact", "two decimals", "shortest", "no decimals beyond the third"])
def test_a_float32_register_is_told_its_step_however_it_prints(start: float, step: str, printed: str) -> None:
    """24 bits: 0.0625 at 1,000,000.1, whole kWh from 8,388,608 on."""
    values = [float32(value) for value in rising(start)]
    texts = {
        "exact": [str(Decimal(value)) for value in values],
        "two decimals": [f"{value:.2f}" for value in values],
        "shortest": [shortest(value) for value in values],
        "no decimals beyond the third": [f"{value:.3f}" for value in values],
    }[printed]
    assert observed_step(each_minute(Fraction(Decimal(text)) for text in texts), CENT) == Fraction(step)


@pytest.mark.parametrize("start", [0, 12.34, 90_000.01, 140_000.07, 1_000_000.1, 40_000_000.25])
@pytest.mark.parametrize("most", [1, 7, 300])
def test_a_register_that_moves_as_declared_is_told_nothing(start: float, most: int) -> None:
    """Hundredths stay hundredths, small ones and large ones, also where a float32 could not show them."""
    assert observed_step(each_minute(Fraction(str(value)) for value in rising(start, most=most)), CENT) is None


def test_whole_kilowatt_hours_behind_a_declared_hundredth_are_a_step_of_one() -> None:
    """A gateway that rounds, over a reset too."""
    values = [*(round(value) for value in rising(5000)), *(round(value) for value in rising(17))]
    assert observed_step(each_minute(map(Fraction, values)), CENT) == 1


@pytest.mark.parametrize("values", [[], [5], [5] * 64, [10 * n for n in range(64)], [0, 3, 7]])
def test_what_stands_still_rises_evenly_or_is_hardly_known_is_told_nothing(values: list[int]) -> None:
    """A steady load of 10 kWh a reading says nothing of the register."""
    assert observed_step(each_minute(map(Fraction, values)), CENT) is None


def test_a_steady_load_with_missing_readings_is_told_nothing() -> None:
    """10 kWh a minute are 30 in three."""
    rnd = Random(5)
    shown = [(minute, Fraction(10 * minute)) for minute in range(200) if rnd.random() < 0.4]
    assert observed_step(shown, CENT) is None


def test_an_exact_step_of_the_declared_resolution_or_below_is_fine() -> None:
    """Nothing larger than declared."""
    values = [float32(value) for value in rising(1_000_000.1)]
    assert observed_step(each_minute(map(Fraction, values)), Fraction(1, 16)) is None
