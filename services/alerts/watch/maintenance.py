"""MaintenanceFailed: a task of maintenance fails, or nobody maintains the database any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.alerting.model import Sign
from services.model import SECOND_US, iso
from services.store.queries import SQL

if TYPE_CHECKING:
    from services.alerting.model import Observation
    from services.alerts.watch.look import Look
    from services.store.pool import Connection, Row

WORDS: Final = {
    "columnstore": ("压缩旧读数", "compressing old readings"),
    "retention": ("清理旧读数", "dropping old readings"),
    "records": ("清理旧记录", "dropping old records"),
    "jobs": ("TimescaleDB 后台任务", "TimescaleDB's jobs"),
    "maintenance": ("维护", "maintenance"),
}


async def maintenance_failed(con: Connection, look: Look) -> list[Observation]:
    """Every task by its newest run, and whether there was any run lately; never maintained: nothing to see."""
    rows = await con.fetch(SQL["watch_maintenance"])
    return [*(_task(look, row) for row in rows), _overdue(look, rows)] if rows else []


def _task(look: Look, row: Row) -> Observation:
    failed = row["result"] == "failed"
    since = row["failing_since"] if failed else row["ended_at"]
    return _saw(look, row["task"], since, is_bad=failed, problem=row["detail"] if failed else "")


def _overdue(look: Look, rows: list[Row]) -> Observation:
    newest: int = max(row["ended_at"] for row in rows)
    is_bad = look.now - newest > look.version.seconds("overdue") * SECOND_US
    return _saw(look, "maintenance", newest, is_bad=is_bad, problem=f"no run since {iso(newest)}" if is_bad else "")


def _saw(look: Look, task: str, since: int, *, is_bad: bool, problem: str) -> Observation:
    zh, en = WORDS.get(task, (task, task))
    return look.saw(
        task,
        Sign.BAD if is_bad else Sign.GOOD,
        since,
        evidence={"task": task, "task_zh": zh, "task_en": en},
        latest={"problem": problem},
    )
