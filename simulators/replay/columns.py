"""Which column of a recording feeds which register, and the errors of reading one."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from services.errors import TanfengError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def positions(header: Sequence[str], columns: Mapping[str, str]) -> dict[str, int]:
    """Register code → position of its column.

    Raises:
        TanfengError: A column is not in the header.
    """
    for column in columns.values():
        if column not in header:
            raise TanfengError(f"no column {column!r} in the recording", f"choose from: {', '.join(header)}")
    return {register: header.index(column) for register, column in columns.items()}


def number(text: str, line: int) -> Decimal:
    """A finite decimal.

    Raises:
        TanfengError: It is none; `line` (counted from 1) says where.
    """
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise TanfengError(f"line {line}: {text!r} is not a number", "mend or remove the line")
    return value
