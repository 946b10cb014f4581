"""The live view over a real database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from services.store.pool import connect
from tanfeng.demo import view
from tanfeng.embedded.ports import free_port
from tests.alert_world import add_alert
from tests.figure_world import add_district, add_enterprise

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

PATIENCE_S = 20.0


async def shown(dsn: str, *, plain: bool, found: Callable[[], bool]) -> None:
    """Run the view until something is found in what it wrote."""
    stop = asyncio.Event()
    running = asyncio.create_task(view.run(dsn, plain=plain, stop=stop, api_url="http://127.0.0.1:1"))
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not found():  # noqa: ASYNC110 - what is waited for is text in a stream, which sets no event
                await asyncio.sleep(0.02)
    finally:
        stop.set()
        await running


async def test_plain_is_a_line_of_log(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is booked the figures are unknown, and the counts zero."""
    said: list[str] = []

    def found() -> bool:
        said.append(capsys.readouterr().out)
        return "\n" in "".join(said)

    await shown(database, plain=True, found=found)
    line = "".join(said).splitlines()[0]
    assert "未知 unknown kWh" in line
    assert "accepted 0" in line


async def test_live_is_a_table_with_the_address_of_the_api(
    database: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a terminal: the table of the day, and where to look."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    said: list[str] = []

    def found() -> bool:
        said.append(capsys.readouterr().out)
        return "http://127.0.0.1:1" in "".join(said)

    await shown(database, plain=False, found=found)
    assert "合计 total" in "".join(said)


async def test_warnings_are_listed_in_a_terminal_and_told_once_in_a_log(
    database: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both languages; a line of log tells of a warning when it comes, not every few seconds."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(view, "PLAIN_S", 0.05)
    con = await connect(database, name="test")
    try:
        await add_district(con)
        await add_enterprise(con, "steel", "works")
        await add_alert(con, "steel", "works")
    finally:
        await con.close()
    said: list[str] = []

    def found(times: int) -> bool:
        said.append(capsys.readouterr().out)
        return "".join(said).count("入库 accepted") >= times

    await shown(database, plain=True, found=lambda: found(3))
    assert "".join(said).count("预警 MeterSilent") == 1
    said.clear()
    monkeypatch.setenv("FORCE_COLOR", "1")
    await shown(database, plain=False, found=lambda: found(1))
    assert "预警 MeterSilent" in "".join(said)


async def test_a_database_that_is_away_is_said_and_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    """The view goes on trying and still ends when told to."""
    said: list[str] = []

    def found() -> bool:
        said.append(capsys.readouterr().err)
        return "cannot open the database" in "".join(said)

    await shown(f"postgresql://nobody@127.0.0.1:{free_port()}/none", plain=True, found=found)


async def test_the_summary_is_one_line_with_energy_and_co2(database: str) -> None:
    """What `tanfeng up` says last."""
    line = await view.summary(database)
    assert "\n" not in line
    assert "kWh" in line
    assert "kgCO₂" in line
