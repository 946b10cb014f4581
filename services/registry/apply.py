"""The application of a plan to the registry in the database."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import fields
from typing import TYPE_CHECKING, Final

from services.accounting.policy import Act
from services.errors import TanfengError
from services.ledger.acts import declare, withdraw
from services.ledger.rebook import rebook, rescope
from services.model import iso
from services.store.pool import NEG_INFINITY
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from services.registry.models import DeclaredAct, Ownership, Placement, PolicyVersion, RegisterKey
    from services.registry.plan import Plan
    from services.store.pool import Connection

_AUDITED_LINES: Final = 1000


async def apply_plan(con: Connection, plan: Plan, author: str) -> None:
    """Apply a plan in one transaction and write it to the audit log; energy already booked is booked anew.

    Raises:
        TanfengError: The registry changed since the plan was made.
    """
    if plan.is_empty:
        return
    async with con.transaction():
        if await con.fetchval(SQL["registry_lock"]) != plan.base_version:
            raise TanfengError("the registry changed since this plan was made", "run the command again")
        await _lock_states(con, plan)
        for name in ("districts", "enterprises", "sites", "meters", "registers"):
            await con.execute(SQL[f"registry_upsert_{name}"], _rows(getattr(plan, name)))
        await _move(con, plan)
        await _bound(con, plan)
        await _judge(con, plan)
        await _declare(con, plan, author)
        await con.execute(SQL["registry_bump"])
        detail = {"changes": plan.words[:_AUDITED_LINES], "count": len(plan.words)}
        await con.execute(SQL["audit_add"], author, "registry applied", json.dumps(detail, ensure_ascii=False))


async def _lock_states(con: Connection, plan: Plan) -> None:
    """Lock every register that will be booked anew, in id order and at once: ingest locks in that order too."""
    keys = [*plan.policies_since, *(key for key, _ in plan.acts)]
    ids = {*(await _ids(con, keys)).values(), *await _moved(con, plan)}
    await con.fetch(SQL["lock_states"], sorted(ids))


async def _moved(con: Connection, plan: Plan) -> list[int]:
    """Registers, so far registered, whose site or meter has other owners or places in the plan."""
    enterprises, meters = _columns(plan.placements, 2)
    return [row["register_id"] for row in await con.fetch(SQL["registry_moved"], [*plan.owners], enterprises, meters)]


async def _move(con: Connection, plan: Plan) -> None:
    if not plan.owners and not plan.placements:
        return
    owners = _text([{"site": site, **_dated(each)} for site, all_ in plan.owners.items() for each in all_])
    places = _text(
        [{"enterprise": e, "meter": m, **_dated(each)} for (e, m), all_ in plan.placements.items() for each in all_]
    )

    async def change() -> None:
        await con.execute(SQL["registry_end_owners"], owners, [*plan.owners])
        await con.execute(SQL["registry_add_owners"], owners)
        await con.execute(SQL["registry_end_placements"], places, *_columns(plan.placements, 2))
        await con.execute(SQL["registry_add_placements"], places)

    await rescope(con, await _moved(con, plan), change)


async def _bound(con: Connection, plan: Plan) -> None:
    """Write new PUE boundaries; figures follow from them at once, nothing is booked anew."""
    for site, boundaries in plan.pue.items():
        await con.execute(SQL["registry_end_boundaries"], site)
        for each in boundaries:
            unbounded = {"valid_from": each.valid_from or "-infinity", "valid_until": each.valid_until or "infinity"}
            row = {**_fields(each), **unbounded, "reported": "/".join(each.reported or ())}
            parts = [{**_fields(part), "register": "/".join(part.register)} for part in each.parts]
            await con.execute(SQL["registry_add_boundary"], site, _text([row]), _text(parts))


async def _judge(con: Connection, plan: Plan) -> None:
    """Write new policies; registers that were there before are booked anew, those of one start together."""
    ids = await _ids(con, plan.policies)
    groups: dict[int | None, list[RegisterKey]] = defaultdict(list)
    for key, since in plan.policies_since.items():
        groups[since].append(key)
    fresh = [key for key in plan.policies if key not in plan.policies_since]
    await _write_policies(con, [(ids[key], each) for key in fresh for each in plan.policies[key]], [])
    for since, keys in groups.items():
        own = [ids[key] for key in keys]
        rows = [(ids[key], each) for key in keys for each in plan.policies[key]]

        async def change(rows: list[tuple[int, PolicyVersion]] = rows, own: list[int] = own) -> None:
            await _write_policies(con, rows, own)

        await rebook(con, own, NEG_INFINITY if since is None else since, change, cause="policy")


async def _write_policies(con: Connection, rows: Sequence[tuple[int, PolicyVersion]], changed: list[int]) -> None:
    wanted = _text(
        [
            {
                **_fields(version),
                "register_id": register_id,
                "valid_from": "-infinity" if version.valid_from is None else iso(version.valid_from),
            }
            for register_id, version in rows
        ]
    )
    if changed:
        await con.execute(SQL["registry_end_policies"], wanted, changed)
    await con.execute(SQL["registry_add_policies"], wanted)


async def _declare(con: Connection, plan: Plan, author: str) -> None:
    ids = await _ids(con, (key for key, _ in plan.acts))
    for number in plan.withdrawn:
        await withdraw(con, number, author=author)
    for key, act in plan.acts:
        await declare(con, ids[key], _act(act), author=author, reason=act.reason)


def _act(act: DeclaredAct) -> Act:
    return Act(act.kind, act.at, act.until, act.final, act.start, act.value, act.reading)


async def _ids(con: Connection, keys: Iterable[RegisterKey]) -> dict[RegisterKey, int]:
    rows = await con.fetch(SQL["registry_register_ids"], *_columns(keys, 3))
    return {(row["enterprise"], row["meter"], row["code"]): row["register_id"] for row in rows}


def _columns(keys: Iterable[tuple[str, ...]], width: int) -> list[list[str]]:
    rows = list(keys)
    return [[row[index] for row in rows] for index in range(width)]


def _dated(version: Ownership | Placement) -> dict[str, object]:
    unbounded = {"valid_from": version.valid_from or "-infinity", "valid_until": version.valid_until or "infinity"}
    return {**_fields(version), **unbounded}


def _rows(things: Sequence[object]) -> str:
    return _text([_fields(each) for each in things])


def _fields(thing: object) -> dict[str, object]:
    names = (field.name for field in fields(thing))  # type: ignore[arg-type]  # all are dataclasses
    return {name: getattr(thing, name) for name in names if name not in _VERSIONED}


_VERSIONED: Final = frozenset({"owners", "pue", "placements", "policies", "acts", "parts"})


def _text(rows: Sequence[dict[str, object]]) -> str:
    """Rows as JSON; decimals and dates as their exact text."""
    return json.dumps(rows, default=str, ensure_ascii=False)
