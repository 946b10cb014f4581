"""Work in the background: TimescaleDB's jobs, our maintenance, the evaluator and ingest's slots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.model import HOUR_US, SECOND_US, iso
from tanfeng.doctor.finding import error, warning, well

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.store.pool import Row
    from tanfeng.doctor.finding import Finding

    Rows = Sequence[Row] | Sequence[Mapping[str, object]]

EVALUATE_S: Final = 60
"""The evaluator looks at its quickest rule every few seconds."""
OVERDUE_H: Final = 3
"""Maintenance looks every hour."""
ORPHAN_S: Final = 300
"""Ingest looks for abandoned slots every half minute and needs at most 20 s for one."""


def job_errors(rows: Rows) -> Finding:
    """Failures of the last day that neither a later success nor our maintenance settled."""
    if not rows:
        return well("jobs", "TimescaleDB 后台任务无未决失败。", "no job of TimescaleDB has failed since yesterday.")
    told = "; ".join(f"job {row['job_id']} {row['proc']}: {row['code']} {row['problem']}" for row in rows)
    return error(
        "jobs",
        (f"TimescaleDB 后台任务失败：{told}。", f"TimescaleDB's background jobs fail: {told}."),
        (
            "tanfeng maintain --once 代为执行；SQLSTATE 24000 见 docs/runbooks/MaintenanceFailed.md。",
            "`tanfeng maintain --once` does their work; on SQLSTATE 24000 see docs/runbooks/MaintenanceFailed.md.",
        ),
    )


def policies(rows: Rows) -> Finding:
    """TimescaleDB's own policies on tables that `tanfeng maintain` looks after."""
    if not rows:
        return well("policies", "没有与本系统冲突的保留或压缩策略。", "no policy of TimescaleDB is in the way of ours.")
    told = ", ".join(f"{row['proc']} on {row['relation']}" for row in rows)
    calls = " ".join(
        f"SELECT remove_{str(row['proc']).removeprefix('policy_')}_policy('{row['relation']}');" for row in rows
    )
    return error(
        "policies",
        (
            f"{told} 会越过补传期限与未决读数删除或压缩。",
            f"{told} drops or compresses what late readings and held ones still need.",
        ),
        (calls, calls),
    )


def maintenance(rows: Rows, now_us: int) -> Finding:
    """The newest run of each task."""
    fix = (
        "查 tanfeng maintain 是否在运行并以所有者登录；立即执行：tanfeng maintain --once",
        "See that `tanfeng maintain` is up with the owner's login; now: tanfeng maintain --once",
    )
    if not rows:
        return warning("maintenance", ("从未执行维护。", "It has never run."), fix)
    failed = [f"{row['task']}: {row['detail']}" for row in rows if row["result"] == "failed"]
    if failed:
        told = "; ".join(failed)
        return error("maintenance", (f"维护任务失败：{told}。", f"Tasks fail: {told}."), fix)
    newest = max(int(str(row["ended_at"])) for row in rows)
    said = (f"最近一次 {iso(newest)}。", f"last run {iso(newest)}.")
    if now_us - newest > OVERDUE_H * HOUR_US:
        return warning("maintenance", said, fix)
    return well("maintenance", *said)


def evaluator(newest_us: int | None, now_us: int) -> Finding:
    """When the evaluator last looked."""
    age_s = None if newest_us is None else (now_us - newest_us) / SECOND_US
    if age_s is not None and age_s <= EVALUATE_S:
        return well("evaluate", f"{age_s:.0f} 秒前检查过。", f"looked {age_s:.0f} s ago.")
    told = (
        "从未运行" if age_s is None else f"{age_s:.0f} 秒未检查",
        "never" if age_s is None else f"{age_s:.0f} s ago",
    )
    return error(
        "evaluate",
        (f"预警程序{told[0]}：不会有新预警。", f"The evaluator looked last: {told[1]}. No warning is raised."),
        (
            "启动 tanfeng evaluate（docker compose up -d evaluate），看其日志。",
            "Start `tanfeng evaluate` (docker compose up -d evaluate) and read its log.",
        ),
    )


def sessions(rows: Rows) -> list[Finding]:
    """Who reads the broker, and sessions that fill up because nobody does."""
    return [_workers(rows), _orphans(rows)]


def guessable(slots: Sequence[int]) -> Finding:
    """Sessions of ingest under an id that any user of the broker can guess, and so take with all that waits there."""
    if not slots:
        return well("session ids", "采集会话的客户端标识均不可猜测。", "no id of ingest at the broker can be guessed.")
    told = ", ".join(map(str, slots))
    return error(
        "session ids",
        (
            f"旧版本的采集会话尚未结束，其客户端标识可被猜测：工作槽 {told}。",
            f"Sessions of an earlier release, whose ids can be guessed, are not ended yet: slots {told}.",
        ),
        (
            "运行 tanfeng ingest：它读空并结束这些会话；仍不消失时看其日志中的 drain interrupted。",
            "Run `tanfeng ingest`, which empties and ends them; if they stay, look for `drain interrupted` in its log.",
        ),
    )


def _workers(rows: Rows) -> Finding:
    held = [str(row["slot"]) for row in rows if row["is_held"]]
    if held:
        return well("ingest", f"在运行，工作槽 {'、'.join(held)}。", f"runs in slots {', '.join(held)}.")
    return error(
        "ingest",
        ("没有采集进程在运行：读数留在代理的队列里。", "No worker runs: readings stay in the broker's queue."),
        (
            "启动 tanfeng ingest（docker compose up -d ingest），看其日志。",
            "Start `tanfeng ingest` (docker compose up -d ingest) and read its log.",
        ),
    )


def _orphans(rows: Rows) -> Finding:
    """Slots that nobody holds: their sessions at the broker go on receiving a share of the messages."""
    left = [row for row in rows if not row["is_held"] and int(str(row["idle_s"])) > ORPHAN_S]
    if not left:
        return well("sessions", "代理上没有无人读取的采集会话。", "no session at the broker is without its worker.")
    told = ", ".join(f"{row['slot']} ({int(str(row['idle_s'])) // 60} min)" for row in left)
    return error(
        "sessions",
        (
            f"采集会话无人读取，其中的读数未入账：工作槽 {told}。",
            f"Sessions at the broker that nobody reads, with readings that are not booked: slots {told}.",
        ),
        (
            "启动至少一个采集进程，它会读空并关闭这些会话：tanfeng ingest；仍不消失时看其日志中的 drain interrupted。",
            (
                "Run at least one worker, which empties and closes them: tanfeng ingest; if they stay, look for "
                "`drain interrupted` in its log."
            ),
        ),
    )
