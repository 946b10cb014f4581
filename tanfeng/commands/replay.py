"""`tanfeng replay`: recorded data as register readings over MQTT, until all of it is committed.

"Committed" is asked of the database: ingest counts every register value it has decided on in `ingest_minute`, so the
replay waits until that count has grown by what was sent, then looks for its own moments among the stored readings.
Without a DSN it can only wait for the broker's acknowledgements, and says so.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - typer needs it at run time
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from services.errors import TanfengError
from services.ledger import progress
from services.settings import Settings
from services.store.visit import visit
from simulators.publisher import Publisher
from simulators.replay import plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.store.pool import Connection
    from simulators.sample import Sample

POLL_S: Final = 0.2
HORIZON_FIX: Final = (
    "--shift-to now，或让 ingest 以 TANFENG_HORIZON_DAYS=0 运行 | or run ingest with TANFENG_HORIZON_DAYS=0"
)


class Recording(StrEnum):
    """The formats of recordings that can be replayed."""

    STEEL = "steel"
    OPSD = "opsd"
    ION6200 = "ion6200"
    CSV = "csv"


class ShiftTo(StrEnum):
    """Where the newest reading goes."""

    NOW = "now"


def add(app: typer.Typer) -> None:
    """Add `replay`."""
    app.command("replay")(replay)


def replay(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The recording")],
    *,
    recording: Annotated[Recording, typer.Option("--as", help="Its format")],
    enterprise: Annotated[str, typer.Option(help="Code of the enterprise whose meter it becomes")],
    meter: Annotated[str, typer.Option(help="Code of the meter")],
    register: Annotated[list[str] | None, typer.Option(help="Register code; repeat with --column")] = None,
    column: Annotated[list[str] | None, typer.Option(help="Column of the file for each --register")] = None,
    speed: Annotated[str, typer.Option(help="Times real time, or max")] = "max",
    shift_to: Annotated[ShiftTo | None, typer.Option(help="Move all readings so that the newest is now")] = None,
    shuffle: Annotated[int | None, typer.Option(metavar="SEED", help="Send in random order")] = None,
    twice: Annotated[bool, typer.Option("--twice", help="Send every reading two times")] = False,
    skip_interpolated: Annotated[
        bool, typer.Option("--skip-interpolated", help="opsd: leave out what the publisher interpolated")
    ] = False,
    batch: Annotated[int, typer.Option(min=1, help="Readings per message")] = 1,
    broker: Annotated[str | None, typer.Option(help="mqtt://user:password@host:port")] = None,
    dsn: Annotated[str | None, typer.Option(help="Database to wait for; default TANFENG_DATABASE_DSN")] = None,
    patience: Annotated[float, typer.Option(help="Seconds without progress before giving up")] = 30.0,
) -> None:
    """回放录制的数据，等到全部入库。Publish recorded data as meter readings and wait until all is committed."""
    settings = Settings()
    columns = chosen_columns(recording, register, column)
    with file.open(encoding="utf-8-sig", newline="") as lines:
        samples = plan.read(recording, lines, columns, interpolated=not skip_interpolated)
    if not samples:
        raise TanfengError(f"{file} holds no reading of {', '.join(columns.values())}", "check --as and --column")
    if shift_to is ShiftTo.NOW:
        samples = plan.shifted_to(samples, _now_us())
    _warn_of_horizon(samples, settings.horizon_days)
    task = _Replay(
        enterprise=enterprise,
        meter=meter,
        samples=samples,
        order=plan.arranged(samples, shuffle=shuffle, twice=twice),
        batch=batch,
        speed=pace(speed, ordered=shuffle is None),
        publisher=_publisher(broker or settings.broker_url.get_secret_value(), settings),
        progress=_progress(),
    )
    task.run(dsn or settings.database_dsn.get_secret_value(), patience)


def chosen_columns(recording: str, registers: list[str] | None, columns: list[str] | None) -> dict[str, str]:
    """Register → column: as given, else the usual ones of the format.

    Raises:
        TanfengError: Not as many registers as columns.
    """
    usual = plan.DEFAULT_COLUMNS[recording]
    if not columns:
        if registers and len(registers) > 1:
            raise TanfengError("several --register without --column", "give one --column for each")
        return {registers[0]: next(iter(usual.values()))} if registers else dict(usual)
    if len(registers or usual) != len(columns):
        raise TanfengError("not as many --register as --column", "give one --register for each --column")
    return dict(zip(registers or usual, columns, strict=True))


def pace(text: str, *, ordered: bool) -> float | None:
    """'max' is None; else how many times real time.

    Raises:
        TanfengError: No positive number, or a pace for a shuffled order.
    """
    if text == "max":
        return None
    if not ordered:
        raise TanfengError("--shuffle has no pace", "use --speed max with it")
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not speed > 0:
        raise TanfengError(f"--speed {text!r} is neither max nor a positive number", "for example --speed 3600")
    return speed


def _publisher(url: str, settings: Settings) -> Publisher:
    return Publisher(url, name=f"tanfeng-replay-{os.getpid()}", broker_ca=settings.broker_ca)


def _progress() -> Progress:
    shown = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*shown, console=Console(stderr=True))


def _now_us() -> int:
    return time.time_ns() // 1000


def _warn_of_horizon(samples: Sequence[Sample], horizon_days: int) -> None:
    old = plan.beyond_horizon(samples, _now_us(), horizon_days)
    if old:
        typer.echo(
            f"{old} 条读数早于 {horizon_days} 天的回溯期限，将被拒收 | readings are older than the horizon of "
            f"{horizon_days} days and will be rejected: {HORIZON_FIX}",
            err=True,
        )


async def _handled(dsn: str) -> int:
    async with visit(dsn, name="tanfeng-replay") as con:
        return await progress.handled(con)


@dataclass(frozen=True, kw_only=True)
class _Replay:
    """One replay under way: `samples` are the readings, `order` how they are sent."""

    enterprise: str
    meter: str
    samples: Sequence[Sample]
    order: Sequence[Sample]
    batch: int
    speed: float | None
    publisher: Publisher
    progress: Progress

    def run(self, dsn: str, patience_s: float) -> None:
        """Send, wait, say what came of it; exit code 1 if not every reading is stored."""
        before = asyncio.run(_handled(dsn)) if dsn else 0
        with self.publisher, self.progress:
            self._send()
            stored = asyncio.run(self._committed(dsn, before, patience_s)) if dsn else None
        self._report(stored)

    def _send(self) -> None:
        task = self.progress.add_task("发布 publish", total=len(self.order))
        began, first = time.monotonic(), self.order[0].read_at_us
        for read_at, message in plan.messages(self.enterprise, self.meter, self.order, self.batch):
            wait = began + plan.due_s(read_at, first, self.speed) - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            self.publisher.publish(message)
            self.progress.update(task, completed=min(self.publisher.sent * self.batch, len(self.order)))
        self.publisher.drain()

    async def _committed(self, dsn: str, before: int, patience_s: float) -> int:
        """How many of the distinct readings are stored once ingest has decided on all that was sent."""
        async with visit(dsn, name="tanfeng-replay") as con:
            await self._wait(con, before, patience_s)
            return sum(
                [
                    await progress.stored(con, self.enterprise, self.meter, register, moments)
                    for register, moments in plan.moments(self.samples).items()
                ]
            )

    async def _wait(self, con: Connection, before: int, patience_s: float) -> None:
        """Until ingest has decided on as many values as were sent, or decides on nothing for `patience_s`."""
        sent = plan.values(self.order)
        task = self.progress.add_task("入库 commit", total=sent)
        done, moved = 0, time.monotonic()
        while done < sent and time.monotonic() - moved < patience_s:
            await asyncio.sleep(POLL_S)
            now = await progress.handled(con) - before
            if now != done:
                done, moved = now, time.monotonic()
                self.progress.update(task, completed=min(done, sent))

    def _report(self, stored: int | None) -> None:
        sent = plan.values(self.order)
        if stored is None:
            typer.echo(
                f"已发布 {sent} 个值，代理已确认；未给 --dsn，不知是否入库 | published {sent} values, acknowledged "
                "by the broker; without --dsn nothing is known of the commit"
            )
            return
        distinct = sum(len(moments) for moments in plan.moments(self.samples).values())
        typer.echo(
            f"已发布 {sent} 个值，{stored}/{distinct} 已入库 | published {sent} values, {stored} of {distinct} stored"
        )
        if stored < distinct:
            typer.echo("其余见 tanfeng rejected list | for the rest see: tanfeng rejected list", err=True)
            raise typer.Exit(1)
