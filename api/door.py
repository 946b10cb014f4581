"""Who may see what is not a figure: documentation of the API, and whatever else is served beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.requests import Request

from services.errors import TanfengError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_OPEN: Final = ("/api/", "/healthz")
"""Figures ask for a token themselves; health tells nothing of anybody."""


class Door:
    """Any other path is for callers of this machine, and for those with a token."""

    def __init__(self, app: ASGIApp, *, refusal: Callable[[Request, Exception], Response]) -> None:
        self.app = app
        self.refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or refuse it."""
        if scope["type"] == "http" and not scope["path"].startswith(_OPEN) and not _is_near(Request(scope)):
            try:
                async with scope["app"].state.reader.as_bearer(token_of(Request(scope)) or ""):
                    pass
            except TanfengError as problem:
                await self.refusal(Request(scope), problem)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def token_of(request: Request) -> str | None:
    """The bearer token; a header of another kind counts as a token that is not valid, never as none."""
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _is_near(request: Request) -> bool:
    """Whether the caller is on this machine, and no proxy here that speaks for somebody else."""
    is_forwarded = "x-forwarded-for" in request.headers or "forwarded" in request.headers
    return request.client is not None and request.client.host in LOOPBACK and not is_forwarded
