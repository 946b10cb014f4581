"""What can go wrong with the store, sorted by what ingest does about it: try again, or look for rows to blame.

An error alone never tells: a full queue and an overlong row share an SQLSTATE, so do a bad value and a missing
partition. Rows are blamed by trying them beside others (`ingest.blame`, docs/adr/0015); the class of the error only
says how soon.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import asyncpg

from services.errors import TanfengError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Data exception, integrity, cardinality, limits of a row, raised by a trigger: it is likely that a row is at fault.
_LIKELY_ROWS: Final = frozenset({"22", "23", "21", "54", "P0"})
_LOCKED: Final = "55P03"
"""Somebody else holds a lock for too long: a row may meet it again and again and be as good as any other."""
DISK_FULL: Final = "53100"
_GONE: Final = ("08", "57P", "53300")
"""Connection, shutdown and recovery, too many connections."""
_NO_SPACE: Final = "No space left on device"
_DISKS: Final = {
    "pg_wal": "that of its write-ahead log (pg_wal)",
    "pg_tblspc": "that of a tablespace (see the file's link in pg_tblspc)",
    "pgsql_tmp": "that of its temporary files (see temp_tablespaces)",
}
LOST: Final = (OSError, TanfengError, asyncpg.InternalClientError, asyncpg.InterfaceError)  # TimeoutError: an OSError


class StoreAwayError(Exception):
    """The store cannot take the lot now; nothing of it is committed."""


class RefusedRowsError(Exception):
    """The lot failed on a connection that still lives: a row in it may be at fault. Nothing of it is committed."""

    def __init__(self, message: str, *, is_likely: bool) -> None:
        super().__init__(message)
        self.is_likely = is_likely
        """Whether such an error mostly means a row, rather than the store."""


class PassedOnError(Exception):
    """Base of what is no problem of the store and passes through."""


@contextmanager
def away_problems() -> Iterator[None]:
    """Whatever goes wrong with the database means that it is away."""
    try:
        yield
    except (*LOST, asyncpg.PostgresError) as problem:
        raise StoreAwayError(told(problem)) from problem


@contextmanager
def commit_problems() -> Iterator[None]:
    """Tell what may be the fault of rows from what cannot be."""
    try:
        yield
    except (StoreAwayError, PassedOnError):
        raise
    except asyncpg.PostgresError as problem:
        state = problem.sqlstate or ""
        if state == _LOCKED:
            raise StoreAwayError(told(problem)) from problem
        raise RefusedRowsError(told(problem), is_likely=state[:2] in _LIKELY_ROWS) from problem
    except Exception as problem:
        # asyncpg says of a value it cannot encode that it is a ValueError too
        if isinstance(problem, LOST) and not isinstance(problem, ValueError):
            raise StoreAwayError(told(problem)) from problem
        # the fold fell over a row
        raise RefusedRowsError(told(problem), is_likely=True) from problem


def is_away(problem: BaseException) -> bool:
    """Whether the server went away, rather than refused something: it restarts, or the connection is gone."""
    if isinstance(problem, asyncpg.PostgresError):
        return (problem.sqlstate or "").startswith(_GONE)
    return isinstance(problem, LOST) and not isinstance(problem, ValueError)


def told(problem: BaseException) -> str:
    """The problem in one line; of a full disk, which one it is."""
    text = f"{type(problem).__name__}: {problem}"
    if getattr(problem, "sqlstate", None) == DISK_FULL or _NO_SPACE in str(problem):
        return f"the database server's disk is full, {_place(str(problem))}: {text}"
    return text


def _place(message: str) -> str:
    """The disk that a message of PostgreSQL about a file means."""
    return next((place for part, place in _DISKS.items() if part in message), "that of its data directory")
