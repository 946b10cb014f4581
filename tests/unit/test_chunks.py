"""Which chunks go to the columnstore together."""

from __future__ import annotations

from services.upkeep.chunks import WEEK_US, Chunk, plan

DAY = WEEK_US // 7


def days(first: int, last: int) -> list[Chunk]:
    """Day chunks [first, last), uncompressed."""
    return [Chunk(f"c{n}", n * DAY, (n + 1) * DAY) for n in range(first, last)]


def names(groups: list[list[Chunk]]) -> list[str]:
    """Each group's chunks in one word."""
    return [" ".join(chunk.name for chunk in group) for group in groups]


def test_days_of_a_whole_week_go_together_once_the_week_is_old() -> None:
    """A week that is not yet wholly old waits."""
    assert names(plan(days(5, 20), 20 * DAY)) == ["c5 c6", "c7 c8 c9 c10 c11 c12 c13"]


def test_a_missing_day_parts_a_week() -> None:
    """Only neighbours can be merged."""
    assert names(plan([*days(7, 9), *days(10, 14)], 14 * DAY)) == ["c7 c8", "c10 c11 c12 c13"]


def test_what_is_compressed_stays_unless_late_readings_lie_beside_it() -> None:
    """And then goes alone, whatever its neighbours."""
    week = Chunk("week", 0, WEEK_US, is_compressed=True)
    late = Chunk("late", WEEK_US, 2 * WEEK_US - DAY, is_compressed=True, has_more=True)
    assert names(plan([week, late, *days(13, 14)], 3 * WEEK_US)) == ["late", "c13"]


def test_a_chunk_longer_than_a_week_goes_alone_when_it_is_old() -> None:
    """As where an operator chose other chunks."""
    month = Chunk("month", 0, 30 * DAY)
    assert plan([month], 29 * DAY) == []
    assert names(plan([month], 30 * DAY)) == ["month"]
