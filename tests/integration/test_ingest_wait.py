"""How long messages wait in ingest, by ingest's own clock; and what is rejected, by the meter it is of."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from services.model import SECOND_US
from tests.alert_rig import alerts, look
from tests.ingest_rig import connection, counted, make_fleet, rejected, settings_for, stored, until, worker
from tests.mqtt import publish

if TYPE_CHECKING:
    from services.store.pool import Connection

WAITING = (
    "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'core.register_state'::regclass"
    " AND clock_timestamp() - waitstart > interval '1 s'"
)


async def test_a_batch_whose_newest_reading_is_forty_minutes_old_is_no_lag_of_ingest(
    database: str, mosquitto: str
) -> None:
    """Only waiting between receipt and commit counts, such as for a lock that somebody holds."""
    async with connection(database) as con, connection(database) as other:
        await make_fleet(con, 1)
        newest = time.time_ns() // 1_000_000_000 - 40 * 60
        batch = [{"read_at": newest - 60 * n, "registers": {"import": 100 - n}} for n in range(60)]
        async with worker(settings_for(database, mosquitto, ingest_group="wait")):
            await publish(mosquitto, [("keu/v1/works/m0/readings", json.dumps(batch).encode())])
            await until(lambda: counted(con, "accepted"))
            quick = await con.fetchval("SELECT max(waited_ms) FROM core.ingest_minute")
            await look(con, "IngestLagHigh", for_="0s")
            assert await alerts(con, "IngestLagHigh") == []
            async with other.transaction():
                await other.execute("LOCK TABLE core.register_state")
                late = {"read_at": newest + 60, "registers": {"import": 101}}
                await publish(mosquitto, [("keu/v1/works/m0/readings", json.dumps(late).encode())])
                await until(lambda: con.fetchval(WAITING))
            await until(lambda: both(con))
        assert quick < 1000 < await con.fetchval("SELECT max(waited_ms) FROM core.ingest_minute")
        await look(con, "IngestLagHigh", for_="0s", above="0", clear="0")
        assert [row["unit"] for row in await alerts(con, "IngestLagHigh")] == ["s"]


async def both(con: Connection) -> bool:
    """Whether all 61 readings are stored."""
    return await stored(con) == 61


async def test_what_a_gateway_sends_of_a_meter_with_a_wrong_clock_is_counted_as_that_meters(
    database: str, mosquitto: str
) -> None:
    """One of two meters stamps the future; the gateway's alert names it, and the other one reports well."""
    async with connection(database) as con:
        await make_fleet(con, 2)
        now = time.time_ns() // 1_000_000_000
        posts = []
        for minute in range(6):
            pair = [
                {"meter": f"m{m}", "read_at": now - 60 * (6 - minute) + m * 3600, "registers": {"import": minute}}
                for m in range(2)
            ]
            posts.append(("keu/v1/works/readings", json.dumps(pair).encode()))
        async with worker(settings_for(database, mosquitto, ingest_group="gateway")):
            await publish(mosquitto, posts)
            await until(lambda: all_rejected(con))
        await look(con, "MessagesRejected", time.time_ns() // 1_000_000_000 * SECOND_US + SECOND_US)
        (alert,) = await alerts(con, "MessagesRejected")
        assert alert["evidence"]["meters"] == [{"meter": "m1", "code": "time_ahead"}]


async def all_rejected(con: Connection) -> bool:
    """Whether every reading of the fast meter was refused."""
    return await rejected(con) == {"time_ahead": 6}
