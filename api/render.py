"""Rows of the store → JSON: decimals as strings without loss, instants in ISO 8601 with Z, months as YYYY-MM."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from services.model import iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from services.figures.rows import Ask


def body(ask: Ask, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The answer: what was understood, and the rows."""
    return {
        "scope": ask.scope,
        "grain": ask.grain,
        "from": _moment(ask.since),
        "until": _moment(ask.until),
        "as_of": None if ask.as_of is None else iso(ask.as_of),
        "rows": [{key: _value(key, value) for key, value in row.items()} for row in rows],
    }


def _moment(value: int | date) -> str:
    return iso(value) if isinstance(value, int) else value.isoformat()


def _value(key: str, value: Any) -> Any:  # noqa: ANN401 - whatever a column holds
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return f"{value:%Y-%m}" if key == "month" else value.isoformat()
    return iso(value) if key.endswith("_at") and isinstance(value, int) else value
