"""The HTTP API: energy and CO₂ of what the caller may read, and the health of the service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from api.door import LOOPBACK, Door, token_of
from api.limits import Limits
from api.params import PARAMETERS, ParameterError, ask_of
from api.render import body
from services import sd_notify
from services.errors import TanfengError
from services.figures import rows
from services.figures.reader import AccessDeniedError, Reader, UnavailableError, open_reader
from services.figures.rows import Ask
from services.figures.today import health
from services.store.migrate import scripts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.settings import Settings

FRESH_S: Final = 180.0
"""Ingest counts as fresh when it committed within this time."""

Figure = Callable[[Any, Ask], Awaitable[list[rows.Row]]]
DOCUMENTED: Final = {
    "parameters": [
        {"name": name, "in": "query", "description": text, "required": name == "from", "schema": {"type": "string"}}
        for name, text in PARAMETERS.items()
    ]
}


def create_app(settings: Settings) -> FastAPI:
    """The application; its pool opens and closes with it.

    Raises:
        TanfengError: Requests without a token would be served beyond this machine.
    """
    _refuse_open_door(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        dsn = settings.database_dsn.get_secret_value()
        async with open_reader(dsn, anonymous_role=settings.api_anonymous_role) as reader:
            app.state.reader = reader
            stop = asyncio.Event()
            telling = asyncio.create_task(sd_notify.supervised(lambda: True, lambda: True, stop))
            yield
            stop.set()
            await telling

    app = FastAPI(title="Tanfeng 碳峰", version="1", lifespan=lifespan)
    app.get("/healthz")(healthz)
    app.get("/api/v1/energy", openapi_extra=DOCUMENTED)(energy)
    app.get("/api/v1/emissions", openapi_extra=DOCUMENTED)(emissions)
    app.exception_handler(ParameterError)(_parameter_error)
    app.exception_handler(TanfengError)(_problem)
    app.add_middleware(Door, refusal=_problem)
    app.add_middleware(Limits)
    return app


async def healthz(request: Request) -> JSONResponse:
    """200 when the database answers and has this code's schema; says how fresh ingest is."""
    reader: Reader = request.app.state.reader
    newest = scripts("migrations")[-1].name
    async with reader.as_itself() as con:
        found = await health(con)
    same = found.migration == newest
    age_s = found.ingest_age_s
    content = {
        "status": "ok" if same else "wrong_schema",
        "database": "ok",
        "migration": found.migration,
        "expected_migration": newest,
        "ingest": "never" if age_s is None else "fresh" if age_s <= FRESH_S else "stale",
        "ingest_age_s": age_s,
    }
    return JSONResponse(content, 200 if same else 503)


async def energy(request: Request) -> JSONResponse:
    """Energy by enterprise, site, meter or register; 15m, 1d or 1mo; now or as of an earlier moment."""
    return await _answer(request, rows.energy)


async def emissions(request: Request) -> JSONResponse:
    """CO₂ in kg with the factor used and its source; null with a state where it is unknown."""
    return await _answer(request, rows.emissions)


async def _answer(request: Request, figure: Figure) -> JSONResponse:
    ask = ask_of(request.query_params)
    reader: Reader = request.app.state.reader
    async with reader.as_bearer(token_of(request)) as con:
        if ask.enterprise is not None and not await rows.may_read(con, ask.enterprise):
            raise ParameterError(
                "enterprise",
                "没有该企业或无权查看 there is no such enterprise, or not for you",
                "核对代码 check the code",
                status=404,
            )
        found = await figure(con, ask)
    return JSONResponse(body(ask, found))


def _parameter_error(_: Request, problem: Exception) -> JSONResponse:
    assert isinstance(problem, ParameterError)  # noqa: S101 - registered for this class
    return _error(problem.status, problem.message, problem.fix, problem.parameter)


def _problem(_: Request, problem: Exception) -> JSONResponse:
    assert isinstance(problem, TanfengError)  # noqa: S101 - registered for this class
    answer = _error(_status(problem), problem.message, problem.fix)
    if isinstance(problem, AccessDeniedError):
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _status(problem: TanfengError) -> int:
    if isinstance(problem, AccessDeniedError):
        return 401
    return 503 if isinstance(problem, UnavailableError) else 422


def _error(status: int, message: str, fix: str, parameter: str | None = None) -> JSONResponse:
    return JSONResponse({"error": {"parameter": parameter, "message": message, "fix": fix}}, status)


def _refuse_open_door(settings: Settings) -> None:
    if settings.api_anonymous_role and settings.api_host not in LOOPBACK:
        raise TanfengError(
            f"无令牌访问仅限本机 requests without a token are for loopback only, and {settings.api_host} is not",
            "unset TANFENG_API_ANONYMOUS_ROLE, or bind TANFENG_API_HOST to 127.0.0.1",
        )
