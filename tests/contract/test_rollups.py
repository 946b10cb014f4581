"""Months of registers, hours of ingest and running budgets: always what they follow from, on every edition."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import date
from random import Random
from typing import TYPE_CHECKING

from services.ledger.booking import Books
from services.ledger.verify import verify
from services.model import Arrival
from services.store.migrate import migrate
from services.store.pool import connect
from tests.board_world import drop_logins, fill
from tests.figure_world import add_district, add_enterprise, add_register, book, instant, quarters
from tests.histories import History
from tests.registers import add_meter
from tests.registers import add_register as add_booked_register

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

WRONG = """
SELECT count(*)
FROM (SELECT * FROM core.energy_month WHERE (amount, estimated_amount, covered_s, estimated_s) <> (0, 0, 0, 0)) m
FULL JOIN (SELECT register_id, date_trunc('month', day::timestamp)::date AS month, sum(amount) AS amount,
                  sum(estimated_amount) AS estimated_amount, sum(covered_s) AS covered_s,
                  sum(estimated_s) AS estimated_s
           FROM core.energy_day GROUP BY 1, 2) AS d USING (register_id, month)
WHERE (m.amount, m.estimated_amount, m.covered_s, m.estimated_s)
      IS DISTINCT FROM (d.amount, d.estimated_amount, d.covered_s, d.estimated_s)
"""
ADD = """
INSERT INTO core.energy_day AS t (register_id, day, amount, estimated_amount, covered_s, estimated_s)
SELECT r, d::date, 10 * r, r, 900, 90
FROM generate_series(1, 3) AS r, generate_series($1::date, $2::date, interval '1 day') AS d
"""
AGAIN = ADD + "ON CONFLICT (register_id, day) DO UPDATE SET amount = t.amount + excluded.amount"
CHANGES = (
    "UPDATE core.energy_day SET amount = -7, covered_s = 1 WHERE register_id = 3",
    "UPDATE core.energy_day SET day = day + 300, register_id = 9 WHERE register_id = 2 AND day = '2026-02-28'",
    "UPDATE core.energy_day SET recorded_at = now()",
    "DELETE FROM core.energy_day WHERE register_id = 1 OR day > '2026-12-01'",
)


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[Connection]:
    """One connection of the owner."""
    con = await connect(dsn, name="tests")
    try:
        yield con
    finally:
        await con.close()


async def test_months_follow_every_way_a_day_can_change(edition_database: str) -> None:
    """Added, added to on conflict, changed, moved, re-dated and removed: many registers and months in one statement."""
    async with connected(edition_database) as con:
        await con.execute(ADD, date(2026, 1, 20), date(2026, 3, 5))
        assert await con.fetchval(WRONG) == 0
        await con.execute(AGAIN, date(2026, 2, 25), date(2026, 4, 2))
        assert await con.fetchval(WRONG) == 0
        for statement in CHANGES:
            await con.execute(statement)
            assert await con.fetchval(WRONG) == 0, statement
        left = await con.fetch("SELECT DISTINCT register_id FROM core.energy_month WHERE covered_s > 0 ORDER BY 1")
        assert [row["register_id"] for row in left] == [2, 3]


async def test_months_of_booked_readings_verify_and_a_spoiled_one_is_told(edition_database: str) -> None:
    """Late, false and repeated readings, in any order; then one month is tampered with."""
    async with connected(edition_database) as con:
        books = Books()
        for seed in range(6):
            history = History(Random(seed))
            meter = await add_meter(con, meter=f"m{seed}")
            register = await add_booked_register(con, meter, history.kind.value, history.versions)
            for step in history.steps:
                if isinstance(step, list):
                    async with con.transaction():
                        await books.book(con, [Arrival(register, at, value, None, at) for at, value in step])
        assert await con.fetchval("SELECT sum(covered_s) FROM core.energy_month") > 0
        assert [finding async for finding in verify(con)] == []
        await con.execute("UPDATE core.energy_month SET amount = amount + 1 WHERE covered_s > 0")
        assert {"month" in finding.place async for finding in verify(con)} == {True}


async def test_a_month_is_the_sum_of_its_days_where_a_meter_stood_for_a_part_of_it(edition_database: str) -> None:
    """A meter comes on the 10th, moves to another site on the 20th and leaves in March: of registers and of sites."""
    async with connected(edition_database) as con:
        await migrate(con)
        await add_district(con)
        await add_enterprise(con, "works", "plant-a", "plant-b")
        moved, stays = await add_register(con, "plant-a", "m1"), await add_register(con, "plant-a", "m2")
        await con.execute(
            "UPDATE core.meter_membership SET valid_from = '2026-01-10', valid_until = '2026-01-20'"
            " WHERE meter_id = (SELECT meter_id FROM core.register WHERE register_id = $1)",
            moved,
        )
        await con.execute(
            "INSERT INTO core.meter_membership (meter_id, site_id, level, valid_from, valid_until, recorded_at)"
            " SELECT r.meter_id, s.site_id, 1, '2026-01-20', '2026-03-15', '-infinity'"
            " FROM core.register r, core.site s WHERE r.register_id = $1 AND s.code = 'plant-b'",
            moved,
        )
        for register, amount in ((moved, 1000), (stays, 7)):
            await book(con, register, quarters(instant("2026-01-01T00:00+08:00"), 96 * 90, amount))
        for what, by_day, by_month in (
            ("site, meter", "energy_1d", "energy_1mo"),
            ("site, carrier", "energy_site_1d", "energy_site_1mo"),
        ):
            days = await con.fetch(
                f"SELECT {what}, date_trunc('month', day::timestamp)::date, sum(amount), sum(covered_s),"
                f" sum(expected_s) FROM report.{by_day} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
            )
            months = await con.fetch(
                f"SELECT {what}, month, sum(amount), sum(covered_s), sum(expected_s)"
                f" FROM report.{by_month} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
            )
            assert [tuple(row) for row in months] == [tuple(row) for row in days]
            assert len(months) == (7 if by_day == "energy_1d" else 6)


async def test_hours_of_ingest_are_the_sums_of_the_minutes_that_were_added(edition_database: str) -> None:
    """Two slots, a minute added to twice; what is dropped of old minutes stays in its hour."""
    async with connected(edition_database) as con:
        add = (
            "INSERT INTO core.ingest_minute AS m SELECT timestamptz '2026-01-01 00:58Z' + n * interval '1 minute', s,"
            " 1, 2, 3, 4, 5, 6 FROM generate_series(0, 3) AS n, generate_series(0, 1) AS s"
            " ON CONFLICT (minute, slot) DO UPDATE SET messages = m.messages + 10, held = m.held + 1"
        )
        await con.execute(add)
        await con.execute(add)
        sums = "sum(messages), sum(accepted), sum(duplicates), sum(rejected), sum(held), sum(batches)"
        minutes = await con.fetch(
            f"SELECT date_trunc('hour', minute), slot, {sums} FROM core.ingest_minute GROUP BY 1, 2 ORDER BY 1, 2"
        )
        hours = f"SELECT hour, slot, {sums} FROM core.ingest_hour GROUP BY 1, 2 ORDER BY 1, 2"
        assert [tuple(row) for row in await con.fetch(hours)] == [tuple(row) for row in minutes]
        await con.execute("DELETE FROM core.ingest_minute")
        assert [tuple(row) for row in await con.fetch(hours)] == [tuple(row) for row in minutes]


async def test_running_budgets_are_the_rows_of_all_periods_that_run(edition_database: str) -> None:
    """The same columns, the same values, of budgets and of their sites; also at an earlier moment."""
    logins = await fill(edition_database)
    try:
        async with connected(logins.district) as con:
            for ago in ("0 days", "40 days"):
                async with con.transaction():
                    await con.execute("SELECT set_config('tanfeng.at', (now() - $1::text::interval)::text, true)", ago)
                    status = await con.fetch("SELECT * FROM report.budget_status WHERE is_current ORDER BY budget")
                    assert await con.fetch("SELECT * FROM report.budget_running ORDER BY budget") == status
                    assert len(status) == 2
                    sites = await con.fetch(
                        "SELECT s.* FROM report.budget_sites s JOIN report.budget_status b"
                        " ON b.budget_id = s.budget_id AND b.starts_on = s.starts_on"
                        " WHERE b.is_current ORDER BY s.budget, s.site"
                    )
                    running = await con.fetch("SELECT * FROM report.budget_running_sites ORDER BY budget, site")
                    assert running == sites
    finally:
        await drop_logins(edition_database)
