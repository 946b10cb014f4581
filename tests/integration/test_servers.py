"""The servers of the tests are real and separate."""

from __future__ import annotations

from urllib.parse import urlsplit

import asyncpg

from tanfeng.embedded.ports import answers


async def test_each_test_gets_an_empty_database(empty_database: str) -> None:
    """A fresh database has no table of ours."""
    con = await asyncpg.connect(empty_database)
    assert await con.fetchval("SELECT count(*) FROM pg_namespace WHERE nspname IN ('core', 'report')") == 0
    assert await con.fetchval("SHOW synchronous_commit") == "on"
    await con.close()


async def test_migrated_databases_exist_on_every_edition(edition_database: str) -> None:
    """The clone of the template carries the schema."""
    con = await asyncpg.connect(edition_database)
    assert await con.fetchval("SELECT to_regclass('core.reading')") is not None
    await con.close()


def test_mosquitto_answers_on_loopback(mosquitto: str) -> None:
    """The fixture's url is one of a broker that listens."""
    port = urlsplit(mosquitto).port
    assert port is not None
    assert answers(port)
