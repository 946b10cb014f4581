"""A number of a payload → integer thousandths, exactly, in bounded time whatever the number.

A number of the payload is a JSON number, or a plain decimal in a string ("000123.40", as meters print it). Nothing
passes through float. A value that is not a whole number of thousandths is rounded half-even and its text kept.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

from services.units import half_even, thousandths
from services.wire.outcome import RefusedError, shown

if TYPE_CHECKING:
    from services.model import RegisterRef

DIGITS: Final = 40
"""Significant digits a number may have."""

_LARGEST_EXPONENT: Final = 30  # beyond it no unit brings a value back into range
SMALLEST_EXPONENT: Final = -400  # the smallest double is 5e-324
_PLAIN: Final = re.compile(r"-?[0-9]{1,64}(\.[0-9]{1,64})?")
_NO_VALUE: Final = frozenset(
    {"", "-", "--", "n/a", "na", "nan", "none", "null", "unavailable", "unknown", "offline", "error", "invalid"}
    | {sign + word for sign in ("", "-", "+") for word in ("inf", "infinity")}
)


class Number(str):
    """The text of a JSON number, as it stood in the payload."""

    __slots__ = ()


class NotANumber(str):
    """NaN, Infinity or -Infinity where a JSON number should stand."""

    __slots__ = ()


def value_of(value: object) -> Decimal:
    """The decimal that a register's value in the payload stands for.

    Raises:
        RefusedError: `no_value`, `not_a_number` or `number_too_long`.
    """
    if isinstance(value, Number):
        return to_decimal(value)
    if value is None or isinstance(value, NotANumber):
        raise RefusedError("no_value", "null" if value is None else str(value))
    if not isinstance(value, str):
        raise RefusedError("not_a_number", shown(value))
    if len(value) <= _LARGEST_EXPONENT and value.strip().lower() in _NO_VALUE:
        raise RefusedError("no_value", shown(value))
    if _PLAIN.fullmatch(value) is None:
        raise RefusedError("not_a_number", shown(value))
    return to_decimal(value)


def to_decimal(text: str) -> Decimal:
    """The decimal a number's text means; only its exponent can be too large for that."""
    try:
        return Decimal(text)
    except InvalidOperation:
        raise RefusedError("number_too_long", shown(str(text))) from None


def check_size(number: Decimal) -> None:
    """Refuse a number that exact arithmetic would take long over.

    Raises:
        RefusedError: `out_of_range` or `number_too_long`.
    """
    if not number:
        return
    if number.adjusted() > _LARGEST_EXPONENT:
        raise RefusedError("out_of_range", f"10^{number.adjusted()}")
    if number.adjusted() < SMALLEST_EXPONENT or len(number.as_tuple().digits) > DIGITS:
        raise RefusedError("number_too_long", f"more than {DIGITS} digits, or smaller than 10^{SMALLEST_EXPONENT}")


def convert(number: Decimal, ref: RegisterRef) -> tuple[int, str | None]:
    """Thousandths before the multiplier, half-even, and the decimal's text where that lost something.

    Raises:
        RefusedError: `out_of_range` or `number_too_long`.
    """
    if not number:
        return 0, None
    check_size(number)
    exact = thousandths(number, ref.unit_factor)
    raw = half_even(exact)
    if not -ref.raw_limit < raw < ref.raw_limit:
        raise RefusedError("out_of_range", str(number))
    return raw, None if raw == exact else str(number)
