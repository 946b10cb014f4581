"""The real store against one fold over all it stored, with two writers at once."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from services.accounting.fold import Fold
from services.accounting.policy import Act
from services.accounting.split import split
from services.accounting.state import Event, Outcome
from services.ledger.acts import declare
from services.ledger.booking import Books
from services.ledger.cards import load_cards
from services.ledger.entries import KEPT_MEMBERS, state_of
from services.ledger.sums import with_rests
from services.model import Arrival
from services.store.pool import connect
from tests.histories import History, short_times
from tests.registers import add_meter, add_register

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from services.store.pool import Connection


@pytest.fixture(autouse=True, scope="module")
def _short_times() -> Iterator[None]:
    with short_times():
        yield


LIVES = int(os.environ.get("TANFENG_STORE_LIVES", "120"))


@asynccontextmanager
async def writers(dsn: str, number: int) -> AsyncIterator[list[Connection]]:
    """Some connections to one database."""
    connections: list[Connection] = [await connect(dsn, name=f"writer-{n}") for n in range(number)]
    try:
        yield connections
    finally:
        for con in connections:
            await con.close()


async def do(con: Connection, books: Books, steps: list[tuple[int, Any]]) -> None:
    """One transaction: batches of several registers together, or one act."""
    async with con.transaction():
        arrivals = []
        for register_id, step in steps:
            if isinstance(step, Act):
                await declare(con, register_id, step, author="test", reason="test")
            else:
                arrivals += [Arrival(register_id, at, value, None, at) for at, value in step]
        if arrivals:
            await books.book(con, arrivals)


def rounds(lives: dict[int, History], rnd: Random) -> list[list[list[tuple[int, Any]]]]:
    """All steps of all lives, mixed: each round has one transaction a writer."""
    queues = {register: list(history.steps) for register, history in lives.items()}
    plan = []
    while queues:
        round_: list[list[tuple[int, Any]]] = [[], []]
        for register in list(queues):
            if not queues[register]:
                del queues[register]
                continue
            step = queues[register].pop(0)
            rnd.choice(round_).append((register, step))
        for work in round_:
            acts = [each for each in work if isinstance(each[1], Act)]
            batches = [each for each in work if not isinstance(each[1], Act)]
            plan += [[[act]] for act in acts]
            if rnd.random() < 0.7:
                plan.append([batches, batches[: len(batches) // 2]])  # the other writer redelivers half of them
            else:
                plan.append([batches])
    return plan


async def assert_books_are_one_fold(con: Connection, register_id: int) -> None:
    """Readings in the store, folded once, give the stored ledger, rollups, doubts, events and state."""
    card = (await load_cards(con, [register_id]))[register_id]
    stored = await con.fetch(
        "SELECT read_at, value, value_text FROM core.reading WHERE register_id = $1 ORDER BY read_at", register_id
    )
    whole = Fold(card.policy)
    whole.take_all((row["read_at"], card.raw(row["value"], row["value_text"])) for row in stored)
    stored_rows = await con.fetch(
        "SELECT starts_at, amount, estimated_amount, covered_s, estimated_s, rest, estimated_rest FROM core.energy_15m"
        " WHERE register_id = $1",
        register_id,
    )
    ledger = {row["starts_at"]: tuple(row)[1:] for row in stored_rows}
    rows = {bucket: row for bucket, row in split(whole.effects.segments).items() if any(row)}
    assert ledger == {bucket: with_rests(row, card.policy.parts) for bucket, row in rows.items()}
    days = await con.fetch("SELECT amount, rest FROM core.energy_day WHERE register_id = $1", register_id)
    assert sum(d["amount"] * card.policy.parts + d["rest"] for d in days) == sum(row[0] for row in rows.values())
    doubts = await con.fetch("SELECT read_at, outcome, high FROM core.doubt WHERE register_id = $1", register_id)
    expected = {at: v for at, v in whole.effects.verdicts.items() if v.outcome is not Outcome.SOUND}
    assert {d["read_at"]: (d["outcome"], d["high"]) for d in doubts} == expected
    events = await con.fetch(
        "SELECT kind, read_at, shift, suspect, flat_at, judged_at FROM core.event WHERE register_id = $1", register_id
    )
    implied = {(k.value, at): event for (k, at), event in whole.effects.events.items() if event is not None}
    assert {tuple(e)[:2]: Event(*tuple(e)[2:]) for e in events} == implied
    standstills = await con.fetch(
        "SELECT started_at, ended_at FROM core.standstill WHERE register_id = $1", register_id
    )
    ended = {start: end for start, end in whole.effects.standstills.items() if end is not None}
    assert {row["started_at"]: row["ended_at"] for row in standstills} == ended
    row = await con.fetchrow("SELECT * FROM core.register_state WHERE register_id = $1", register_id)
    for run in whole.state.runs:
        del run.members[KEPT_MEMBERS:]
    assert row is not None
    assert state_of(row) == whole.state


@pytest.mark.parametrize("seed", [int(os.environ.get("TANFENG_SEED", "1"))])
async def test_arrival_does_not_matter_in_the_store(
    edition_database: str, seed: int, request: pytest.FixtureRequest
) -> None:
    """Any order, repetition and batching, acts at any moment, two writers: the books of one fold.

    The community edition has one session here: its two writers take turns.
    """
    rnd = Random(seed)
    at_once = "community" not in request.node.callspec.params.values()
    async with writers(edition_database, 2) as connections:
        lives: dict[int, History] = {}
        for number in range(LIVES):
            history = History(rnd)
            meter = await add_meter(connections[0], meter=f"m{number}")
            lives[await add_register(connections[0], meter, history.kind, history.versions)] = history
        books = [Books(), Books()]
        for transactions in rounds(lives, rnd):
            works = [do(connections[n], books[n], work) for n, work in enumerate(transactions)]
            if at_once:
                await asyncio.gather(*works)
            else:
                for work in works:
                    await work
        for register_id in lives:
            await assert_books_are_one_fold(connections[0], register_id)
        await assert_rollups_add_up(connections[0])


async def assert_rollups_add_up(con: Connection) -> None:
    """Days and scopes are the sums of the ledger."""
    wrong = await con.fetch("""
        SELECT register_id, day FROM
          (SELECT register_id, (starts_at AT TIME ZONE 'Asia/Shanghai')::date AS day,
                  sum(amount) * core.parts() + sum(rest) a,
                  sum(estimated_amount) * core.parts() + sum(estimated_rest) e, sum(covered_s) c, sum(estimated_s) s
           FROM core.energy_15m GROUP BY 1, 2) l
        FULL JOIN core.energy_day d USING (register_id, day)
        WHERE (a, e, c, s) IS DISTINCT FROM (amount::numeric * core.parts() + rest,
               estimated_amount::numeric * core.parts() + estimated_rest, covered_s, estimated_s)""")
    assert wrong == []
    wrong = await con.fetch("""
        SELECT enterprise_id, site_id, day FROM
          (SELECT enterprise_id, site_id, day, sum(amount) * core.parts() + sum(rest) a, sum(covered_s) c
           FROM core.energy_day JOIN core.register_scope USING (register_id) GROUP BY 1, 2, 3) l
        FULL JOIN core.energy_scope_day d USING (enterprise_id, site_id, day)
        WHERE (a, c) IS DISTINCT FROM (amount::numeric * core.parts() + rest, covered_s)""")
    assert wrong == []
