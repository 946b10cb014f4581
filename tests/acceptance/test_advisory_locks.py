"""The attack: a session takes every advisory lock that the product was ever known to use, and more, and keeps them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from services.alerts.catalogue import RULES
from services.alerts.loop import Evaluator
from services.alerts.rule_versions import set_rules
from services.store.migrate import migrate
from services.store.queries import SQL
from services.upkeep.maintenance import maintain
from tests.contract.test_maintenance import KEEP
from tests.ingest_rig import connection, make_fleet, settings_for, stored, until, worker
from tests.mqtt import publish

if TYPE_CHECKING:
    from services.store.pool import Connection

ENOUGH_S = 60.0


async def take_them(con: Connection) -> None:
    """Classes of before with their keys, the keys of migration and maintenance, and every small number."""
    await con.execute(
        "SELECT pg_advisory_lock(class, key) FROM generate_series(5715, 5725) class, generate_series(0, 99) key"
    )
    await con.fetch("SELECT pg_advisory_lock(5722, hashtext(rule)) FROM unnest($1::text[]) rule", [*RULES, "rules"])
    await con.fetch("SELECT pg_advisory_lock(key) FROM unnest($1::bigint[]) key", [0x74616E66656E67, 0x74616E66656E6D])
    await con.execute("SELECT pg_advisory_lock(key) FROM generate_series(0, 999) key")


async def test_whoever_takes_every_advisory_lock_stops_nothing(database: str, mosquitto: str) -> None:
    """Migration, maintenance, every rule, a change of rules and ingest with its slot go on beside it."""
    async with connection(database) as con, connection(database) as attacker, asyncio.timeout(ENOUGH_S):
        await take_them(attacker)
        await con.execute("UPDATE public.schema_migration SET sha256 = 'x' WHERE name = 'objects'")
        assert await migrate(con) != []
        assert {each.result for each in await maintain(con, KEEP) or ()} == {"nothing"}
        await Evaluator("", asyncio.Event(), timer_s=0).round(con)
        looked = {row["rule"]: row["problem"] for row in await con.fetch("SELECT rule, problem FROM core.evaluation")}
        assert looked == dict.fromkeys(RULES)
        assert await set_rules(con, {"MeterSilent": {"severity": "notice"}}, "li") == ["MeterSilent"]
        fleet = await make_fleet(con, 5)
        async with worker(settings_for(database, mosquitto)) as running:
            assert running.intake.slot == 0
            await publish(mosquitto, fleet.posts(100))
            await until(lambda: holds(con, 100))


async def holds(con: Connection, number: int) -> bool:
    """Whether so many readings are stored."""
    return await stored(con) == number


def test_no_query_takes_an_advisory_lock() -> None:
    """Nor will one."""
    assert [name for name, text in SQL.items() if "advisory" in text] == []
