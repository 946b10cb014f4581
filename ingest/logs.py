"""Structured logs of ingest: one line per batch or change of state, as logfmt on stderr."""

from __future__ import annotations

import sys

import structlog


def configure() -> None:
    """Write every event as one line of logfmt with its time and level."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=("timestamp", "level", "event")),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
