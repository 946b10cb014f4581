"""A file that `tanfeng energy` is given may be anything: it is read within bounds, and what is none is one error."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from services.errors import TanfengError
from tanfeng.energy import listing
from tanfeng.energy.listing import read_listing

ROWS = 20_000
ODD = {
    "a field of 200,000 characters": "read_at,value\n2026-01-01T00:00:00Z," + "1" * 200_000,
    "a quote that never ends": 'read_at,value\n2026-01-01T00:00:00Z,"' + "1\n" * 100_000,
    "no line end": "x" * 200_000,
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_listing_is_one_error_with_its_fix(name: str, tmp_path: Path) -> None:
    """Neither a traceback of the csv module nor a row that nobody wrote."""
    file = tmp_path / "odd.csv"
    file.write_text(ODD[name])
    with pytest.raises(TanfengError, match=r"odd\.csv") as caught:
        read_listing(file, None)
    assert caught.value.fix


def test_a_device_without_end_is_refused_after_one_line() -> None:
    """/dev/zero has no line end; reading it whole took all memory."""
    with pytest.raises(TanfengError, match="line 1 of /dev/zero"):
        read_listing(Path("/dev/zero"), None)


def test_a_file_of_too_many_rows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What memory could not hold is said before it is tried."""
    monkeypatch.setattr(listing, "MOST_ROWS", 3)
    file = tmp_path / "long.csv"
    file.write_text("read_at,value\n" + "2026-01-01T00:00:00Z,1\n" * 3)
    assert len(read_listing(file, None).rows) == 3
    file.write_text("read_at,value\n" + "2026-01-01T00:00:00Z,1\n" * 4)
    with pytest.raises(TanfengError, match="more than 3 rows"):
        read_listing(file, None)


def test_a_row_takes_the_memory_that_is_stated(tmp_path: Path) -> None:
    """Half of the stated KiB is the listing's, the rest the fold's; the text of the file is not held beside it."""
    file = tmp_path / "rows.csv"
    file.write_text("read_at,value\n" + "".join(f"{1_767_225_600 + 60 * n},{n}.25\n" for n in range(ROWS)))
    tracemalloc.start()
    try:
        found = read_listing(file, None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found.standing) == ROWS
    assert peak / ROWS < 512
