"""A webhook of our own on loopback, targets that name it, and an outbox that is emptied."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from services.alerting.model import Severity
from services.notify.config import Config, Route, Target
from services.notify.sending import run
from services.store.pool import connect
from tests.alert_rig import HOUR_US, add_counter, look, take

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from services.store.pool import Connection

LOOPBACK = (ip_network("127.0.0.1/32"),)
SECRET = "token-5f1e"  # noqa: S105 - what must not be seen anywhere
ALL = frozenset(Severity)


class Hook:
    """A webhook's server: keeps what was posted, answers with the code it is told to."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        self.answer = 200
        self.location = ""
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if hook.answer == 200:
                    hook.posts.append(body)
                self.send_response(hook.answer)
                if hook.location:
                    self.send_header("Location", hook.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """Answer no more."""
        self.server.shutdown()
        self.server.server_close()


def hook_target(folder: Path, hook: Hook, name: str = "hook", per_minute: int = 600) -> Target:
    """A target whose address file names the hook with a secret in its path."""
    file = folder / name
    file.write_text(f"json://127.0.0.1:{hook.port}/{SECRET}\n")
    return Target(name, "apprise", file, per_minute)


def config_of(*targets: Target, repeat_us: int = 0, enterprises: frozenset[str] | None = None) -> Config:
    """Everything to all of these targets."""
    route = Route(tuple(each.name for each in targets), ALL, enterprises, repeat_us)
    return Config({each.name: each for each in targets}, (route,), LOOPBACK)


@contextlib.asynccontextmanager
async def running(database: str, config: Config) -> AsyncIterator[None]:
    """The outbox being emptied."""
    stop = asyncio.Event()
    task = asyncio.create_task(run(database, config, stop))
    try:
        yield
    finally:
        stop.set()
        await task


@contextlib.asynccontextmanager
async def with_alert(dsn: str, begin: int) -> AsyncIterator[Connection]:
    """A connection to a database whose silent meter m1 of the works has a firing alert, raised at begin + 1 h."""
    con = await connect(dsn, name="test")
    try:
        await take(con, await add_counter(con), [(begin, 0)])
        await look(con, "MeterSilent", begin + HOUR_US)
        yield con
    finally:
        await con.close()
