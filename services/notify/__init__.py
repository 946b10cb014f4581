"""Alerts on their way to people: an outbox, delivered at least once, by targets that do not wait for each other."""

from __future__ import annotations

from services.notify.config import Config, load
from services.notify.sending import run

__all__ = ["Config", "load", "run"]
