"""Declared acts: an operator says what happened to a meter; the books follow, and nobody edits a result."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from services.accounting.policy import PLAIN_KINDS
from services.errors import TanfengError
from services.ledger.rebook import rebook
from services.model import ActKind, Kind, iso
from services.store.pool import INFINITY
from services.store.queries import SQL

if TYPE_CHECKING:
    from services.accounting.policy import Act
    from services.store.pool import Connection


async def declare(con: Connection, register_id: int, act: Act, *, author: str, reason: str) -> int:
    """Enter an act and book the difference, in the caller's transaction; gives its number.

    Raises:
        TanfengError: The act lacks what its kind needs.
    """
    check(act)
    if act.kind is ActKind.ACCEPT:
        await _check_accept(con, register_id)
    number = 0

    async def enter() -> None:
        nonlocal number
        number = await con.fetchval(
            SQL["insert_act"], register_id, act.kind.value, act.at, act.until, act.final, act.start, act.value,
            act.reading, author, reason,
        )  # fmt: skip

    await rebook(con, [register_id], act.at, enter, cause="act", until_us=_settled(act.kind, act.at, act.until))
    detail = {"act": number, "register": register_id, "kind": act.kind.value, "at": iso(act.at), "reason": reason}
    await con.execute(SQL["registry_bump"])  # the decoder checks ranges by the multiplier
    await con.execute(SQL["write_audit"], author, "act declared", json.dumps(detail))
    return number


async def withdraw(con: Connection, act_id: int, *, author: str) -> None:
    """Withdraw an act and book the difference, in the caller's transaction.

    Raises:
        TanfengError: There is no such act, or it is withdrawn already.
    """
    row = await con.fetchrow(SQL["find_act"], act_id)
    if row is None:
        raise TanfengError(f"there is no act {act_id} in force", "list them with `tanfeng held acts REGISTER`")

    async def leave() -> None:
        await con.execute(SQL["withdraw_act"], act_id, author)

    until = _settled(ActKind(row["kind"]), row["at"], row["until"])
    await rebook(con, [row["register_id"]], row["at"], leave, cause="act", until_us=until)
    await con.execute(SQL["registry_bump"])
    await con.execute(SQL["write_audit"], author, "act withdrawn", json.dumps({"act": act_id}))


async def _check_accept(con: Connection, register_id: int) -> None:
    """Refuse to accept one reading of a register that counts: the readings after it decide about it."""
    kind = Kind(await con.fetchval(SQL["register_kind"], register_id))
    if kind not in PLAIN_KINDS:
        raise TanfengError(
            f"readings of a register of kind {kind} are not accepted one by one",
            "declare what happened: a replacement, a reset, a correction or an ignore",
        )


def check(act: Act) -> None:
    """Refuse an act that lacks what its kind needs, naming it."""
    if act.kind is ActKind.REPLACEMENT and act.start is None:
        raise TanfengError("a replacement needs `start`", "give the first value the new meter showed")
    if act.kind in {ActKind.MULTIPLIER, ActKind.CORRECTION} and act.value is None:
        raise TanfengError(f"a {act.kind.value} needs `value`", "give the new value")
    if act.kind is ActKind.MULTIPLIER and act.value is not None and act.value <= 0:
        raise TanfengError(f"a multiplier of {act.value} makes no energy", "give one above zero")
    if act.kind is ActKind.IGNORE and (act.until is None or act.until <= act.at):
        raise TanfengError("an ignore needs `until` after `from`", "give the end of what to ignore")


def _settled(kind: ActKind, at: int, until: int | None) -> int:
    """The last instant that the act judges otherwise."""
    if kind is ActKind.MULTIPLIER:
        return INFINITY
    return at if until is None else until
