"""Every query of every dashboard, as Grafana sends it, on both editions, as the roles that Grafana logs in with."""

from __future__ import annotations

import json
import os
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from dashboards.build import BOARDS
from tests import grafana_sql
from tests.board_world import PUE, QUARTER, Logins, drop_logins, fill
from tests.grafana_boards import ODD, queries, variables
from tests.grafana_sql import Frame, Range, Variable
from tests.servers import run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.xdist_group("boards")  # one world for all of it

EDITIONS = os.environ.get("TANFENG_EDITIONS", "plain timescale").split()
SERVERS = {
    "plain": ("postgres", "_migrated"),
    "timescale": ("timescale", "_timescale_migrated"),
    "server": ("community_postgres", "_community_migrated"),
}
"""Fixtures of a running server and of its migrated template, by edition."""
NOW = datetime.now(UTC)
RANGES = {
    "15m": Range(NOW - timedelta(minutes=15), NOW),
    "24h": Range(NOW - timedelta(hours=24), NOW),
    "31d": Range(NOW - timedelta(days=31), NOW),
    "366d": Range(NOW - timedelta(days=366), NOW),
    "future": Range(NOW + timedelta(days=400), NOW + timedelta(days=401)),
}
SLOW_S = 3.0
"""Nothing here may take longer on a small database, even on a busy machine."""
POINTS_MAX = 2500


@dataclass(frozen=True)
class World:
    """A seeded database."""

    logins: Logins
    timescaledb: bool


@pytest.fixture(scope="module", params=EDITIONS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """The same rows on each edition, seeded once."""
    with database_of(request.param, request) as dsn:
        made: list[Logins] = []

        async def seed() -> None:
            made.append(await fill(dsn))

        run(seed())
        yield World(made[0], request.param != "plain")
        run(drop_logins(dsn))


@contextmanager
def database_of(edition: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The dsn of a database of the edition that lives as long as the module."""
    if edition == "community":
        yield request.getfixturevalue("community").fresh()
        return
    running, template = SERVERS[edition]
    server = request.getfixturevalue(running)
    with server.database(request.getfixturevalue(template)) as dsn:
        yield dsn


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A plain connection, with PostgreSQL's own types."""
    con = await asyncpg.connect(dsn)
    try:
        yield con
    finally:
        await con.close()


async def ask(con: asyncpg.Connection[Any], sql: str, form: str) -> Frame:
    """Run it and make the frame."""
    statement = await con.prepare(sql)
    columns = [(each.name, each.type.name) for each in statement.get_attributes()]
    return grafana_sql.frame(columns, [tuple(row) for row in await statement.fetch()], form)


BOARD = pytest.mark.parametrize("name", BOARDS)


@BOARD
async def test_every_query_runs_and_gives_a_frame(world: World, name: str) -> None:
    """Any range, any choice: no error, no frame that Grafana refuses, not more points than a screen has."""
    board = BOARDS[name]()
    tried: set[str] = set()
    async with connected(world.logins.district) as con:
        for choice in ("all", "one", "two", "odd"):
            for span in RANGES.values():
                chosen = await variables(con, board, choice, span)
                for title, raw, form in queries(board):
                    sql = grafana_sql.expand(
                        grafana_sql.interpolate(raw, chosen, span), span, timescaledb=world.timescaledb
                    )
                    if sql in tried:  # many panels do not depend on the range
                        continue
                    tried.add(sql)
                    started = datetime.now(UTC)
                    try:
                        frame = await ask(con, sql, form)
                    except (asyncpg.PostgresError, grafana_sql.GrafanaError) as problem:
                        pytest.fail(f"{name} / {title} / {choice} / {span.end - span.start}: {problem}\n{sql}")
                    assert (datetime.now(UTC) - started).total_seconds() < SLOW_S, title
                    assert not frame or len(frame[0].values) <= POINTS_MAX, title


QUIET = {"期内已解除 Resolved", "数据类预警 Data warnings", "接入预警 Warnings"}
"""Panels that may be empty on the seeded day."""


@BOARD
async def test_every_panel_shows_something_and_every_column_it_names_is_there(world: World, name: str) -> None:
    """Over a day or a month, whichever the panel is about, with everything chosen."""
    board = BOARDS[name]()
    async with connected(world.logins.district) as con:
        for panel in board["panels"]:
            frames = []
            for span in (RANGES["24h"], RANGES["31d"]):
                chosen = await variables(con, board, "all", span)
                raw, form = panel["targets"][0]["rawSql"], panel["targets"][0]["format"]
                sql = grafana_sql.expand(grafana_sql.interpolate(raw, chosen, span), span, timescaledb=False)
                frames.append(await ask(con, sql, form))
            found = [frame for frame in frames if frame]
            assert found or panel["title"] in QUIET, f"{panel['title']} is empty"
            for frame in found:
                missing = named_columns(panel) - {field.name for field in frame}
                assert not missing, f"{panel['title']} names {missing}"
                assert fits(panel["type"], frame), panel["title"]


OVER_TIME = {"timeseries", "state-timeline", "status-history"}


def fits(kind: str, frame: Frame) -> bool:
    """Whether a panel of this kind can draw the frame: numbers over time, a number, or a table as it is."""
    kinds = [field.kind for field in frame]
    if kind in OVER_TIME:
        return kinds[0] == "time" and len(kinds) > 1 and set(kinds[1:]) == {"number"}
    return kind == "table" or "number" in kinds


def named_columns(panel: dict[str, Any]) -> set[str]:
    """Columns that overrides and links speak of."""
    text = json.dumps(panel, ensure_ascii=False)
    linked = {part.split("}")[0] for part in text.split("${__data.fields.")[1:]}
    return linked | {each["matcher"]["options"] for each in panel["fieldConfig"]["overrides"]}


READING_ROWS = 200
"""A window's edge may be looked up in the readings; nothing may scan them."""
LEDGER_ROWS = 2000
"""What is shown of today, or of the last 24 hours, whatever the range: of the seeded 16,000 rows."""


@BOARD
@pytest.mark.parametrize("span", ["31d", "366d"])
async def test_long_ranges_read_no_raw_readings(world: World, name: str, span: str) -> None:
    """The plan as it ran: what it fetched from readings is nothing, and a year does not come from the ledger."""
    board = BOARDS[name]()
    async with connected(world.logins.district) as con, connected(world.logins.owner) as owner:
        chosen = await variables(con, board, "all", RANGES[span])
        for title, raw, _ in queries(board):
            sql = grafana_sql.expand(
                grafana_sql.interpolate(raw, chosen, RANGES[span]), RANGES[span], timescaledb=world.timescaledb
            )
            plan = json.loads(await con.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) {sql}"))[0]["Plan"]
            raw_rows = fetched(plan, await parts_of(owner, "reading"))
            assert raw_rows <= READING_ROWS, title
            if span == "366d":
                assert fetched(plan, await parts_of(owner, "energy_15m")) <= LEDGER_ROWS, title


CHUNKS = """
SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = ('core.' || $1::text)::regclass
"""


async def parts_of(owner: asyncpg.Connection[Any], table: str) -> set[str]:
    """The table and its chunks, of which plain PostgreSQL has none."""
    return {table, *(row[0] for row in await owner.fetch(CHUNKS, table))}


def fetched(plan: dict[str, Any], relations: set[str]) -> float:
    """Rows that a plan took from relations, those included that it looked at in vain."""
    rows = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    own = rows * plan["Actual Loops"] if plan.get("Relation Name") in relations else 0
    return float(own) + sum(fetched(each, relations) for each in plan.get("Plans", ()))


async def panel_value(world: World, dsn: str, name: str, title: str, *, choice: str = "all") -> Frame:
    """The frame of one panel over a day."""
    board = BOARDS[name]()
    panel = next(each for each in board["panels"] if each["title"] == title)
    span = replace(RANGES["24h"])
    async with connected(dsn) as con:
        chosen = await variables(con, board, choice, span)
        raw = grafana_sql.interpolate(panel["targets"][0]["rawSql"], chosen, span)
        sql = grafana_sql.expand(raw, span, timescaledb=world.timescaledb)
        return await ask(con, sql, panel["targets"][0]["format"])


async def test_the_figures_are_those_of_the_ledger(world: World) -> None:
    """Electricity of the month is the sum of the days; PUE is energy over energy."""
    shown = await panel_value(world, world.logins.district, "regulator/01-district.json", "本月用电")
    async with connected(world.logins.owner) as owner:
        expected = await owner.fetchval(
            "SELECT sum(e.amount) * 0.001 FROM core.energy_day e JOIN core.register r USING (register_id)"
            " JOIN core.meter_membership m USING (meter_id) WHERE r.carrier = 'electricity' AND m.level = 1"
            " AND e.day >= date_trunc('month', now() AT TIME ZONE 'Asia/Shanghai')::date"
        )
    assert shown[0].values == [float(expected)]
    ratio = await panel_value(world, world.logins.district, "regulator/01-district.json", "数据中心 PUE")
    assert {field.name: field.values for field in ratio}["24 小时"] == [PUE]
    title = "各场所用电功率 Power by site"
    power = await panel_value(world, world.logins.district, "regulator/02-enterprise.json", title, choice="two")
    assert {value for field in power[1:] for value in field.values if value is not None} <= {
        amount * 0.004 for amount in QUARTER.values()
    }


async def test_unknown_is_not_zero(world: World) -> None:
    """CO2 is null as soon as one carrier has no factor, and nothing at all is no row."""
    async with connected(world.logins.owner) as owner:
        transaction = owner.transaction()
        await transaction.start()
        await owner.execute("UPDATE core.emission_factor SET enabled = false WHERE carrier = 'natural_gas'")
        district = await owner.fetchval(
            "SELECT role_name FROM core.login_scope WHERE enterprise_id IS NULL AND role_name LIKE 'grafana%'"
        )
        await owner.execute(f"SET LOCAL ROLE {district}")
        board = BOARDS["regulator/01-district.json"]()
        span = RANGES["24h"]
        sql = next(raw for title, raw, _ in queries(board) if title == "本月 CO₂")
        for chosen, values in ((["steel"], [None]), ([ODD], [])):
            filled = grafana_sql.interpolate(sql, {"enterprise": Variable(chosen, is_list=True)}, span)
            frame = await ask(owner, grafana_sql.expand(filled, span, timescaledb=False), "table")
            assert [value for field in frame for value in field.values] == values
        await transaction.rollback()


FOREIGN = ("tyre", "轮胎", "cloud", "dc-", '示例"', "数据中心'")


async def test_an_enterprises_grafana_sees_nothing_of_another(world: World) -> None:
    """Its options are its own, and asking for another's code by hand gives nothing."""
    async with connected(world.logins.steel) as con:
        for name, make in BOARDS.items():
            board = make()
            span = RANGES["31d"]
            for title, raw, form in queries(board):
                for codes in (["steel"], ["tyre", "cloud", "steel-power", "cap-power", "dc-1", "tyre-plant"]):
                    chosen = {
                        each["name"]: Variable(
                            each["current"]["value"] if each["type"] == "custom" else codes,
                            is_list=each["type"] != "custom",
                        )
                        for each in board["templating"]["list"]
                    }
                    sql = grafana_sql.expand(
                        grafana_sql.interpolate(raw, chosen, span), span, timescaledb=world.timescaledb
                    )
                    text = str([(field.labels, field.name, field.values) for field in await ask(con, sql, form)])
                    assert not [word for word in FOREIGN if word in text], (name, title)


REFUSED = [
    "INSERT INTO core.alert (rule) VALUES ('x')",
    "DELETE FROM report.alerts",
    "SELECT * FROM core.reading",
    "CREATE TABLE mine (a int)",
    "SELECT pg_read_file('/etc/passwd')",
    "COPY (SELECT 1) TO PROGRAM 'true'",
]


@pytest.mark.parametrize("who", ["district", "steel"])
async def test_grafanas_role_cannot_write_or_read_files(world: World, who: str) -> None:
    """Whatever a viewer posts to Grafana's query endpoint runs as this role."""
    async with connected(getattr(world.logins, who)) as con:
        await con.execute("SET default_transaction_read_only = off")
        for statement in REFUSED:
            with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.ObjectNotInPrerequisiteStateError,
                                asyncpg.FeatureNotSupportedError)):  # fmt: skip
                await con.execute(statement)
