"""`tanfeng production` as an operator types it."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from services.errors import TanfengError
from services.store.pool import connect
from tanfeng.cli import app
from tests.figure_world import add_district, add_enterprise, add_register, book, instant, quarters


@pytest.fixture
async def dsn(database: str) -> str:
    """A works that used 1,000 kWh in each quarter-hour of January."""
    con = await connect(database, name="test")
    await add_district(con)
    await add_enterprise(con, "works", "works-1")
    main = await add_register(con, "works-1", "main")
    await book(con, main, quarters(instant("2026-01-01T00:00+08:00"), 31 * 96, 1_000_000))
    await con.close()
    return database


def run(dsn: str, *words: str) -> str:
    """What the command prints; a problem is raised."""
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["production", *words, "--dsn", dsn])
    if done.exception is not None:
        raise done.exception
    return done.output


def test_production_is_declared_corrected_and_listed_with_its_grade(dsn: str) -> None:
    """Chinese with English beside it; a grade shows how sure its limit is."""
    assert "没有产量记录" in run(dsn, "list")
    declared = ("add", "works-1", "2026-01", "eaf_steel")
    assert "已记录" in run(dsn, *declared, "5000", "--as", "li")
    assert "没有变更" in run(dsn, *declared, "5000", "--as", "li")
    assert "已记录" in run(dsn, *declared, "5800", "--as", "wang")
    listed = run(dsn, "list")
    for words in ("2026-01", "电炉钢（≥70 t） eaf_steel", "5800 t", "63.060414", "2 级 grade 2 (medium)", "wang"):
        assert words in listed
    run(dsn, "add", "works-1", "2026-02", "eaf_steel", "5800", "--as", "li")
    assert "未知 unknown" in run(dsn, "list", "works-1")


def test_limits_are_listed_with_their_source_and_corrected(dsn: str) -> None:
    """Negative ones too."""
    listed = run(dsn, "limits")
    for words in ("Converter steel", "-30", "-12", "GB 29449-2024", "medium"):
        assert words in listed
    grades = ("--grade-1", "-31", "--grade-2", "-29", "--grade-3", "-13")
    run(dsn, "limit", "converter_steel", *grades, "--source", "地方标准", "--as", "li")
    listed = run(dsn, "limits")
    assert "-13" in listed
    assert "declared" in listed
    run(dsn, "add", "works-1", "2026-01", "converter_steel", "1000", "--as", "li")
    assert "超限额 above the limit (declared)" in run(dsn, "list")


def test_what_cannot_be_is_one_line_with_its_fix(dsn: str) -> None:
    """Site, number and month."""
    for words in (
        ("nowhere", "2026-01", "x", "1"),
        ("works-1", "2026-13", "x", "1"),
        ("works-1", "2026-01", "x", "many"),
    ):
        with pytest.raises(TanfengError):
            run(dsn, "add", *words, "--as", "li")
