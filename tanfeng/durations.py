"""Spans of time on the command line: '90', '2s', '15min', '24h', '7d'."""

from __future__ import annotations

import re
from typing import Final

import typer

UNITS: Final = {"": 1.0, "ms": 0.001, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(text: str) -> float:
    """A span in seconds; for typer's `parser=`.

    Raises:
        typer.BadParameter: It is no number with one of the units, or not positive.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip())
    if match is None or match[2] not in UNITS:
        raise typer.BadParameter(f"{text!r} is no span of time; write 2s, 15min, 24h or 7d")
    return float(match[1]) * UNITS[match[2]]
