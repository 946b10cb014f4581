"""Every check, one after the other; what cannot be asked is a finding, and the other checks go on."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.connection import BrokerError
from ingest.subscriber import broker_of
from services.errors import TanfengError
from services.ledger import sessions
from services.ledger.meter_clocks import clocks_behind
from services.ledger.steps import larger_steps
from services.model import HOUR_US
from services.store import limits
from services.store.queries import SQL
from services.store.visit import visit
from services.upkeep import diagnosis, maintenance
from tanfeng.doctor import (
    broker_config,
    certificate,
    clocks,
    disk,
    jobs,
    keeping,
    listening,
    notifications,
    queue,
    steps,
    tenants,
    versions,
)
from tanfeng.doctor.finding import error, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.store.pool import Connection, Row
    from tanfeng.doctor.finding import Finding
    from tanfeng.doctor.place import Place


async def examine(place: Place, messages: int = queue.MESSAGES) -> list[Finding]:
    """All findings; `messages`: how many the probe of the broker's queue sends."""
    return [
        *await _database(place),
        *await _broker(place, messages),
        *keeping.keeping(place.settings),
        listening.api(place.settings.api_port, listening.addresses(place.settings.api_port)),
    ]


async def _database(place: Place) -> list[Finding]:
    findings: list[Finding] = []
    try:
        async with visit(place.settings.database_dsn.get_secret_value(), name="tanfeng-doctor") as con:
            await diagnosis.be_brief(con)
            for check, asked in _QUESTIONS.items():
                with _refusals(findings, check):
                    findings += await asked(con, place)
    except TanfengError as problem:
        findings.append(_away("database", str(problem), "TANFENG_DATABASE_DSN"))
    return findings


async def _server(con: Connection, place: Place) -> list[Finding]:
    row = await diagnosis.server(con)
    folder = place.data or _local_data(place, row["data_directory"])
    growth = disk.bytes_a_day(await _growth(con))
    return [*versions.server(row), disk.days_left(folder, growth)]


async def _growth(con: Connection) -> Row | None:
    try:
        with diagnosis.answers():
            return await diagnosis.growth(con, disk.LOOK_DAYS)
    except diagnosis.NotAnsweredError:  # the check of the schema tells why
        return None


def _local_data(place: Place, told: str | None) -> Path | None:
    """The server's own folder, where it is on this machine and not in a container that merely has the same path."""
    dsn = place.settings.database_dsn.get_secret_value()
    is_here = any(f"@{host}" in dsn for host in ("127.0.0.1", "localhost", "[::1]"))
    folder = Path(told) if told and is_here else None
    try:
        return folder if folder and (folder / "PG_VERSION").exists() else None
    except PermissionError:  # there, and closed to us as it should be: its disk is that of the folder above
        return folder.parent if folder else None


async def _schema(con: Connection, _place: Place) -> list[Finding]:
    schema = versions.schema(await diagnosis.schema(con), *await diagnosis.wholeness(con))
    return [schema, *([] if schema.fix else [versions.books(await diagnosis.books(con))])]


async def _tls(_con: Connection, place: Place) -> list[Finding]:
    dsn = place.settings.database_dsn.get_secret_value()
    try:
        return await certificate.of_database(dsn, datetime.now(tz=UTC))
    except (OSError, asyncio.IncompleteReadError) as problem:
        return [_away("database certificate", str(problem) or type(problem).__name__, "TANFENG_DATABASE_DSN")]


async def _clocks(con: Connection, _place: Place) -> list[Finding]:
    before = _now_us()
    there = await diagnosis.clock(con)
    row = await con.fetchrow(SQL["doctor_ahead"], clocks.AHEAD_S)
    refused = [each["topic"] for each in await con.fetch(SQL["doctor_refused_ahead"])]
    late = await clocks_behind(con, there)
    return [clocks.database(before, there, _now_us()), clocks.meters(row, refused), clocks.behind(late)]


async def _steps(con: Connection, _place: Place) -> list[Finding]:
    return [steps.steps(await larger_steps(con))]


async def _jobs(con: Connection, _place: Place) -> list[Finding]:
    errors = await diagnosis.job_errors(con, _now_us())
    return [jobs.job_errors(errors), jobs.policies(await diagnosis.policies(con))]


async def _maintenance(con: Connection, _place: Place) -> list[Finding]:
    return [jobs.maintenance(await maintenance.last_runs(con), _now_us())]


async def _evaluator(con: Connection, _place: Place) -> list[Finding]:
    return [jobs.evaluator(await con.fetchval(SQL["evaluation_newest"]), _now_us())]


async def _tenants(con: Connection, _place: Place) -> list[Finding]:
    number = (await diagnosis.server(con))["number"]
    return tenants.tenants(await limits.found(con), number)


async def _outbox(con: Connection, _place: Place) -> list[Finding]:
    return [notifications.waiting(await con.fetch(SQL["outbox_waiting"]), _now_us())]


async def _sessions(con: Connection, _place: Place) -> list[Finding]:
    return [*jobs.sessions(await con.fetch(SQL["doctor_slots"])), jobs.guessable(await sessions.guessable(con))]


async def _told(con: Connection, _place: Place) -> list[Finding]:
    return [queue.told(await con.fetch(SQL["watch_broker"], _now_us() - 24 * HOUR_US, list(queue.KINDS)))]


_QUESTIONS = {
    "server": _server,
    "schema": _schema,
    "database certificate": _tls,
    "clock": _clocks,
    "steps": _steps,
    "jobs": _jobs,
    "maintenance": _maintenance,
    "evaluate": _evaluator,
    "outbox": _outbox,
    "sessions": _sessions,
    "tenants": _tenants,
    "broker told": _told,
}


async def _broker(place: Place, messages: int) -> list[Finding]:
    broker = broker_of(place.settings)
    client_id = _client_id(place)
    findings: list[Finding] = []
    if place.broker_config is not None:
        findings += broker_config.config(place.broker_config.read_text("utf-8"))
    try:
        authority = place.authority()
        findings += await certificate.certificate(broker, authority, datetime.now(tz=UTC))
        told = await queue.said(broker, client_id)
        findings += [versions.broker(told.get(queue.VERSION)), queue.dropped(told.get(queue.DROPPED))]
        findings.append(queue.depth(await queue.probe(broker, client_id, messages)))
    except (BrokerError, OSError, TimeoutError, asyncio.IncompleteReadError) as problem:
        findings.append(_away("broker", str(problem) or type(problem).__name__, "TANFENG_BROKER_URL"))
    return findings


def _client_id(place: Place) -> str:
    """The same at each look, so that a probe that was killed leaves no session for ever, and only ours to know."""
    known = sha256(place.settings.broker_url.get_secret_value().encode()).hexdigest()
    return f"{place.settings.ingest_group}-doctor-{known[:32]}"


@contextmanager
def _refusals(findings: list[Finding], check: str) -> Iterator[None]:
    try:
        with diagnosis.answers():
            yield
    except diagnosis.NotAnsweredError as problem:
        findings.append(
            unknown(
                check,
                (f"数据库不回答：{problem}。", f"The database does not answer: {problem}."),
                (
                    "以所有者登录执行；结构不全时先执行 tanfeng migrate。",
                    "Run it with the owner's login; where the schema is incomplete: tanfeng migrate first.",
                ),
            )
        )


def _away(what: str, problem: str, setting: str) -> Finding:
    return error(
        what,
        (f"无法连接：{problem}。", f"Cannot be reached: {problem}."),
        (f"启动它（docker compose up -d），核对 {setting}。", f"Start it (docker compose up -d), and check {setting}."),
    )


def _now_us() -> int:
    return time.time_ns() // 1000
