"""A statement as a table for people, or as CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from rich.table import Table

from tanfeng.energy.statement import instant, local

if TYPE_CHECKING:
    from rich.console import Console

Statement = dict[str, Any]


def as_csv(statement: Statement) -> str:
    """The intervals, one a line."""
    out = io.StringIO()
    writer = csv.DictWriter(out, ["starts_at", "amount", "estimated", "covered_s", "estimated_s"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(statement["intervals"])
    return out.getvalue()


def print_table(console: Console, statement: Statement, zone: str, assumed: str) -> None:
    """Intervals, what was not plainly accepted, events and the total; Chinese with English beside it."""
    unit = statement["unit"]
    table = Table(title=f"电量 / energy [{unit}] · {zone}")
    for heading in ("开始 / from", "用量 / amount", "其中估计 / estimated", "覆盖 / covered s", "估计 / estimated s"):
        table.add_column(heading, justify="left" if "from" in heading else "right")
    for row in statement["intervals"]:
        starts = local(instant(row["starts_at"]), zone)
        table.add_row(starts, row["amount"], row["estimated"], str(row["covered_s"]), str(row["estimated_s"]))
    console.print(table)
    odd = [row for row in statement["readings"] if row["outcome"] != "accepted" or row["why"]]
    if odd:
        console.print(_listed("需要留意的读数 / readings to look at", ("read_at", "value", "outcome", "why"), odd))
    if statement["events"]:
        console.print(_listed("事件 / events", ("kind", "at", "shift", "suspect"), statement["events"]))
    outcomes = [row["outcome"] for row in statement["readings"]]
    counts = " · ".join(f"{name} {outcomes.count(name)}" for name in dict.fromkeys(outcomes))
    total = "未知 / unknown" if statement["total"] is None else f"{statement['total']} {unit}"
    console.print(f"合计 / total: [bold]{total}[/bold]    读数 / readings: {counts}")
    console.print(f"[dim]{assumed}[/dim]")


def _listed(title: str, columns: tuple[str, ...], rows: list[dict[str, str]]) -> Table:
    table = Table(title=title)
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(row[column] for column in columns))
    return table
