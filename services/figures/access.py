"""Who may read what: logins and roles of tenants, their enterprises, and the tokens of the API.

A tenant's role is a member of tanfeng_reader and has rows in core.login_scope; the views of report show it the
enterprises these rows name and nothing else. No setting a caller can change has a part in it.
"""

from __future__ import annotations

import json
import re
import secrets
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import asyncpg

from services.errors import TanfengError
from services.store import limits
from services.store.queries import SQL
from services.store.scram import verifier

if TYPE_CHECKING:
    from services.store.pool import Connection

ROLE: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
PROGRAMS: Final = frozenset({"tanfeng_ingest", "tanfeng_evaluate", "tanfeng_api"})
"""Roles that a program logs in as: each may do its own work and nothing more."""
OWN_ROLES: Final = PROGRAMS | {"tanfeng_reader", "tanfeng_district"}
"""Roles of the product: never a tenant's."""


async def create_tenant(
    con: Connection, role: str, password: str | None, enterprise: str | None, *, author: str
) -> None:
    """Let a role read one enterprise, or the whole district where that is None; makes the role if need be.

    With a password it is a login, for a Grafana organisation or psql; without one only the API acts as it.

    Raises:
        TanfengError: The name is none for a tenant, or there is no such enterprise.
    """
    _check_name(role)
    async with con.transaction():
        if enterprise is not None and not await con.fetchval(SQL["access_enterprise"], enterprise):
            raise TanfengError(f"there is no enterprise {enterprise!r}", "see `tanfeng registry` for the codes")
        await _ensure_role(con, role, password)
        await limits.apply(con)
        await con.execute(SQL["access_grant"], role, enterprise, author)
        await _audit(con, author, "access grant", role=role, enterprise=enterprise or "district")


def opaque_name() -> str:
    """A name for a tenant's role that says nothing: whoever may log in sees the names of all roles."""
    return f"t_{secrets.token_hex(5)}"


async def rename(con: Connection, role: str, name: str, *, author: str) -> None:
    """Give a tenant's role another name; its password, rights and tokens stay. Data sources must learn the new name.

    Raises:
        TanfengError: It is none of a tenant, or there is a role of the new name.
    """
    _check_name(role)
    _check_name(name)
    if not await con.fetchval(SQL["access_has_scope"], role):
        raise TanfengError(f"role {role!r} reads nothing", "see `tanfeng access list`")
    async with con.transaction():
        try:
            await _run(con, "ALTER ROLE %I RENAME TO %I", role, name)
        except asyncpg.DuplicateObjectError as problem:
            raise TanfengError(f"there is a role {name!r} already", "choose another name, or none") from problem
        await con.execute(SQL["access_rename_scope"], role, name)
        await con.execute(SQL["access_rename_tokens"], role, name)
        await _audit(con, author, "access rename", role=role, name=name)


async def set_login(con: Connection, role: str, password: str, *, author: str) -> None:
    """Let a program log in as its role with this password; only the password's verifier reaches the server.

    Raises:
        TanfengError: The role is none of a program.
    """
    if role not in PROGRAMS:
        raise TanfengError(f"{role!r} is no program's role", f"they are {', '.join(sorted(PROGRAMS))}")
    async with con.transaction():
        await _run(con, "ALTER ROLE %I LOGIN PASSWORD %L", role, verifier(password))
        await _audit(con, author, "access login", role=role)


async def revoke(con: Connection, role: str, enterprise: str | None, *, author: str) -> None:
    """Take back what `create_tenant` gave for this enterprise (None: the district). The role itself stays.

    Raises:
        TanfengError: The role had no such right.
    """
    async with con.transaction():
        if not await con.fetchval(SQL["access_revoke"], role, enterprise):
            raise TanfengError(f"{role} has no right to {enterprise or 'the district'}", "see `tanfeng access list`")
        await _audit(con, author, "access revoke", role=role, enterprise=enterprise or "district")


async def list_access(con: Connection) -> list[asyncpg.Record]:
    """Roles and the enterprises they read (null: the whole district), with their tokens' labels."""
    return await con.fetch(SQL["access_list"])


async def create_token(con: Connection, role: str, label: str, *, author: str) -> str:
    """A new bearer token of the API that acts as this role; it is shown once and only its hash is kept.

    Raises:
        TanfengError: The role reads nothing.
    """
    token = secrets.token_urlsafe(32)
    async with con.transaction():
        if not await con.fetchval(SQL["access_has_scope"], role):
            raise TanfengError(f"role {role!r} reads nothing", "give it an enterprise: `tanfeng access grant`")
        await con.execute(SQL["access_token_add"], _digest(token), role, label, author)
        await _audit(con, author, "access token", role=role, label=label)
    return token


async def revoke_token(con: Connection, label: str, *, author: str) -> None:
    """End the tokens of this label.

    Raises:
        TanfengError: There is none.
    """
    async with con.transaction():
        if not await con.fetchval(SQL["access_token_revoke"], label):
            raise TanfengError(f"there is no token {label!r}", "see `tanfeng access list`")
        await _audit(con, author, "access token revoke", label=label)


async def role_of_token(con: Connection, token: str) -> str | None:
    """The role a token acts as, or None where there is no such token, or no longer."""
    role: str | None = await con.fetchval(SQL["access_token_role"], _digest(token))
    return role


async def act_as(con: Connection, role: str) -> None:
    """Be this role until the end of the transaction; what the views show follows from it.

    Raises:
        TanfengError: There is no such role, or this login may not act as it.
    """
    try:
        await con.execute(await con.fetchval("SELECT format('SET LOCAL ROLE %I', $1::text)", role))
    except (asyncpg.InvalidParameterValueError, asyncpg.InsufficientPrivilegeError) as problem:
        raise TanfengError(f"cannot act as role {role!r}: {problem}", "`tanfeng access grant` makes it") from problem


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()


def _check_name(role: str) -> None:
    if not ROLE.fullmatch(role) or role.startswith("pg_") or role in OWN_ROLES:
        raise TanfengError(f"{role!r} cannot be a tenant's role", "give none, or one of its own of a-z, 0-9 and _")


async def _ensure_role(con: Connection, role: str, password: str | None) -> None:
    if await con.fetchval(SQL["access_role_is_mighty"], role):
        raise TanfengError(f"role {role!r} has rights of its own here", "use another role for reading")
    if not await con.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role):
        await _run(con, "CREATE ROLE %I NOLOGIN", role)
    if password is not None:
        await _run(con, "ALTER ROLE %I LOGIN PASSWORD %L", role, verifier(password))
        # Comfort, not protection: the missing grants protect, and what limits.apply sets for every tenant.
        await _run(con, "ALTER ROLE %I SET default_transaction_read_only = on", role)
        await _run(con, "ALTER ROLE %I SET statement_timeout = '15s'", role)
        await _run(con, "ALTER ROLE %I SET idle_in_transaction_session_timeout = '30s'", role)
        await _run(con, "ALTER ROLE %I SET search_path = report", role)
    await _run(con, "GRANT tanfeng_reader TO %I", role)
    await _run(con, "GRANT %I TO tanfeng_api", role)


async def _run(con: Connection, pattern: str, *names: str) -> None:
    """A statement that takes no parameters, with its names quoted by the server."""
    await con.execute(await con.fetchval("SELECT format($1, VARIADIC $2::text[])", pattern, names))


async def _audit(con: Connection, author: str, action: str, **detail: str) -> None:
    await con.execute(SQL["audit_add"], author, action, json.dumps(detail))
