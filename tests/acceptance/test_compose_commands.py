"""docker-compose.yml's services run for real outside a container: same commands, secrets, TLS, ACL and roles."""

from __future__ import annotations

import asyncio
import json
import os
import secrets as secrets_of
import signal
import ssl
import subprocess
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import asyncpg
import pytest

from services.model import iso
from services.store.pool import connect
from tanfeng.embedded.child import Child
from tanfeng.embedded.ports import answers, free_port, healthy
from tanfeng.embedded.postgres import PostgresServer
from tests import servers
from tests.compose import ROOT, Outside, services
from tests.ingest_rig import until
from tests.mqtt import publish

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("compose")  # one world for all of it

METER = "electronics/main-10kv"


@dataclass(frozen=True, slots=True)
class Deployment:
    """What the compose file starts, on free ports of this machine."""

    outside: Outside
    broker: str
    database: str
    api_port: int
    ingest_port: int
    mosquitto_pid: int

    def secret(self, name: str) -> str:
        """What is in a file of ./secrets."""
        return (self.outside.secrets / name).read_text("utf-8").strip()

    def as_enterprise(self, code: str) -> str:
        """The broker for an enterprise, with the password it was given."""
        return f"mqtts://{code}:{quote(self.secret(f'broker/credentials/{code}'))}@{self.broker}"

    def as_login(self, role: str) -> str:
        """The database for a login."""
        return f"postgresql://{role}:{self.secret(f'logins/{role}')}@{self.database}/tanfeng"

    @property
    def authority(self) -> Path:
        """The CA that signed the broker's certificate."""
        return self.outside.secrets / "tls" / "ca.crt"

    async def asked(self, statement: str) -> Any:
        """One value, as owner."""
        con = await connect(self.secret("owner_dsn"), name="test")
        try:
            return await con.fetchval(statement)
        finally:
            await con.close()

    def token(self, enterprise: str) -> str:
        """A token of the API that reads this enterprise."""
        self.once("logins", "access", "grant", f"tenant_{enterprise}", "--enterprise", enterprise, "--as", "li")
        return self.once(
            "logins", "access", "token", f"tenant_{enterprise}", "--label", enterprise, "--as", "li"
        ).strip()

    def once(self, name: str, *instead: str) -> str:
        """Run a service that ends by itself; `instead`: other words than its command's."""
        child = self.outside.child(name)
        command = (*child.command[:3], *instead) if instead else child.command
        done = subprocess.run(command, env=child.environment, capture_output=True, text=True, cwd=ROOT, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def setup(secrets: Path, database: str, broker: str) -> None:
    """`scripts/production-setup` with the example district as the first registry."""
    more = {"SECRETS": str(secrets), "DATABASE": database, "BROKER": broker, "REGISTRY": "examples/district.yaml"}
    done = subprocess.run(
        ("scripts/production-setup",), cwd=ROOT, env={**os.environ, **more}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for file in [*(secrets / "logins").iterdir(), secrets / "owner_password", *(secrets / "programs").iterdir()]:
        assert file.read_text().strip() not in done.stdout + done.stderr


def mosquitto(folder: Path, secrets: Path, port: int) -> servers.Running:
    """Mosquitto with deploy/mosquitto.conf; only folders and the port differ."""
    text = (ROOT / "deploy" / "mosquitto.conf").read_text("utf-8")
    for before, after in (
        ("/mosquitto/access", str(secrets / "broker")),
        ("/mosquitto/tls", str(secrets / "tls")),
        ("/mosquitto/data/", f"{folder}/"),
        ("listener 8883\n", f"listener {port} 127.0.0.1\n"),
    ):
        assert before in text
        text = text.replace(before, after)
    config = folder / "mosquitto.conf"
    config.write_text(text + ("user root\n" if os.geteuid() == 0 else ""))
    command = (str(servers.mosquitto_program()), "-c", str(config))
    return servers.Running(Child("mosquitto", command, ready=lambda _pid: answers(port)), folder / "mosquitto.log")


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    """Everything up: a database with passwords, a broker with TLS and ACL, two workers, evaluate, maintain, API."""
    with servers.scratch("compose") as folder:
        secrets, database_folder, broker_port = folder / "secrets", folder / "database", free_port()
        server = PostgresServer(
            database_folder,
            database_port := free_port(),
            password=secrets_of.token_urlsafe(),
            bin_dir=servers.timescale_programs(),
            settings={**servers.FAST, **servers.TIMESCALE},
        )
        secrets.mkdir()
        database_folder.mkdir()
        (secrets / "owner_password").write_text(server.password)
        (secrets / "owner_dsn").write_text(server.dsn())
        setup(secrets, f"127.0.0.1:{database_port}", f"127.0.0.1:{broker_port}")
        ports = {name: str(free_port()) for name in ("TANFENG_API_PORT", "TANFENG_INGEST_PORT")}
        outside = Outside(folder, secrets, {"TANFENG_INGEST_WORKERS": "2"}, ports)
        server.prepare()
        running = [servers.Running(server.child(), folder / "postgres.log"), mosquitto(folder, secrets, broker_port)]
        try:
            for each in running:
                each.start()
            made = Deployment(
                outside,
                f"127.0.0.1:{broker_port}",
                f"127.0.0.1:{database_port}",
                int(ports["TANFENG_API_PORT"]),
                int(ports["TANFENG_INGEST_PORT"]),
                running[1].pid,
            )
            for name in ("migrate", "logins", "registry"):
                made.once(name)
            for name in ("ingest", "evaluate", "maintain", "api"):
                running.append(servers.Running(outside.child(name), folder / f"{name}.log"))
                running[-1].start()
            yield made
            for each, name in zip(running[2:], ("ingest", "evaluate", "maintain", "api"), strict=True):
                each.end(signal.SIGTERM)
                assert "Traceback" not in (folder / f"{name}.log").read_text(), name
        finally:
            for each in reversed(running):
                each.stop()


def reading(minutes_ago: int, value: float) -> bytes:
    """A reading of the meter's display, in kWh before its multiplier of 4,000."""
    at = (time.time_ns() // 60_000_000_000 - minutes_ago) * 60_000_000
    return json.dumps({"read_at": iso(at), "registers": {"import": value}}).encode()


def energy(deployment: Deployment, token: str) -> list[dict[str, Any]]:
    """The rows that the API answers with."""
    url = f"http://127.0.0.1:{deployment.api_port}/api/v1/energy?from=2020-01-01"
    request = Request(url, headers={"Authorization": f"Bearer {token}"})
    with urlopen(request, timeout=10) as answer:  # noqa: S310 - http, to ourselves
        rows: list[dict[str, Any]] = json.load(answer)["rows"]
        return rows


async def test_an_enterprises_reading_over_tls_is_booked_and_another_ones_topic_is_not(deployment: Deployment) -> None:
    """Two workers behind a broker with passwords and ACL: what is not the enterprise's own never reaches them."""
    await until(partial(healthy, deployment.ingest_port), 60)
    posts = [(f"keu/v1/{METER}/readings", reading(ago, 100 + n / 10)) for n, ago in enumerate((30, 15))]
    foreign = [("keu/v1/steel/main-110kv/readings", reading(ago, 100 + n / 10)) for n, ago in enumerate((30, 15))]
    await publish(deployment.as_enterprise("electronics"), [*foreign, *posts], ca=deployment.authority)

    async def is_booked() -> bool:
        return bool(await deployment.asked("SELECT coalesce(sum(amount), 0) <> 0 FROM core.energy_15m"))

    await until(is_booked, 30)
    assert await deployment.asked("SELECT sum(amount) FROM core.energy_15m") == 400 * 1000
    assert await deployment.asked("SELECT count(*) FROM core.reading") == 2
    assert await deployment.asked("SELECT count(*) FROM core.rejection") == 0
    assert await deployment.asked("SELECT count(*) FROM core.ingest_slot") == 2
    token = deployment.token("electronics")
    await until(partial(healthy, deployment.api_port), 60)
    # two rows where the local midnight lies between the readings
    assert {row["enterprise"] for row in energy(deployment, token)} == {"electronics"}
    assert energy(deployment, deployment.token("steel")) == []


@pytest.mark.parametrize("name", ["ingest", "evaluate", "api"])
async def test_its_health_check_finds_a_program_well(deployment: Deployment, name: str) -> None:
    """By the words of the compose file, and with the service's own login."""
    _, program, *words = services()[name]["healthcheck"]["test"]
    assert program == "tanfeng"
    await until(partial(well, deployment, name, words), 60)


def well(deployment: Deployment, name: str, words: list[str]) -> bool:
    """Whether the check ends with 0."""
    child = deployment.outside.child(name)
    command = (*child.command[:3], *words)
    return subprocess.run(command, env=child.environment, capture_output=True, check=False).returncode == 0


def test_a_health_check_fails_where_nothing_runs(deployment: Deployment) -> None:
    """Exit code other than 0, and the port is named."""
    child = deployment.outside.child("api")
    environment = {**child.environment, "TANFENG_API_PORT": str(port := free_port())}
    command = (*child.command[:3], "health", "api")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert str(port) in done.stderr


async def test_the_doctor_finds_the_deployment_well(deployment: Deployment) -> None:
    """By the words of the compose file; all that is not well is what cannot be known within a minute of the start."""
    for name in ("ingest", "evaluate"):
        await until(partial(well, deployment, name, ["health", name]), 60)
    found = {each["check"]: each for each in examined(deployment)}
    ill = {check for check, each in found.items() if each["level"] != "ok"}
    # the servers of tests do not wait for the disk, growth needs a day of ingest, and no container is around the API
    assert ill <= {"durability", "disk", "postgresql", "api", "tenants' names"}, [found[check] for check in ill]
    assert {found[check]["level"] for check in ("trust", "certificate", "broker CA", "queue", "sessions")} == {"ok"}


def examined(deployment: Deployment) -> list[dict[str, Any]]:
    """What the service `doctor` finds."""
    child = deployment.outside.child("doctor")
    command = (*child.command, "--json")
    done = subprocess.run(command, env=child.environment, capture_output=True, text=True, check=False, cwd=ROOT)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("url", ["mqtts://{}", "mqtts://steel:wrong@{}", "mqtts://nobody:x@{}"])
async def test_the_broker_refuses_who_has_no_password(deployment: Deployment, url: str) -> None:
    """Anonymous, a wrong password, an unknown user: the connection is refused."""
    with pytest.raises((AssertionError, asyncio.IncompleteReadError)):
        await publish(url.format(deployment.broker), [("keu/v1/steel/a/readings", b"{}")], ca=deployment.authority)


async def test_the_broker_is_only_trusted_by_its_authority(deployment: Deployment) -> None:
    """A client that trusts other authorities does not connect."""
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection(*deployment.broker.split(":"), ssl=ssl.create_default_context())


REFUSED = [
    ("tanfeng_ingest", "DROP TABLE core.reading"),
    ("tanfeng_ingest", "DELETE FROM core.reading"),
    ("tanfeng_ingest", "SELECT * FROM core.api_token"),
    ("tanfeng_evaluate", "INSERT INTO core.reading SELECT * FROM core.reading"),
    ("tanfeng_evaluate", "SELECT * FROM core.api_token"),
    ("tanfeng_api", "SELECT * FROM core.energy_15m"),
    ("grafana_district", "SELECT * FROM core.energy_15m"),
    ("grafana_district", "SELECT pg_read_file('/etc/passwd')"),
    ("grafana_district", "SET default_transaction_read_only = off; DELETE FROM core.energy_15m"),
]


@pytest.mark.parametrize(("role", "statement"), REFUSED)
async def test_a_programs_login_may_do_no_more_than_its_work(deployment: Deployment, role: str, statement: str) -> None:
    """Each is refused by the database for want of a right."""
    con = await asyncpg.connect(deployment.as_login(role))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await con.execute(statement)
    finally:
        await con.close()


async def test_grafanas_login_reads_the_district(deployment: Deployment) -> None:
    """What the dashboards ask is answered."""
    con = await asyncpg.connect(deployment.as_login("grafana_district"))
    try:
        assert await con.fetchval("SELECT count(*) FROM report.alerts") is not None
    finally:
        await con.close()


async def test_a_login_with_a_wrong_password_is_refused(deployment: Deployment) -> None:
    """The database asks for passwords."""
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"postgresql://tanfeng_ingest:wrong@{deployment.database}/tanfeng")
