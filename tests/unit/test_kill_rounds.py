"""The count of `scripts/kill-test` survives its own end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.kill_rounds import Count, begun, go_on, keep

if TYPE_CHECKING:
    from pathlib import Path


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    """Ended in the third stretch: the two before are counted, and the third has the same seed again."""
    ran: list[tuple[int, int]] = []

    def run(_what: str, rounds: int, seed: int) -> bool:
        ran.append((rounds, seed))
        return len(ran) != 3

    assert not go_on(tmp_path, begun(tmp_path, "ingest", 1000, 25), 25, run)
    count = begun(tmp_path, "ingest", None, 25)
    assert (count.seed, count.done) == (1000, 20)
    assert go_on(tmp_path, count, 25, run)
    assert ran == [(10, 1000), (10, 1010), (5, 1020), (5, 1020)]


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    """A finished count goes on only for more rounds, or by its seed."""
    keep(tmp_path, Count("up", 7, 100))
    assert begun(tmp_path, "up", None, 300).seed == 7
    assert begun(tmp_path, "up", None, 100).done == 0
    assert begun(tmp_path, "up", 7, 100).done == 100
    assert begun(tmp_path, "ingest", None, 300).done == 0
