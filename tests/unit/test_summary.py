"""The line that a worker says once a minute."""

from __future__ import annotations

from collections import Counter

from ingest.inbox import Inbox
from ingest.summary import Summary
from services.ledger.outcome import Outcome
from services.store.problems import told
from services.waiting import Backoff


def test_batches_add_up_and_start_afresh() -> None:
    """Sums, the slowest batch and the longest lag; nothing is said where nothing was done."""
    summary, inbox = Summary(), Inbox(10, 10)
    assert summary.taken(inbox) is None
    summary.add(Outcome(5, 1, 2, Counter(conflict=3)), 9, 0.25, 1.5)
    summary.add(Outcome(1, 0, 0), 1, 0.5, 0.1)
    assert summary.taken(inbox) == {
        "batches": 2, "messages": 10, "accepted": 6, "duplicates": 1, "held": 2, "rejected": 3,
        "slowest_s": 0.5, "lag_s": 1.5, "waiting": 0,
    }  # fmt: skip
    assert summary.taken(inbox) is None


def test_pauses_double_up_to_the_longest() -> None:
    """Each is at least half of the pause it stands for; after a success they begin anew."""
    backoff = Backoff(1.0, 8.0)
    for pause in (1, 2, 4, 8, 8, 8):
        assert pause / 2 <= backoff.next_s() <= pause
    backoff.reset()
    assert backoff.next_s() <= 1


def test_a_full_disk_is_named() -> None:
    """By the file that could not be written."""
    for file, word in {
        "pg_wal/000000010000000000000001": "write-ahead log",
        "base/5/1259": "data directory",
        "pg_tblspc/16384/PG_17/5/1": "tablespace",
        "base/pgsql_tmp/pgsql_tmp1.0": "temporary files",
    }.items():
        said = told(OSError(f'could not extend file "{file}": No space left on device'))
        assert "disk is full" in said
        assert word in said
    assert "full" not in told(OSError("connection refused"))
