"""`tanfeng rejected`: list, show and replay, by the command line."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from services.ledger.rejections import Rejection, write_rejections
from tanfeng.cli import app
from tests.ingest_rig import connection, energy, make_fleet

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from typer.testing import Result

    from services.store.pool import Connection
    from tests.ingest_rig import Fleet


def on(dsn: str, action: Callable[[Connection], Awaitable[Any]]) -> Any:
    """What an action on the database gives."""

    async def act() -> Any:
        async with connection(dsn) as con:
            return await action(con)

    return asyncio.run(act())


def reject(dsn: str, topic: str, payload: bytes, code: str, pointer: str = "") -> None:
    """Store a rejection of now."""
    now_us = time.time_ns() // 1000
    kept = Rejection(code, "why", topic, payload, pointer, "works", now_us)
    on(dsn, lambda con: write_rejections(con, [kept]))


@pytest.fixture
def tanfeng(database: str) -> Callable[..., Result]:
    """The command on this database."""

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["rejected", *arguments, "--dsn", database], env={"COLUMNS": "200"})

    return run


@pytest.fixture
def fleet(database: str) -> Fleet:
    """One registered meter."""
    found: Fleet = on(database, lambda con: make_fleet(con, 1))
    return found


def test_list_says_what_it_is_in_both_languages(database: str, fleet: Fleet, tanfeng: Callable[..., Result]) -> None:
    """Filters choose; JSON gives the same rows."""
    reject(database, *fleet.post(9, 0), "unknown_meter")
    reject(database, "keu/v1/works/m0/readings", b"?", "not_json")
    listed = tanfeng("list")
    assert listed.exit_code == 0
    for text in ("unknown_meter", "not_json", "消息不是 JSON", "the message is not JSON"):
        assert text in listed.output
    found = json.loads(tanfeng("list", "--code", "not_json", "--since", "1h", "--json").output)
    assert [(each["code"], each["seen_count"]) for each in found["rejections"]] == [("not_json", 1)]
    assert json.loads(tanfeng("list", "--enterprise", "mill", "--json").output)["rejections"] == []


def test_show_names_the_fix_and_the_bytes(database: str, tanfeng: Callable[..., Result]) -> None:
    """What was received, as far as it is kept."""
    reject(database, "keu/v1/works/m0/readings", b"12 kWh \xff", "not_utf8")
    shown = tanfeng("show", "1")
    assert (shown.exit_code, "12 kWh \\xff" in shown.output, "publish UTF-8" in shown.output) == (0, True, True)
    assert tanfeng("show", "77").exit_code != 0


def test_replay_books_what_was_mended_and_says_what_was_not(
    database: str, fleet: Fleet, tanfeng: Callable[..., Result]
) -> None:
    """A meter registered meanwhile is booked and audited; damage stays rejected, with exit code 1."""
    reject(database, *fleet.post(1, 0), "unknown_meter")
    reject(database, *fleet.post(1, 1), "unknown_meter")
    reject(database, "keu/v1/works/m1/readings", b"?", "not_json")
    on(database, lambda con: make_fleet(con, 1, first=1))
    replayed = tanfeng("replay", "--as", "tester", "--code", "unknown_meter")
    assert replayed.exit_code == 0, replayed.output
    assert "replayed 2, still rejected 0" in replayed.output
    assert on(database, energy) == 1000
    again = tanfeng("replay", "--as", "tester", "--all")
    assert (again.exit_code, "not_json" in again.output) == (1, True)
    authors = on(database, lambda con: con.fetch("SELECT author FROM core.audit WHERE action = 'rejection replayed'"))
    assert [row["author"] for row in authors] == ["tester"] * 3
    assert tanfeng("replay", "--as", "tester").exit_code != 0


def test_what_is_still_wrong_inside_a_replayed_message_is_a_rejection_of_its_own(
    database: str, fleet: Fleet, tanfeng: Callable[..., Result]
) -> None:
    """The meter was registered with one of its two registers: one value is booked, the other named."""
    topic, payload = fleet.post(1, 3)
    reject(database, topic, payload.replace(b'"import"', b'"power":1,"import"'), "unknown_meter")
    on(database, lambda con: make_fleet(con, 1, first=1))
    assert tanfeng("replay", "1", "--as", "tester").exit_code == 0
    rows = json.loads(tanfeng("list", "--json").output)["rejections"]
    assert [(each["code"], each["pointer"]) for each in rows] == [("unknown_register", "registers/power")]


def test_a_message_that_was_cut_is_not_replayed(database: str, fleet: Fleet, tanfeng: Callable[..., Result]) -> None:
    """Beyond 8 KiB only the hash is kept."""
    topic, payload = fleet.post(0, 0)
    reject(database, topic, payload + b" " * 10_000, "unknown_meter")
    replayed = tanfeng("replay", "1", "--as", "tester")
    assert (replayed.exit_code, "not kept in full" in replayed.output) == (1, True)
