"""Fixtures for every test: real databases and a real broker, started when first asked for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import alert_rig, community_server, servers
from tests.marked_rules import MARKS
from tests.notify_rig import Hook

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED = servers.SHARED


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data, recorded payloads and domain tables beside the checkout."""
    return SHARED


@pytest.fixture(scope="session")
def postgres() -> Iterator[servers.Postgres]:
    """A running plain PostgreSQL of the embedded default."""
    with servers.postgres_server() as running:
        yield running


@pytest.fixture(scope="session")
def _migrated(postgres: servers.Postgres) -> str:
    return postgres.make_template()


@pytest.fixture
def database(postgres: servers.Postgres, _migrated: str) -> Iterator[str]:
    """The dsn of a fresh migrated database."""
    with postgres.database(_migrated) as dsn:
        yield dsn


@pytest.fixture
def empty_database(postgres: servers.Postgres) -> Iterator[str]:
    """The dsn of a fresh database with nothing in it."""
    with postgres.database() as dsn:
        yield dsn


@pytest.fixture(scope="session")
def timescale() -> Iterator[servers.Postgres]:
    """A running PostgreSQL 17 with TimescaleDB's Apache-2 edition preloaded."""
    with servers.postgres_server(servers.timescale_programs(), servers.TIMESCALE) as running:
        yield running


@pytest.fixture(scope="session")
def _timescale_migrated(timescale: servers.Postgres) -> str:
    return timescale.make_template()


@pytest.fixture
def timescale_database(timescale: servers.Postgres, _timescale_migrated: str) -> Iterator[str]:
    """The dsn of a fresh migrated database with hypertables."""
    with timescale.database(_timescale_migrated) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def community() -> Iterator[community_server.Community]:
    """TimescaleDB's community edition over one connection."""
    with community_server.community_server() as running:
        yield running


@pytest.fixture(scope="session")
def community_postgres() -> Iterator[servers.Postgres]:
    """A running PostgreSQL with TimescaleDB's community edition, of the programs in TANFENG_COMMUNITY_BIN."""
    with servers.postgres_server(Path(os.environ["TANFENG_COMMUNITY_BIN"]), servers.TIMESCALE) as running:
        yield running


@pytest.fixture(scope="session")
def _community_migrated(community_postgres: servers.Postgres) -> str:
    return community_postgres.make_template()


@pytest.fixture
def community_database(community_postgres: servers.Postgres, _community_migrated: str) -> Iterator[str]:
    """The dsn of a fresh migrated database with hypertables and a columnstore."""
    with community_postgres.database(_community_migrated) as dsn:
        yield dsn


@pytest.fixture(autouse=True)
def _rules_do_as_marked(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test marked with `fires` or `stays_quiet` has looked for these rules, and each came to what the mark says."""
    alert_rig.RAISED.clear()
    yield
    marks = [(mark.name, rule) for mark in request.node.iter_markers() if mark.name in MARKS for rule in mark.args]
    assert alert_rig.untrue(marks, alert_rig.RAISED) == []


EDITIONS = {
    "plain": "database",
    "timescale": "timescale_database",
    "community": "community",
    "server": "community_database",
}
"""Fixtures by edition. Those that TANFENG_EDITIONS names, by default the first two; community is scripts/community's,
server a real server of that edition, where TANFENG_COMMUNITY_BIN names the folder of its programs."""


@pytest.fixture(params=os.environ.get("TANFENG_EDITIONS", "plain timescale").split())
def edition_database(request: pytest.FixtureRequest) -> str:
    """The dsn of a fresh migrated database, once for each edition."""
    if request.param == "community" and request.node.get_closest_marker("two_connections"):
        pytest.skip("community: two connections at once, this build has one session")
    found: str | community_server.Community = request.getfixturevalue(EDITIONS[request.param])
    return found if isinstance(found, str) else found.fresh()


@pytest.fixture(scope="session")
def mosquitto() -> Iterator[str]:
    """The url of a running Mosquitto."""
    with servers.mosquitto_broker() as running:
        yield running.url


@pytest.fixture
def hook() -> Iterator[Hook]:
    """A running webhook."""
    running = Hook()
    yield running
    running.stop()
