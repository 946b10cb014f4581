"""`tanfeng doctor`: examine an installation and say how to mend what is wrong."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path  # noqa: TC003 - typer needs it at run time
from typing import Annotated

import typer

from tanfeng.doctor import queue
from tanfeng.doctor.examine import examine
from tanfeng.doctor.finding import WORDS, Level
from tanfeng.doctor.place import find


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    state: Annotated[Path | None, typer.Option(help="of the running tanfeng up to examine; default: found")] = None,
    dsn: Annotated[str, typer.Option(help="PostgreSQL, as its owner; default: TANFENG_DATABASE_DSN")] = "",
    broker: Annotated[str, typer.Option(help="as ingest connects; default: TANFENG_BROKER_URL")] = "",
    broker_config: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="mosquitto.conf, where it is on this machine")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(exists=True, help="any folder on the database's disk, where it is on this machine")
    ] = None,
    probe: Annotated[int, typer.Option(min=1, help="messages by which the broker's queue is probed")] = queue.MESSAGES,
) -> None:
    """体检：查出问题并给出修复办法，有错误则退出码为 1。Find what is wrong and how to mend it; exit 1 if an error."""
    findings = asyncio.run(examine(find(state, dsn, broker, broker_config, data), probe))
    if as_json:
        typer.echo(json.dumps([finding.as_json() for finding in findings], ensure_ascii=False, indent=1))
    else:
        for finding in findings:
            typer.echo(str(finding))
        counts = Counter(finding.level for finding in findings)
        typer.echo(" · ".join(f"{counts[level]} {WORDS[level]}" for level in Level))
    if any(finding.level is Level.ERROR for finding in findings):
        raise typer.Exit(1)
