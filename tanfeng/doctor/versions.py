"""Versions that do not go together: PostgreSQL, TimescaleDB, the schema and the broker."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from services.model import iso
from services.store.whole import FIX, told
from tanfeng.doctor.finding import error, unknown, warning, well

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.store.pool import Row
    from services.store.whole import Part
    from services.upkeep.diagnosis import Schema
    from tanfeng.doctor.finding import Finding

OLDEST: Final = 15
"""PostgreSQL's oldest major release that the schema is tested near."""
BROKEN_MINORS: Final[Mapping[int, int]] = {15: 20, 17: 12}
"""Major and minor releases on which TimescaleDB's background policies were seen to fail with SQLSTATE 24000."""


def server(row: Row | Mapping[str, object]) -> list[Finding]:
    """PostgreSQL with what is installed in it."""
    return [_postgres(row), _timescale(row), _durability(row)]


def _postgres(row: Row | Mapping[str, object]) -> Finding:
    number = int(str(row["number"]))
    major, minor, said = number // 10_000, number % 10_000, f"PostgreSQL {row['version']}"
    if major < OLDEST:
        return error(
            "postgresql",
            (f"{said} 过旧。", f"{said} is too old."),
            (
                f"升级到 {OLDEST} 或更新，见 docs/operations/upgrade.md。",
                f"Upgrade to {OLDEST} or newer; docs/operations/upgrade.md.",
            ),
        )
    if row["timescale"] and BROKEN_MINORS.get(major) == minor:
        return warning(
            "postgresql",
            (
                f"{said}：TimescaleDB 后台任务在此小版本上失败（SQLSTATE 24000）。",
                f"{said}: TimescaleDB's background jobs fail on this minor (SQLSTATE 24000).",
            ),
            (
                "保持 tanfeng maintain 运行，它代为执行；换用 docker-compose.yml 中固定的镜像版本。",
                "Keep `tanfeng maintain` running, which does their work; move to the image in docker-compose.yml.",
            ),
        )
    return well("postgresql", f"{said}。", f"{said}.")


def _timescale(row: Row | Mapping[str, object]) -> Finding:
    installed, offered = row["timescale"], row["timescale_offered"]
    if installed is None and offered is not None and row["is_preloaded"]:
        return warning(
            "timescaledb",
            (
                "服务器装有 TimescaleDB，本库未使用：读数表不分块，清理较慢。",
                "The server has TimescaleDB and this database does not use it: no chunks, slow retention.",
            ),
            (
                "新建一个库，再用 scripts/backup 与 scripts/restore 迁入；或在另一台不带 TimescaleDB 的服务器上运行。",
                "Migrate an empty database (`tanfeng migrate`) and move the data there, or run without TimescaleDB.",
            ),
        )
    if installed is None:
        return well("timescaledb", "未使用，普通 PostgreSQL 即可。", "not used; plain PostgreSQL is enough.")
    if offered is not None and installed != offered:
        return warning(
            "timescaledb",
            (
                f"库内扩展为 {installed}，服务器程序为 {offered}。",
                f"The database's extension is {installed}, the server brings {offered}.",
            ),
            (
                "停止 ingest、evaluate、maintain 后执行：psql -X -c 'ALTER EXTENSION timescaledb UPDATE'",
                "Stop ingest, evaluate and maintain, then: psql -X -c 'ALTER EXTENSION timescaledb UPDATE'",
            ),
        )
    edition = "community" if row["license"] == "timescale" else "Apache-2"
    return well("timescaledb", f"{installed} {edition}。", f"{installed} {edition}.")


def _durability(row: Row | Mapping[str, object]) -> Finding:
    """What an acknowledged reading rests on."""
    off = [name for name in ("synchronous_commit", "fsync", "full_page_writes") if row[name] == "off"]
    if not off:
        return well("durability", "提交即落盘。", "what is committed is on disk.")
    return error(
        "durability",
        (
            f"{'、'.join(off)} 已关闭：断电会丢失已确认的读数。",
            f"{', '.join(off)} is off: a power cut loses acknowledged readings.",
        ),
        (" ".join(f"ALTER SYSTEM SET {name} = on;" for name in off) + " SELECT pg_reload_conf();",) * 2,
    )


def schema(found: Schema, restoring: Sequence[str] = (), lost: Sequence[Part] = ()) -> Finding:
    """The database's migrations against those of this code, and whether a restore left all that they made."""
    if restoring or lost:
        return _half_restored(restoring, lost)
    newer = sorted(set(found.applied) - set(found.shipped))
    changed = sorted(name for name, digest in found.applied.items() if found.shipped.get(name, digest) != digest)
    missing = sorted(set(found.shipped) - set(found.applied))
    if newer or changed:
        names = ", ".join(newer or changed)
        return error(
            "schema",
            (f"数据库比程序新或不同：{names}。", f"The database is newer than this code, or differs: {names}."),
            (
                "运行迁移该库时的 Tanfeng 版本或更新的版本。",
                "Run the version that migrated it, or a later one.",
            ),
        )
    if missing:
        return error(
            "schema",
            (
                f"数据库缺 {len(missing)} 项迁移：{missing[0]} 等。",
                f"{len(missing)} migrations are missing, from {missing[0]} on.",
            ),
            ("tanfeng migrate", "tanfeng migrate"),
        )
    return well("schema", "与程序一致。", "is that of this code.")


def _half_restored(restoring: Sequence[str], lost: Sequence[Part]) -> Finding:
    lacks, marks = told(lost), "、".join(restoring)
    zh = f"恢复未完成（{marks}）。" if restoring else f"结构不完整，似恢复中断：缺 {lacks}。"
    en = (
        f"A restore has not ended ({', '.join(restoring)})."
        if restoring
        else f"Not whole, as after a dead restore: {lacks}."
    )
    return error(
        "schema",
        (zh, en),
        ("删除此库，用 scripts/restore 恢复到新库，见 docs/operations/backup.md。", f"{FIX[0].upper()}{FIX[1:]}."),
    )


def books(row: Row | Mapping[str, int]) -> Finding:
    """The accounting rule that made the books against that of this code."""
    if row["newer"]:
        return error(
            "books",
            (
                f"{row['newer']} 个计量点的账目由更新的记账规则生成。",
                f"A newer accounting rule made the books of {row['newer']} registers: none of their readings is taken.",
            ),
            (
                "运行生成这些账目的 Tanfeng 版本或更新的版本。",
                "Run the version that made them, or a later one.",
            ),
        )
    if row["older"]:
        return error(
            "books",
            (
                f"{row['older']} 个计量点的账目由旧规则生成，重建之前不再入账，消息在代理排队。",
                f"An older accounting rule made the books of {row['older']} registers: their messages wait.",
            ),
            ("tanfeng migrate", "tanfeng migrate"),
        )
    partly = row["partly"]
    if partly:
        return well(
            "books",
            f"由现行规则生成；{partly} 个计量点在 {iso(row['rule_from'])} 之前有旧规则的账目，其读数已过保留期。",
            f"are of the present rule, but for {partly} registers' rows of before {iso(row['rule_from'])}:"
            " the readings of then are past retention.",
        )
    return well("books", "均由现行记账规则生成。", "are all of the present accounting rule.")


def broker(said: str | None) -> Finding:
    """What the broker says of itself under $SYS; None: nothing."""
    if said is None:
        return unknown(
            "broker version",
            ("代理未公布版本（$SYS）。", "The broker tells no version ($SYS)."),
            (
                "Mosquitto：用 tanfeng access broker 重写权限并发送 SIGHUP；其他代理：查其控制台。",
                "Mosquitto: write the rights again with `tanfeng access broker` and send SIGHUP; else see its console.",
            ),
        )
    found = re.search(r"(\d+)\.(\d+)", said)
    if "mosquitto" in said and found and int(found[1]) < 2:  # noqa: PLR2004 - Mosquitto 2
        return error(
            "broker version",
            (f"{said} 过旧。", f"{said} is too old."),
            ("换用 docker-compose.yml 中固定的 Mosquitto 2。", "Move to the Mosquitto 2 pinned in docker-compose.yml."),
        )
    return well("broker version", f"{said}。", f"{said}.")
