"""The HTTP API over a real database: what it answers, to whom, and how it refuses."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from api.app import create_app
from services.errors import TanfengError
from services.figures import access
from services.figures.today import ingest_totals, today_by_enterprise
from services.model import from_us, iso
from services.settings import Settings
from services.store.pool import connect
from tests.figure_world import (
    Quarter,
    add_district,
    add_enterprise,
    add_register,
    book,
    instant,
    quarters,
    restate_day,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.store.pool import Connection

JAN_1 = instant("2026-01-01T00:00+08:00")
RECORDED = instant("2026-03-01T00:00Z")
ENERGY, EMISSIONS = "/api/v1/energy", "/api/v1/emissions"


@pytest.fixture
async def con(database: str) -> AsyncIterator[Connection]:
    """Two enterprises with a day of electricity each, and gas in the first."""
    opened = await connect(database, name="test")
    await add_district(opened)
    for enterprise, amount in (("works", 1000), ("rival", 7)):
        await add_enterprise(opened, enterprise, f"{enterprise}-1")
        register = await add_register(opened, f"{enterprise}-1", "main")
        await book(opened, register, quarters(JAN_1, 96, amount), recorded_at=RECORDED)
    gas = await add_register(opened, "works-1", "gas", carrier="natural_gas", unit="Nm3")
    await book(opened, gas, [Quarter(JAN_1, 333)], recorded_at=RECORDED)
    yield opened
    await opened.close()


class Client:
    """Requests to one running application."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def ask(self, path: str, token: str | None = None, **params: str) -> tuple[int, Any]:
        """Status and JSON."""
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        given = {name.rstrip("_"): value for name, value in params.items()}
        response = await self.http.get(path, params=given, headers=headers)
        return response.status_code, response.json()

    async def rows(self, path: str, token: str | None = None, **params: str) -> list[dict[str, Any]]:
        """The rows of an answer."""
        status, body = await self.ask(path, token, **params)
        assert status == 200, body
        rows: list[dict[str, Any]] = body["rows"]
        return rows


async def running(database: str, **more: Any) -> AsyncIterator[Client]:
    """The application over this database."""
    settings = Settings(database_dsn=SecretStr(database), **more)
    app = create_app(settings)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://api") as http:
        yield Client(http)


@pytest.fixture
async def api(con: Connection, database: str) -> AsyncIterator[Client]:
    """An application that answers without a token as the whole district."""
    assert con is not None
    async for client in running(database, api_anonymous_role="tanfeng_district"):
        yield client


@pytest.fixture
async def guarded(con: Connection, database: str) -> AsyncIterator[Client]:
    """An application that wants a token."""
    assert con is not None
    async for client in running(database):
        yield client


async def test_energy_of_an_enterprise_by_day_in_exact_decimals(api: Client) -> None:
    """Amounts are strings with every digit, beside the names in both languages and how well they are known."""
    rows = await api.rows(ENERGY, from_="2026-01-01", until="2026-01-02", enterprise="works", carrier="electricity")
    assert rows == [
        {
            "day": "2026-01-01",
            "enterprise": "works",
            "enterprise_zh": "示例works厂",
            "enterprise_en": "Example works works",
            "carrier": "electricity",
            "national_code": "3300",
            "carrier_zh": "电力",
            "carrier_en": "Electricity",
            "unit": "kWh",
            "import_amount": "96.000",
            "export_amount": "0.000",
            "sold_amount": "0.000",
            "produced_amount": "0.000",
            "amount": "96.000",
            "estimated_amount": "0.000",
            "covered_s": 86_400,
            "estimated_s": 0,
            "expected_s": 86_400,
            "coverage_ratio": "1.000000",
            "resolution_ratio": "1.000000",
        }
    ]


@pytest.mark.parametrize("scope", ["enterprise", "site", "meter", "register"])
async def test_every_scope_and_grain_tells_the_same_energy_and_emissions(api: Client, scope: str) -> None:
    """Register, meter, site and enterprise, by quarter-hour, day and month, add up to one number."""
    for grain, since in (("15m", "2026-01-01T00:00:00+08:00"), ("1d", "2026-01-01"), ("1mo", "2026-01")):
        asked = {"scope": scope, "grain": grain, "from_": since, "enterprise": "works", "carrier": "electricity"}
        energy = await api.rows(ENERGY, **asked)
        assert sum(round(float(row["amount"]) * 1000) for row in energy) == 96_000
        assert {row["unit"] for row in energy} == {"kWh"}
        emissions = await api.rows(EMISSIONS, **asked)
        assert sum(round(float(row["emissions_kgco2"]) * 10**6) for row in emissions) == 53_577_600
        assert {(row["kgco2_per_unit"], row["data_year"], row["provisional"]) for row in emissions} == {
            ("0.5581", 2023, True)
        }
    assert energy[0]["month"] == "2026-01"


async def test_figures_as_of_an_earlier_moment(api: Client, con: Connection) -> None:
    """A late change restates the present, and the past is still to be had, for each scope that keeps it."""
    register = await con.fetchval("SELECT min(register_id) FROM core.register")
    changed = RECORDED + 86_400_000_000
    await restate_day(con, register, date(2026, 1, 1), 50_000, changed)
    for scope in ("enterprise", "site", "meter", "register"):
        for grain, since in (("1d", "2026-01-01"), ("1mo", "2026-01")):
            asked = {"scope": scope, "grain": grain, "from_": since, "enterprise": "works", "carrier": "electricity"}
            now = await api.rows(ENERGY, **asked)
            then = await api.rows(ENERGY, **asked, as_of=iso(changed - 1))
            assert [row["amount"] for row in now + then] == ["50.000", "96.000"]
    asked = {"scope": "site", "from_": "2026-01-01", "carrier": "electricity", "enterprise": "works"}
    for scope in ("site", "enterprise"):
        then = await api.rows(EMISSIONS, **(asked | {"scope": scope}), as_of=from_us(changed - 1).isoformat())
        assert [row["emissions_kgco2"] for row in then] == ["53.5776"]
    assert await api.rows(ENERGY, **asked, as_of=iso(RECORDED - 1)) == []
    quarter = {"scope": "register", "grain": "15m", "from_": "2026-01-01T00:00+08:00", "enterprise": "works"}
    assert len(await api.rows(ENERGY, **quarter, as_of=iso(changed))) == 97


async def test_an_unknown_emission_is_null_with_its_state(api: Client, con: Connection) -> None:
    """Missing is never zero."""
    coal = await add_register(con, "works-1", "coal", carrier="raw_coal", unit="kg")
    await book(con, coal, [Quarter(JAN_1, 5)])
    for scope in ("enterprise", "site", "meter", "register"):
        rows = await api.rows(EMISSIONS, from_="2026-01-01", carrier="raw_coal", scope=scope)
        assert [(row["emissions_kgco2"], row["state"]) for row in rows] == [(None, "factor_missing")]


WRONG = [
    ({}, "from", "missing"),
    ({"from_": "yesterday"}, "from", "no date"),
    ({"from_": "2026-01-05", "until": "2026-01-05"}, "until", "not after"),
    ({"from_": "2026-01-02", "grain": "1mo"}, "from", "not the start of a month"),
    ({"from_": "2026-01-02", "grain": "1h"}, "grain", "is no grain"),
    ({"from_": "2026-01-02", "scope": "planet"}, "scope", "is no scope"),
    ({"from_": "2026-01-02T00:00:00", "grain": "15m"}, "from", "no instant with a zone"),
    ({"from_": "2026-01-02T00:00:00Z", "grain": "15m", "until": "2026-06-02T00:00:00Z"}, "until", "92 days"),
    ({"from_": "2026-01-02", "as_of": "2026-01-02"}, "as_of", "no instant with a zone"),
    ({"from_": "2026-01-02", "enterprise": "x'; DROP"}, "enterprise", "is no code"),
    ({"from_": "2026-01-02", "form": "x"}, "form", "unknown parameter"),
    ({"from_": "2026-01-02", "site": "works-1"}, None, "finer than scope"),
    ({"from_": "2026-01-02T00:00:00Z", "grain": "15m", "as_of": "2026-02-02T00:00:00Z"}, None, "not kept"),
]


async def test_a_wrong_parameter_is_named_with_its_fix(api: Client) -> None:
    """4xx errors say what is wrong with which parameter, and what would be right."""
    for params, parameter, words in WRONG:
        for path in (ENERGY, EMISSIONS):
            status, body = await api.ask(path, **params)
            assert status == 422, params
            assert body["error"]["parameter"] == parameter
            assert words in body["error"]["message"]
            assert body["error"]["fix"]


async def test_a_token_shows_its_enterprise_and_no_other(guarded: Client, con: Connection) -> None:
    """Whatever is asked, the role behind the token decides; a foreign code is as unknown as one that is not there."""
    role = f"api_{await con.fetchval('SELECT current_database()')}"
    await access.create_tenant(con, role, None, "works", author="li")
    token = await access.create_token(con, role, "grid", author="li")
    rows = await guarded.rows(ENERGY, token, from_="2026-01-01", scope="register")
    assert {row["enterprise"] for row in rows} == {"works"}
    for code in ("rival", "nobody"):
        status, body = await guarded.ask(ENERGY, token, from_="2026-01-01", enterprise=code)
        assert (status, body["error"]["parameter"]) == (404, "enterprise")
    assert await guarded.rows(ENERGY, token, from_="2026-01-01", scope="site", site="rival-1") == []
    await access.revoke_token(con, "grid", author="li")
    assert (await guarded.ask(ENERGY, token, from_="2026-01-01"))[0] == 401
    with pytest.raises(TanfengError, match="no token"):
        await access.revoke_token(con, "grid", author="li")
    await con.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_the_api_needs_no_more_than_its_own_role(con: Connection, database: str) -> None:
    """A login that is only a member of tanfeng_api serves health, anonymous and token requests, and reads no table."""
    login = f"login_{await con.fetchval('SELECT current_database()')}"
    await con.execute(f"CREATE ROLE {login} LOGIN IN ROLE tanfeng_api")
    parts = urlsplit(database)
    dsn = urlunsplit(parts._replace(netloc=f"{login}@{parts.hostname}:{parts.port}"))
    async for client in running(dsn, api_anonymous_role="tanfeng_district"):
        assert (await client.ask("/healthz"))[0] == 200
        assert {row["enterprise"] for row in await client.rows(ENERGY, from_="2026-01-01")} == {"works", "rival"}
        assert (await client.ask(ENERGY, "wrong", from_="2026-01-01"))[0] == 401
    own = await connect(dsn, name="test")
    for statement in ("SELECT * FROM core.energy_day", "SELECT * FROM report.energy_1d", "DELETE FROM core.api_token"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await own.execute(statement)
    await own.close()
    await con.execute(f"DROP ROLE {login}")


async def test_without_a_valid_token_nothing_is_answered(guarded: Client, api: Client) -> None:
    """No token, a wrong one, another scheme; a wrong one is refused even where none is needed."""
    for token in (None, "wrong", ""):
        status, body = await guarded.ask(ENERGY, token, from_="2026-01-01")
        assert status == 401
        assert "tanfeng access token" in body["error"]["fix"]
    assert (await api.ask(ENERGY, "wrong", from_="2026-01-01"))[0] == 401
    response = await guarded.http.get(ENERGY, params={"from": "2026-01-01"}, headers={"Authorization": "Basic eDp5"})
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")


async def test_the_role_ends_with_the_request(api: Client, guarded: Client) -> None:
    """A connection that served one role carries nothing of it into the next request."""
    await api.rows(ENERGY, from_="2026-01-01")
    for _ in range(6):
        assert (await guarded.ask(ENERGY, from_="2026-01-01"))[0] == 401
        assert (await api.ask("/healthz"))[0] == 200


def test_tokenless_access_is_refused_beyond_loopback() -> None:
    """An anonymous role and a public address are not started together."""
    with pytest.raises(TanfengError, match="loopback"):
        create_app(Settings(api_anonymous_role="tanfeng_district", api_host="0.0.0.0"))  # noqa: S104 - what is refused


async def test_health_tells_schema_and_freshness_of_ingest(api: Client, con: Connection) -> None:
    """200 with the migration; never, fresh and stale are three things; a foreign schema is 503."""
    status, body = await api.ask("/healthz")
    assert (status, body["status"], body["ingest"], body["migration"]) == (
        200,
        "ok",
        "never",
        body["expected_migration"],
    )
    await con.execute("INSERT INTO core.ingest_minute VALUES (now() - interval '1 hour', 0, 1, 1, 0, 0, 0, 1)")
    assert (await api.ask("/healthz"))[1]["ingest"] == "stale"
    await con.execute("INSERT INTO core.ingest_minute VALUES (now(), 0, 1, 1, 0, 0, 0, 1)")
    assert (await api.ask("/healthz"))[1]["ingest"] == "fresh"
    await con.execute("INSERT INTO public.schema_migration (name, sha256) VALUES ('9999_later.sql', 'x')")
    assert (await api.ask("/healthz"))[0] == 503


async def test_a_lost_database_is_503_and_comes_back(api: Client, con: Connection) -> None:
    """A connection that died in the pool costs at most one request."""
    assert (await api.ask("/healthz"))[0] == 200
    await con.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'tanfeng-api'"
    )
    assert (await api.ask("/healthz"))[0] in (200, 503)
    assert (await api.ask("/healthz"))[0] == 200


async def test_today_by_enterprise_and_ingest_totals(con: Connection) -> None:
    """What the live view shows: today's figures of those that have some, and the counts of ingest."""
    assert await today_by_enterprise(con) == []
    register = await con.fetchval("SELECT min(register_id) FROM core.register")
    now = int(datetime.now(UTC).timestamp()) // 900 * 900 * 1_000_000
    await book(con, register, [Quarter(now, 2_000_000)])
    (today,) = await today_by_enterprise(con)
    assert (today.code, str(today.energy_kwh.normalize()), today.provisional) == ("works", "2E+3", True)
    assert str(today.coal_tce) == "0.2458"
    assert str(today.emissions_kgco2) == "1116.2"
    await con.execute("INSERT INTO core.ingest_minute VALUES (now(), 0, 9, 8, 7, 6, 5, 4)")
    await con.execute("INSERT INTO core.doubt VALUES ($1, now(), 'held', NULL)", register)
    totals = await ingest_totals(con)
    assert (totals.accepted, totals.duplicates, totals.rejected, totals.held, totals.held_open) == (8, 7, 6, 5, 1)
