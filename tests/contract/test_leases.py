"""Leases and turns: one holder at a time, while its session lives and renews; rows that no tenant can touch."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

from services.store import leases
from services.store.leases import claim, release, renew, take_turn
from services.store.pool import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

pytestmark = pytest.mark.two_connections


@pytest.fixture
async def pair(edition_database: str) -> AsyncIterator[tuple[Connection, Connection]]:
    """Two sessions of one database."""
    cons = [await connect(edition_database, name="test") for _ in range(2)]
    yield cons[0], cons[1]
    for con in cons:
        await con.close()


async def test_a_lease_is_held_until_it_is_given_back(pair: tuple[Connection, Connection]) -> None:
    """By its holder only; and the holder may claim again, from another session too."""
    one, two = pair
    assert await claim(one, "x", "a", 60)
    assert not await claim(two, "x", "b", 60)
    assert await claim(one, "y", "a", 60)
    assert await claim(two, "x", "a", 60)
    assert await renew(one, "x", "a", 60)
    await release(two, "x", "b")
    assert not await claim(two, "x", "b", 60)
    await release(two, "x", "a")
    assert await claim(two, "x", "b", 60)
    assert not await renew(one, "x", "a", 60)


async def test_a_lease_ends_with_its_session(pair: tuple[Connection, Connection], edition_database: str) -> None:
    """However long it was to be, and though another session may have the number of the one that ended."""
    one, two = pair
    gone = await connect(edition_database, name="test")
    assert await claim(gone, "x", "a", 3600)
    assert not await claim(one, "x", "b", 60)
    await gone.close()
    assert await claim(one, "x", "b", 60)
    await one.execute("UPDATE core.lease SET connected_at = connected_at - interval '1 hour'")
    assert await claim(two, "x", "c", 60)


async def test_a_lease_that_is_not_renewed_ends(pair: tuple[Connection, Connection]) -> None:
    """Its session lives as far as the server knows, and may be cut off."""
    one, two = pair
    assert await claim(one, "x", "a", 0)
    assert await claim(two, "x", "b", 60)
    assert not await renew(one, "x", "a", 60)


async def test_of_two_that_claim_a_dead_ones_lease_at_once_one_gets_it(
    pair: tuple[Connection, Connection], edition_database: str
) -> None:
    """Each judges the row as the other left it."""
    for number in range(20):
        gone = await connect(edition_database, name="test")
        await claim(gone, f"x {number}", "a", 60)
        await gone.close()
        took = await asyncio.gather(*(claim(con, f"x {number}", str(n), 60) for n, con in enumerate(pair)))
        assert sorted(took) == [False, True]


async def test_a_turn_ends_with_its_transaction(pair: tuple[Connection, Connection]) -> None:
    """The second waits, also where the row was made a moment ago by the first."""
    one, two = pair
    for name in ("rule A", "rule A", "rule B"):
        transaction = one.transaction()
        await transaction.start()
        await take_turn(one, name)
        waiting = asyncio.create_task(taken(two, name))
        assert not (await asyncio.wait([waiting], timeout=0.3))[0]
        await transaction.commit()
        await waiting


async def taken(con: Connection, name: str) -> None:
    """Take a turn for a moment."""
    async with con.transaction():
        await take_turn(con, name)


async def test_a_tenant_can_neither_see_nor_take_nor_lock_a_lease_or_a_turn(
    pair: tuple[Connection, Connection],
) -> None:
    """Whatever it tries is refused at once."""
    one, two = pair
    assert await claim(one, "x", "a", 60)
    async with one.transaction():
        await take_turn(one, "rule A")
    await two.execute("SET ROLE tanfeng_reader")
    for statement in (
        "SELECT * FROM core.lease",
        "SELECT FROM core.lease FOR UPDATE",
        "UPDATE core.lease SET holder = 'me'",
        "DELETE FROM core.turn",
        "SELECT FROM core.turn FOR UPDATE",
        "LOCK TABLE core.lease",
        "LOCK TABLE public.schema_migration IN SHARE MODE",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with two.transaction():
                await two.execute(statement)
    await two.execute("RESET ROLE")
    assert not await leases.claim(two, "x", "b", 60)
