"""How many of a register's days are known: covered from end to end, and nearly all of it measured on the day itself.

Estimated energy of a leg inside a day leaves its sum exact; of a leg that passes midnight it is uncertain.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

from services.model import QUARTER_US, SECOND_US
from simulators.loads import DAY_US

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.accounting.state import Segment
    from simulators.compare import Books

LIMIT: Final = Fraction(5, 100)
"""The uncertain part of a known day's energy is at most this."""


def known_days(books: Books, from_us: int, days: int) -> int:
    """How many of the days that follow each other from `from_us`, a midnight, are known."""
    uncertain = _uncertain(books.segments, from_us)
    return sum(_is_known(books, from_us + n * DAY_US, uncertain.get(n, Fraction(0))) for n in range(days))


def _is_known(books: Books, starts_us: int, uncertain: Fraction) -> bool:
    rows = [books.ledger.get(bucket, (0, 0, 0, 0)) for bucket in range(starts_us, starts_us + DAY_US, QUARTER_US)]
    is_covered = sum(row[2] for row in rows) * SECOND_US == DAY_US
    return is_covered and uncertain <= LIMIT * abs(sum(row[0] for row in rows))


def _uncertain(segments: Sequence[Segment], from_us: int) -> Mapping[int, Fraction]:
    """Day → the estimated energy that legs across its midnights bring to it."""
    found: dict[int, Fraction] = {}
    for start, end, amount, estimated, _ in segments:
        first, last = (start - from_us) // DAY_US, (end - 1 - from_us) // DAY_US
        if not estimated or first == last:
            continue
        for day in range(first, last + 1):
            begins = from_us + day * DAY_US
            within = min(end, begins + DAY_US) - max(start, begins)
            found[day] = found.get(day, Fraction(0)) + abs(Fraction(amount * within, end - start))
    return found
