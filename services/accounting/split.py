"""Segments over UTC quarter-hours: floors of running sums, so that the parts add up to the whole, in integers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from services.model import QUARTER_US, SECOND_US

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.accounting.state import Segment


class Booked(NamedTuple):
    """What a ledger row holds, or a change of it. Amounts in thousandths, coverage in seconds."""

    amount: int = 0
    estimated_amount: int = 0
    covered_s: int = 0
    estimated_s: int = 0


NOTHING = Booked()


def split(segments: Iterable[Segment]) -> dict[int, list[int]]:
    """Bucket start (µs) → [amount, estimated_amount, covered_s, estimated_s], summed over the segments.

    A segment without length books into the quarter-hour that ends at or holds its instant. Seconds are counted by
    their floor, so that touching segments cover what they cover together.
    """
    rows: dict[int, list[int]] = {}
    for start, end, amount, estimated, sign in segments:
        bucket = start // QUARTER_US * QUARTER_US
        if end <= bucket + QUARTER_US and start < end:  # the ordinary case: within one bucket
            _add(
                rows,
                bucket,
                amount * sign,
                (end // SECOND_US - start // SECOND_US) * sign,
                estimated=estimated,
            )
            continue
        if start == end:
            _add(rows, (start - 1) // QUARTER_US * QUARTER_US, amount * sign, 0, estimated=estimated)
            continue
        length, done, seconds = end - start, 0, start // SECOND_US
        while bucket < end:
            until = min(bucket + QUARTER_US, end)
            running = amount * (until - start) // length
            _add(
                rows,
                bucket,
                (running - done) * sign,
                (until // SECOND_US - seconds) * sign,
                estimated=estimated,
            )
            done, seconds, bucket = running, until // SECOND_US, bucket + QUARTER_US
    return rows


def _add(rows: dict[int, list[int]], bucket: int, amount: int, seconds: int, *, estimated: bool) -> None:
    row = rows.get(bucket)
    if row is None:
        row = rows[bucket] = [0, 0, 0, 0]
    row[0] += amount
    row[2] += seconds
    if estimated:
        row[1] += amount
        row[3] += seconds
