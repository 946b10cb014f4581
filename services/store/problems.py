"""What can go wrong with the store, sorted by what ingest does about it: try again, or blame the rows."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import asyncpg

from services.errors import TanfengError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Classes of SQLSTATE that blame the rows: data exception, integrity, cardinality, limits of a row, raised by a trigger.
_ROWS_TO_BLAME: Final = frozenset({"22", "23", "21", "54", "P0"})
LOST: Final = (OSError, TanfengError, asyncpg.InternalClientError, asyncpg.InterfaceError)  # TimeoutError: an OSError


class StoreAwayError(Exception):
    """The store cannot take the lot now; nothing of it is committed."""


class RefusedRowsError(Exception):
    """Something in the lot cannot be stored; nothing of it is committed."""


class PassedOnError(Exception):
    """Base of what is no problem of the store and passes through."""


@contextmanager
def away_problems() -> Iterator[None]:
    """Whatever goes wrong with the database means that it is away."""
    try:
        yield
    except (*LOST, asyncpg.PostgresError) as problem:
        raise StoreAwayError(f"{type(problem).__name__}: {problem}") from problem


@contextmanager
def commit_problems() -> Iterator[None]:
    """Tell what blames the rows from what blames the store."""
    try:
        yield
    except (StoreAwayError, PassedOnError):
        raise
    except asyncpg.PostgresError as problem:
        if (problem.sqlstate or "")[:2] in _ROWS_TO_BLAME:
            raise RefusedRowsError(f"{type(problem).__name__}: {problem}") from problem
        raise StoreAwayError(f"{type(problem).__name__}: {problem}") from problem
    except Exception as problem:
        # asyncpg says of a value it cannot encode that it is a ValueError too
        if isinstance(problem, LOST) and not isinstance(problem, ValueError):
            raise StoreAwayError(f"{type(problem).__name__}: {problem}") from problem
        # the fold fell over a row: that row is to blame, and is kept with its bytes, rather than the whole feed stopped
        raise RefusedRowsError(f"{type(problem).__name__}: {problem}") from problem
