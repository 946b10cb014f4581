"""`tanfeng api`: serve the HTTP API."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
import uvicorn
from pydantic import SecretStr

from api.app import create_app
from api.limits import CONNECTIONS, HEADER_BYTES, KEEP_ALIVE_S, PatientProtocol
from services.settings import Settings
from services.store.visit import visit
from tanfeng.commands.migrate import database_dsn


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command("api")(api_command)


def api_command(
    host: Annotated[str, typer.Option(help="default: TANFENG_API_HOST, 127.0.0.1")] = "",
    port: Annotated[int, typer.Option(help="default: TANFENG_API_PORT, 8080")] = -1,
    dsn: Annotated[str, typer.Option(help="PostgreSQL; default: TANFENG_DATABASE_DSN")] = "",
) -> None:
    """启动 API。Serve the API on loopback, or where told, until SIGTERM or Ctrl-C."""
    base = Settings()
    settings = base.model_copy(
        update={
            "api_host": host or base.api_host,
            "api_port": base.api_port if port < 0 else port,
            "database_dsn": SecretStr(database_dsn(dsn)),
        }
    )
    asyncio.run(_reachable(settings.database_dsn.get_secret_value()))
    # The access log would repeat what a proxy in front writes; errors are logged.
    uvicorn.run(
        create_app(settings),
        host=settings.api_host,
        port=settings.api_port,
        access_log=False,
        log_level="warning",
        http=PatientProtocol,
        ws="none",
        h11_max_incomplete_event_size=HEADER_BYTES,
        timeout_keep_alive=KEEP_ALIVE_S,
        limit_concurrency=CONNECTIONS,
    )


async def _reachable(dsn: str) -> None:
    """Fail before the server starts, which would tell of it with a traceback."""
    async with visit(dsn, name="tanfeng-api"):
        pass
