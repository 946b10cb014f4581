"""The judgements of `tanfeng doctor`, each on what is ill and on what is well."""

from __future__ import annotations

import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from services.model import HOUR_US, SECOND_US
from services.settings import Settings
from services.upkeep.diagnosis import Schema
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
    versions,
)
from tanfeng.doctor.der import not_after
from tanfeng.doctor.finding import Finding, Level, Words, well
from tanfeng.doctor.queue import Depth
from tests import servers

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_800_000_000 * SECOND_US
SERVER: dict[str, Any] = {
    "number": 170_011,
    "version": "17.11",
    "timescale": "2.29.2",
    "timescale_offered": "2.29.2",
    "license": "timescale",
    "is_preloaded": True,
    "synchronous_commit": "on",
    "fsync": "on",
    "full_page_writes": "on",
}


def levels(findings: list[Finding]) -> dict[str, str]:
    """Level by check."""
    return {finding.check: finding.level.value for finding in findings}


def test_a_finding_that_is_not_well_has_a_fix() -> None:
    """And one that is well has none."""
    assert str(well("x", "好。", "Good.")) == "正常 OK · x: 好。 Good."
    with pytest.raises(ValueError, match="has a fix"):
        Finding("x", Level.ERROR, Words("坏。", "Bad."))


@pytest.mark.parametrize(
    ("changes", "check", "level"),
    [
        ({}, "postgresql", "ok"),
        ({"number": 170_012}, "postgresql", "warning"),
        ({"number": 150_020}, "postgresql", "warning"),
        ({"number": 170_012, "timescale": None, "timescale_offered": None}, "postgresql", "ok"),
        ({"number": 130_022}, "postgresql", "error"),
        ({"timescale": "2.28.0"}, "timescaledb", "warning"),
        ({"timescale": None}, "timescaledb", "warning"),
        ({"timescale": None, "is_preloaded": False}, "timescaledb", "ok"),
        ({"synchronous_commit": "off"}, "durability", "error"),
        ({"fsync": "off"}, "durability", "error"),
        ({"synchronous_commit": "remote_apply"}, "durability", "ok"),
    ],
)
def test_versions_and_durability_of_the_server(changes: dict[str, Any], check: str, level: str) -> None:
    """Minors that break TimescaleDB's jobs, an extension not updated, commits that are not on disk."""
    assert levels(versions.server(SERVER | changes))[check] == level


@pytest.mark.parametrize(
    ("applied", "level", "words"),
    [
        ({"1": "a", "2": "b"}, "ok", ""),
        ({"1": "a"}, "error", "1 migrations are missing, from 2 on"),
        ({}, "error", "2 migrations are missing"),
        ({"1": "a", "2": "b", "3": "c"}, "error", "newer than this code, or differs: 3"),
        ({"1": "x", "2": "b"}, "error", "newer than this code, or differs: 1"),
    ],
)
def test_the_schema_is_that_of_the_code(applied: dict[str, str], level: str, words: str) -> None:
    """Older, newer, or changed since."""
    found = versions.schema(Schema(applied, {"1": "a", "2": "b"}))
    assert (found.level, words in found.what.en) == (level, True)


@pytest.mark.parametrize(
    ("found", "level", "words"),
    [
        ((0, 0, 0), "ok", "of the present accounting rule"),
        ((0, 0, 2), "ok", "but for 2 registers' rows of before "),
        ((3, 0, 0), "error", "older accounting rule made the books of 3"),
        ((3, 1, 0), "error", "newer accounting rule made the books of 1"),
    ],
)
def test_the_books_are_of_the_codes_accounting_rule(found: tuple[int, int, int], level: str, words: str) -> None:
    """Older ones wait for `tanfeng migrate`, newer ones for newer code; what retention left of old ones is told."""
    finding = versions.books(dict(zip(("older", "newer", "partly"), found, strict=True)) | {"rule_from": NOW})
    assert (finding.level, words in finding.what.en) == (level, True)


@pytest.mark.parametrize(
    ("said", "level"),
    [("mosquitto version 2.0.22", "ok"), ("mosquitto version 1.6.15", "error"), (None, "unknown"), ("EMQX 5.8", "ok")],
)
def test_the_brokers_version(said: str | None, level: str) -> None:
    """Mosquitto 2; a broker that tells nothing is unknown."""
    assert versions.broker(said).level == level


def test_maintenance_and_evaluator_by_age() -> None:
    """Never, failed, overdue, well."""
    done = {"task": "retention", "result": "done", "detail": "", "ended_at": NOW - HOUR_US}
    failed = {**done, "result": "failed", "detail": "LockNotAvailableError"}
    runs: list[list[dict[str, object]]] = [[], [done, failed], [{**done, "ended_at": NOW - 4 * HOUR_US}], [done]]
    assert [jobs.maintenance(each, NOW).level for each in runs] == ["warning", "error", "warning", "ok"]
    ages = [None, NOW - 61 * SECOND_US, NOW - 5 * SECOND_US]
    assert [jobs.evaluator(at, NOW).level for at in ages] == ["error", "error", "ok"]


def test_notifications_that_are_not_taken_are_named_with_their_problem() -> None:
    """A minute's pace is no problem; a quarter of an hour is."""
    rows = [{"target": "duty", "waiting": 65, "since": NOW - 600 * SECOND_US, "problem": "the other side answered 500"}]
    assert notifications.waiting(rows, NOW).level == "ok"
    found = notifications.waiting(rows, NOW + 600 * SECOND_US)
    assert found.level == "error"
    assert "duty: 65 × the other side answered 500" in found.what.en
    assert notifications.waiting([], NOW).level == "ok"


def test_a_policy_of_timescaledb_is_named_with_the_call_that_removes_it() -> None:
    """It would drop what held readings still need."""
    found = jobs.policies([{"proc": "policy_retention", "relation": "core.reading"}])
    assert found.fix is not None
    assert (found.level, found.fix.en) == ("error", "SELECT remove_retention_policy('core.reading');")
    assert jobs.policies([]).level == "ok"


@pytest.mark.parametrize(
    ("free", "a_day", "level"),
    [
        (500e9, 1e9, "ok"),
        (500e9, 10e9, "warning"),
        (500e9, 100e9, "error"),
        (40e9, 1e6, "error"),
        (500e9, None, "unknown"),
    ],
)
def test_disk_days_left(free: float, a_day: float | None, level: str) -> None:
    """Two months, two weeks, a twentieth of the disk, and growth that is not known yet."""
    assert disk.judge(int(free), 10**12, a_day).level == level


def test_growth_is_what_a_reading_takes_times_the_readings_of_a_day() -> None:
    """Not known before a day of ingest, nor where its folder is not here."""
    week = {"bytes": 300_000, "readings": 1000, "recent": 700, "recent_s": 7 * 86_400}
    assert disk.bytes_a_day(week) == 300 * 100
    assert disk.bytes_a_day({**week, "recent_s": 86_399}) is None
    assert disk.bytes_a_day({**week, "readings": 0}) is None
    assert disk.days_left(None, 1.0).level == "unknown"


@pytest.mark.parametrize(
    ("there_s", "level"), [(0, "ok"), (1.9, "ok"), (10, "warning"), (-10, "warning"), (60, "error"), (-60, "error")]
)
def test_the_databases_clock(there_s: float, level: str) -> None:
    """Both ways; the half second of the question itself does not count."""
    after = NOW + SECOND_US // 2
    there = (after if there_s > 0 else NOW) + round(there_s * SECOND_US)
    assert clocks.database(NOW, there, after).level == level


LINE = "   0: {} 00000000:0000 {} 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0"


@pytest.mark.parametrize(
    ("address", "state", "level"),
    [
        ("0100007F:1F90", "0A", "ok"),
        ("00000000:1F90", "0A", "warning"),
        ("00000000:1F91", "0A", "unknown"),
        ("00000000:1F90", "01", "unknown"),
        ("00000000000000000000000001000000:1F90", "0A", "ok"),
        ("00000000000000000000000000000000:1F90", "0A", "warning"),
        ("0000000000000000FFFF00000100007F:1F90", "0A", "ok"),
    ],
)
def test_where_the_api_listens(address: str, state: str, level: str) -> None:
    """By the kernel's table of sockets: loopback, everywhere, nowhere; IPv4 and IPv6."""
    table = f"  sl  local_address rem_address   st\n{LINE.format(address, state)}\n"
    assert listening.api(8080, listening.listed(table, 8080)).level == level


@pytest.mark.parametrize(
    ("changes", "checks"),
    [
        ({}, {"retention": "ok"}),
        ({"horizon_days": 0}, {"retention": "warning"}),
        ({"raw_days": 30, "rejection_days": 30, "columnstore_days": 0}, {"retention": "warning"}),
        ({"columnstore_days": 30}, {"columnstore": "warning"}),
        ({"columnstore_days": 2000}, {"columnstore": "warning"}),
        ({"rejection_days": 2000}, {"rejections": "warning"}),
        ({"raw_days": 0, "horizon_days": 0, "columnstore_days": 0}, {"retention": "ok"}),
    ],
)
def test_settings_of_keeping_do_not_contradict_one_another(changes: dict[str, int], checks: dict[str, str]) -> None:
    """Each contradiction by itself."""
    assert levels(keeping.keeping(Settings(**changes))) == checks


def test_a_mosquitto_conf_that_loses_messages() -> None:
    """Ours is well, an empty file has every default, an open listener lets anybody in."""
    ours = (servers.ROOT / "deploy" / "mosquitto.conf").read_text("utf-8")
    assert levels(broker_config.config(ours)) == {"mosquitto.conf": "ok"}
    unset = {"memory limit": "warning", "broker log": "warning"}
    defaults = {"persistence": "error", "queue limit": "error", "autosave": "warning", **unset}
    assert levels(broker_config.config("# nothing\n")) == defaults
    opened = ours.replace("allow_anonymous false", "allow_anonymous true")
    assert levels(broker_config.config(opened)) == {"anonymous": "error"}


def test_the_probes_depth() -> None:
    """All kept, some dropped, few at a time, none came."""
    depths = [Depth(2000, 2000, 2000), Depth(2000, 1000, 20), Depth(2000, 2000, 20), Depth(2000, 0, 0), None]
    assert [queue.depth(each).level for each in depths] == ["ok", "error", "warning", "unknown", "unknown"]
    assert [queue.dropped(each).level for each in (None, "0", "12")] == ["ok", "ok", "warning"]


def test_what_the_broker_told_ingest_within_a_day() -> None:
    """How many of what, and who took whose id; a gateway that came back under its own id is no finding."""
    rows: list[dict[str, object]] = [
        {"kind": "denied", "subject": "", "seen": 1200},
        {"kind": "replaced", "subject": "tyre", "seen": 3},
        {"kind": "takeover", "subject": "steel → rubber", "seen": 1},
    ]
    assert queue.told(rows[1:2]).level == "ok"
    found = queue.told(rows)
    assert found.level == "warning"
    assert found.what.en == "Within a day: 1,200 denied, 1 client ids taken over (steel → rubber)."


@pytest.mark.parametrize("days", [3, 20, 400, 20_000])
def test_the_end_of_a_certificate_is_read_from_its_bytes(tmp_path: Path, days: int) -> None:
    """As openssl says it, also after 2050, where times are written otherwise."""
    der = made(tmp_path, days)
    words = ("openssl", "x509", "-in", str(tmp_path / "server.crt"), "-noout", "-enddate")
    said = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip().removeprefix("notAfter=")
    assert not_after(der).timestamp() == ssl.cert_time_to_seconds(said)
    with pytest.raises(ValueError, match="ends early"):
        not_after(der[:40])


def made(folder: Path, days: int) -> bytes:
    """A new certificate of so many days, as DER; server.crt and server.key are in the folder."""
    subprocess.run(
        (
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(days), "-subj", "/CN=示例"),
            *("-keyout", str(folder / "server.key"), "-out", str(folder / "server.crt"), "-utf8"),
        ),
        check=True,
        capture_output=True,
    )
    return ssl.PEM_cert_to_DER_cert((folder / "server.crt").read_text())


def test_how_long_a_certificate_lasts() -> None:
    """A month to warn, a week to hurry."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    days = (-1, 3, 20, 400)
    found = [certificate.lasting("certificate", now + timedelta(days=each), now).level for each in days]
    assert found == ["error", "error", "warning", "ok"]
