"""The API against callers who mean harm: any input, slow and large requests, and doors that are not theirs."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from api import limits
from api.app import create_app
from api.limits import HEADER_BYTES, PatientProtocol
from services.figures import access
from services.settings import Settings
from services.store.pool import connect
from tanfeng.embedded.ports import free_port
from tests.figure_world import add_district, add_enterprise
from tests.ingest_rig import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

ENERGY = "/api/v1/energy"
INSTANTS = [
    "0001-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999-14:00",
    "9999-12-31T23:59:59Z",
    "1900-01-01T00:00:00Z",
    "2200-01-01T00:00:00Z",
    "1970-01-01T00:00:00Z",
]
DAYS = ["0001-01-01", "9999-12-31", "9999-12", "0001-01", "2026-W01-1", "20260101", "0000-00-00"]
ODD = [*INSTANTS, *DAYS, "\x00", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "'", "%", "-1", "1e999"]
VALUES = st.sampled_from(["works", "site", "register", "15m", "1d", "1mo", "electricity", *ODD]) | st.text(max_size=20)
NAMES = ["scope", "grain", "from", "until", "enterprise", "site", "meter", "register", "carrier", "as_of"]


@pytest.fixture
async def con(database: str) -> AsyncIterator[Connection]:
    """One enterprise without a reading."""
    opened = await connect(database, name="test")
    await add_district(opened)
    await add_enterprise(opened, "works", "works-1")
    yield opened
    await opened.close()


@asynccontextmanager
async def client(database: str, address: str = "127.0.0.1") -> AsyncIterator[httpx.AsyncClient]:
    """A caller at this address."""
    app = create_app(Settings(database_dsn=SecretStr(database), api_anonymous_role="tanfeng_district"))
    transport = httpx.ASGITransport(app, client=(address, 1))
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://api") as http:
        yield http


@pytest.mark.parametrize("path", [ENERGY, "/api/v1/emissions"])
async def test_extreme_instants_and_days_are_answered_or_refused(con: Connection, database: str, path: str) -> None:
    """At both ends of the calendar, in every place of a question: never a 500."""
    assert con is not None
    async with client(database) as http:
        for value in ODD:
            for grain in ("15m", "1d", "1mo"):
                for more in ({}, {"until": "9999-12-31T23:59:59Z" if grain == "15m" else "9999-12-31"}):
                    answer = await http.get(path, params={"from": value, "grain": grain} | more)
                    assert answer.status_code < 500, (value, grain, more)
            for scope in ("enterprise", "register"):
                asked = {"from": "2026-01-01", "as_of": value, "scope": scope}
                assert (await http.get(path, params=asked)).status_code < 500, value


async def test_no_question_is_an_internal_error(con: Connection, database: str) -> None:
    """Whatever the parameters hold, and however often they stand there."""
    assert con is not None
    async with client(database) as http:
        loop = asyncio.get_running_loop()

        @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
        @given(
            st.lists(st.tuples(st.sampled_from(NAMES) | st.text(max_size=5), VALUES), max_size=8), st.text(max_size=9)
        )
        def ask(asked: list[tuple[str, str]], token: str) -> None:
            header = [(b"Authorization", f"Bearer {token}".encode("utf-8", "replace"))]
            question = httpx.QueryParams([(name, value) for name, value in asked])
            answering = asyncio.run_coroutine_threadsafe(http.get(ENERGY, params=question, headers=header), loop)
            answer = answering.result(60)
            assert answer.status_code < 500, (asked, answer.text)
            bare = asyncio.run_coroutine_threadsafe(http.get(ENERGY, params=question), loop).result(60)
            assert bare.status_code < 500, (asked, bare.text)

        await asyncio.to_thread(ask)


async def test_documentation_is_for_this_machine_and_for_tokens(con: Connection, database: str) -> None:
    """Anonymous callers from elsewhere, also through a proxy on this machine, see neither it nor what is not there."""
    paths = ("/docs", "/redoc", "/openapi.json", "/metrics", "/anything")
    async with client(database) as near:
        assert [(await near.get(path)).status_code for path in paths] == [200, 200, 200, 404, 404]
        forwarded = {"X-Forwarded-For": "192.0.2.7"}
        assert {(await near.get(path, headers=forwarded)).status_code for path in paths} == {401}
    role = access.opaque_name()
    await access.create_tenant(con, role, None, "works", author="li")
    token = await access.create_token(con, role, "docs", author="li")
    async with client(database, "192.0.2.7") as far:
        assert {(await far.get(path)).status_code for path in paths} == {401}
        assert {(await far.get(p, headers={"Authorization": "Bearer wrong"})).status_code for p in paths} == {401}
        assert (await far.get("/docs", headers={"Authorization": f"Bearer {token}"})).status_code == 200
        assert (await far.get("/healthz")).status_code == 200
    await con.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times short enough to wait for."""
    monkeypatch.setattr(limits, "HEADER_S", 0.5)
    monkeypatch.setattr(limits, "ANSWER_S", 1.0)


@asynccontextmanager
async def served(database: str) -> AsyncIterator[int]:
    """The API on a port, as the command serves it."""
    port = free_port()
    app = create_app(Settings(database_dsn=SecretStr(database), api_anonymous_role="tanfeng_district"))
    config = uvicorn.Config(
        app, port=port, log_level="critical", http=PatientProtocol, h11_max_incomplete_event_size=HEADER_BYTES
    )
    server = uvicorn.Server(config)
    task = asyncio.ensure_future(server.serve())
    await until(lambda: server.started)
    try:
        yield port
    finally:
        server.should_exit = True
        await task


async def raw(port: int, data: bytes) -> bytes:
    """What the server says to these bytes until it hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    try:
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@pytest.mark.usefixtures("short", "con")
async def test_slow_and_large_requests_are_cut_off(database: str) -> None:
    """A header that does not end, one that is too long, a body, and silence; others are served meanwhile."""
    async with served(database) as port:
        began = time.monotonic()
        slow = [raw(port, data) for data in (b"", b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ") for _ in range(20)]
        waiting = asyncio.gather(*slow)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            assert (await http.get("/healthz")).status_code == 200
            for size in (2_000_000, 1):
                assert (await http.request("GET", ENERGY, content=b"x" * size)).status_code == 413
            assert (await http.post(ENERGY)).status_code == 405
        assert set(await waiting) == {b""}
        assert time.monotonic() - began < 8
        assert b" 400 " in (await raw(port, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 20_000))[:20]
        endless = b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
        assert b" 413 " in (await raw(port, endless))[:20]


@pytest.mark.usefixtures("short")
async def test_an_answer_that_takes_too_long_is_given_up(con: Connection, database: str) -> None:
    """The caller is told, and the connection of the pool is free again."""
    async with client(database) as http:
        async with con.transaction():
            await con.execute("LOCK TABLE core.enterprise IN ACCESS EXCLUSIVE MODE")
            answer = await http.get(ENERGY, params={"from": "2026-01-01"})
            assert answer.status_code == 503
            assert "too long" in answer.json()["error"]["message"]
        assert (await http.get(ENERGY, params={"from": "2026-01-01"})).status_code == 200
