"""Structured logs: one line a minute and for each change of state, as logfmt on stderr."""

from __future__ import annotations

import io
import logging
import sys
from contextlib import suppress
from typing import TextIO, cast

import structlog

from services.settings import Settings


def configure() -> None:
    """Write events of TANFENG_LOG_LEVEL and above as one line of logfmt each, with time and level."""
    level = logging.getLevelNamesMapping()[Settings().log_level.upper()]
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=("timestamp", "level", "event")),
        ],
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Unfailing())),
        cache_logger_on_first_use=True,
    )


class _Unfailing(io.TextIOBase):
    """Standard error, whose disk may be full: a line that cannot be written must not end the program."""

    def write(self, text: str) -> int:
        """Write it, or lose it."""
        with suppress(OSError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        """As far as it goes."""
        with suppress(OSError):
            sys.stderr.flush()
