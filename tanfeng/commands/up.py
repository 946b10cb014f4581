"""`tanfeng up`: database, broker, ingest and API on this machine, without root, Docker or a system service."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import time
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from services.errors import TanfengError
from services.settings import Settings
from tanfeng import durations
from tanfeng.demo import view
from tanfeng.embedded import state as states
from tanfeng.embedded.ports import LOOPBACK
from tanfeng.embedded.reserve import ROOMY_BYTES, Reserve
from tanfeng.embedded.stack import Stack, Wanted
from tanfeng.embedded.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

HOME: Final = Path(__file__).parents[2] / ".local"
"""Where state lies by default: `.local/state`, or `.local/demo` for a demo, so that the two never mix."""
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Stopped(Exception):  # noqa: N818 - not an error: a person asked for it
    """A signal came while the parts were still coming up."""


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command("up")(up)


def up(
    *,
    state: Annotated[Path | None, typer.Option(help="Folder of all state; default .local/state, .local/demo")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="With the example district and its simulated fleet")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Log lines instead of the live view")] = False,
    for_s: Annotated[
        float | None, typer.Option("--for", parser=durations.seconds, metavar="60s", help="Stop after this long")
    ] = None,
    registry: Annotated[Path | None, typer.Option(exists=True, help="Registry file to apply first")] = None,
    dsn: Annotated[str, typer.Option(help="Use this PostgreSQL instead of an own one")] = "",
    postgres_bin: Annotated[Path | None, typer.Option(help="Programs of an installed PostgreSQL")] = None,
    broker: Annotated[str, typer.Option(help="Use this MQTT broker instead of an own one")] = "",
    broker_host: Annotated[str, typer.Option(help="Address the own broker listens on")] = LOOPBACK,
    broker_passwords: Annotated[
        Path | None, typer.Option(help="Lines of user:password; a user is an enterprise's code")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Ingest workers")] = 1,
) -> None:
    """在本机启动全部服务。Run everything on this machine; Ctrl-C stops it, the state stays."""
    folder = state or Settings().state_dir or HOME / ("demo" if demo else "state")
    wanted = Wanted(folder, postgres_bin, dsn, broker, broker_host, broker_passwords, workers, demo, registry)
    with states.opened(folder) as opened:
        stack = Stack(wanted, opened, _say)
        try:
            asyncio.run(_run(stack, plain=plain, for_s=for_s))
        except _Stopped:
            _say("已停止 stopped")


async def _run(stack: Stack, *, plain: bool, for_s: float | None) -> None:
    since, stop = time.monotonic(), _stop_on_signals()
    reserve = Reserve(stack.state.folder, _say)
    async with Supervisor(stack.state.logs, _say) as servers, _watched(reserve):
        await _unless_stopped(stack.start_servers(servers), stop)
        async with Supervisor(stack.state.logs, _say) as programs:
            await _unless_stopped(stack.start_programs(programs), stop)
            _say(f"全部就绪 all ready after {time.monotonic() - since:.1f} s · API {stack.api_url} · Ctrl-C 停止 stops")
            if for_s is not None:
                asyncio.get_running_loop().call_later(for_s, stop.set)
            await _watch(stack, stop, plain=plain)
        if stack.wanted.demo or for_s is not None:
            await _summarise(stack.dsn)


@asynccontextmanager
async def _watched(reserve: Reserve) -> AsyncIterator[None]:
    """Look after the disk meanwhile; a stop on a full disk gets what is held back."""
    task = asyncio.create_task(reserve.watch())
    try:
        yield
    finally:
        task.cancel()
        if shutil.disk_usage(reserve.folder).free < ROOMY_BYTES:
            reserve.give_up()


async def _watch(stack: Stack, stop: asyncio.Event, *, plain: bool) -> None:
    """Until told to stop; a demo shows what is happening meanwhile."""
    if stack.wanted.demo:
        await view.run(stack.dsn, plain=plain or not sys.stdout.isatty(), stop=stop, api_url=stack.api_url)
    await stop.wait()


async def _summarise(dsn: str) -> None:
    """The last line; ingest has stopped, so it counts what is committed."""
    try:
        _say(await view.summary(dsn))
    except TanfengError as problem:
        _say(f"no summary: {problem}")


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _unless_stopped(work: Awaitable[None], stop: asyncio.Event) -> None:
    """Do the work, but give it up when told to stop."""
    task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not task.done():
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        raise _Stopped
    task.result()


def _say(line: str) -> None:
    with suppress(OSError):  # it may be written to a disk that is full
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
