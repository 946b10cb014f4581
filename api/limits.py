"""What one caller may take of the service: time for its header, no body, time for its answer."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER_S: Final = 10.0
"""From the first byte (or the connection) to the end of a request's header."""
HEADER_BYTES: Final = 16 * 1024
ANSWER_S: Final = 30.0
"""For one answer, reading it included; the database gives up after 15 s."""
KEEP_ALIVE_S: Final = 15
CONNECTIONS: Final = 256
"""At once; more are told 503."""


class PatientProtocol(H11Protocol):
    """uvicorn's own, which waits for a header for ever; here a connection that sends none in time is closed."""

    _header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Await the first header."""
        super().connection_made(transport)
        self._await_header()

    def data_received(self, data: bytes) -> None:
        """Take bytes; the time for a header runs on until the last of them has come."""
        before = self.cycle
        if before is None or before.response_complete:
            self._await_header()
        super().data_received(data)
        if self.cycle is not before:
            self._forget_header()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._forget_header()
        super().connection_lost(exc)

    def _await_header(self) -> None:
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(HEADER_S, self.transport.abort)

    def _forget_header(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None


class Limits:
    """Refuses bodies, which no request here has, and ends an answer that takes too long."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request within the limits."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif _has_body(scope):
            await _refuse(send, 413, "请求不应带正文 a request has no body here", "去掉正文 send none")
        else:
            await self._in_time(scope, receive, send)

    async def _in_time(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            async with asyncio.timeout(ANSWER_S) as limit:
                await self.app(scope, receive, noting)
        except TimeoutError:
            if not limit.expired() or has_begun:  # what has begun is cut off by the server
                raise
            await _refuse(send, 503, "请求超时 the request took too long", "缩短时间范围 ask for a shorter time")


def _has_body(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


async def _refuse(send: Send, status: int, message: str, fix: str) -> None:
    """An answer of ours, after which the connection is closed: the rest of a body would be read otherwise."""
    body: dict[str, Any] = {"error": {"parameter": None, "message": message, "fix": fix}}
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body, ensure_ascii=False).encode()})
