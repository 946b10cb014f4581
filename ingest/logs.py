"""Structured logs: one line a minute and for each change of state, as logfmt on stderr."""

from __future__ import annotations

import logging
import sys

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
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
