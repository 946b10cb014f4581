"""The heartbeat of the real `tanfeng evaluate`: there while all is well, and only then."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO, TYPE_CHECKING, Any

import pytest

from services.errors import TanfengError
from services.heartbeat import checked
from services.store.pool import connect
from tests.ingest_rig import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Switch:
    """A dead man's switch: counts what it hears."""

    def __init__(self) -> None:
        self.beats = 0
        switch = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                switch.beats += 1
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/secret-5f1e"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


@pytest.fixture
def switch() -> Iterator[Switch]:
    """A running switch."""
    running = Switch()
    yield running
    running.server.shutdown()
    running.server.server_close()


def evaluate(dsn: str, output: IO[bytes], **environment: str) -> subprocess.Popen[bytes]:
    """The real program, whose heart beats every second."""
    return subprocess.Popen(
        [sys.executable, "-m", "tanfeng", "evaluate", "--dsn", dsn, "--broker", "mqtt://127.0.0.1:1"],
        env={**os.environ, "TANFENG_HEARTBEAT_EVERY_S": "1", **environment},
        stdout=output,
        stderr=output,
    )


async def test_the_heart_beats_while_messages_are_taken_and_stops_when_they_are_not(
    database: str, switch: Switch, tmp_path: Path
) -> None:
    """A notification that nobody has taken for a quarter of an hour ends it; its delivery lets it go on."""
    con = await connect(database, name="test")
    log = tmp_path / "log"
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd, log.open("wb") as output:
        systemd.bind(str(address))
        systemd.settimeout(60)
        process = evaluate(database, output, TANFENG_HEARTBEAT_URL=switch.url, NOTIFY_SOCKET=str(address))
        try:
            assert systemd.recv(100) == b"READY=1"
            await until(lambda: switch.beats >= 2, 60)
            await con.execute(
                "INSERT INTO core.notification (target, kind, once, content, created_at, not_before)"
                " VALUES ('nobody', 'digest', 'x', '{}', now() - interval '20 min', now())"
            )
            await until(lambda: "not well" in log.read_text(), 60)
            beats = switch.beats
            rounds = await con.fetchval("SELECT max(evaluated_at) FROM core.evaluation")
            newer = "SELECT max(evaluated_at) > $1::timestamptz + interval '3 s' FROM core.evaluation"
            await until(lambda: con.fetchval(newer, rounds), 60)
            assert switch.beats == beats
            await con.execute("UPDATE core.notification SET delivered_at = now()")
            await until(lambda: switch.beats > beats, 60)
            told = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            assert time.monotonic() - told < 10
            assert systemd.recv(100) == b"STOPPING=1"
        finally:
            process.kill()
            process.wait()
            await con.close()
    assert "secret-5f1e" not in log.read_text()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/", "https:///secret-5f1e", "secret-5f1e"])
def test_an_address_that_is_none_of_http_is_refused_without_being_repeated(url: str) -> None:
    """It is a secret."""
    with pytest.raises(TanfengError) as problem:
        checked(url)
    assert url not in str(problem.value)
