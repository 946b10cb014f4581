"""The secrets of the broker are renewed by the commands of the docs, while messages come, and none is lost."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from ingest.connection import BrokerError
from ingest.subscriber import broker_of
from tanfeng.broker_access import write_broker_files
from tanfeng.doctor.mqtt import visitor
from tanfeng.embedded.ports import free_port
from tests import servers
from tests.acceptance.test_compose_commands import mosquitto, setup
from tests.ingest_rig import connection, make_fleet, settings_for, stored, until, worker
from tests.mqtt import publish

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.settings import Settings
    from services.store.pool import Connection


class Place:
    """A broker as `scripts/production-setup` and deploy/mosquitto.conf make it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.secrets = folder / "secrets"
        self.secrets.mkdir()
        self.port = port
        setup(self.secrets, "127.0.0.1:1", f"127.0.0.1:{port}")
        self.mosquitto = mosquitto(folder, self.secrets, port)

    @property
    def ca(self) -> Path:
        """Who signed the broker's certificate."""
        return self.secrets / "tls" / "ca.crt"

    def url(self, program: str) -> str:
        """Where a program connects, with its present password."""
        return (self.secrets / f"{program}_broker_url").read_text().strip()

    def settings(self, database: str) -> Settings:
        """Of ingest, with its present password."""
        return settings_for(database, self.url("ingest"), broker_ca=self.ca)

    def renew(self, programs: str) -> subprocess.CompletedProcess[str]:
        """Run the command of the docs, and restart the broker."""
        more = {"SECRETS": str(self.secrets), "BROKER": f"127.0.0.1:{self.port}", "RENEW": programs}
        words = ("scripts/production-setup",)
        done = subprocess.run(
            words, cwd=servers.ROOT, env={**os.environ, **more}, capture_output=True, text=True, check=False
        )
        self.mosquitto.stop()
        self.mosquitto.start()
        return done


@pytest.fixture
def place() -> Iterator[Place]:
    """A running one."""
    with servers.scratch("rotation") as folder:
        found = Place(folder, free_port())
        found.mosquitto.start()
        try:
            yield found
        finally:
            found.mosquitto.stop()


async def test_the_password_of_ingest_is_renewed_and_no_message_is_lost(database: str, place: Place) -> None:
    """The old one is of no use from then on, and ingest's session keeps what comes until it has the new one."""
    async with connection(database) as con:
        fleet = await make_fleet(con, 10)
        old = place.settings(database)
        async with worker(old) as running:
            done = place.renew("ingest")
            assert done.returncode == 0, done.stderr
            await until(lambda: not running.metrics.broker.is_here)
            await publish(place.url("simulators"), fleet.posts(500), ca=place.ca)
        with pytest.raises(BrokerError, match=r"not authorised|password wrong"):
            async with visitor(broker_of(old), "thief"):
                pass
        assert place.url("ingest") != old.broker_url.get_secret_value()
        async with worker(place.settings(database)):
            await until(lambda: _holds(con, 500))


async def test_an_enterprise_with_a_renewed_password_is_out_until_it_has_it(database: str, place: Place) -> None:
    """The others stay; nobody's rights change."""
    folder = place.secrets / "broker"

    def login(password: str) -> Settings:
        return settings_for(database, f"mqtts://steel:{password}@127.0.0.1:{place.port}", broker_ca=place.ca)

    before, rights = (folder / "credentials" / "steel").read_text().strip(), (folder / "acl").read_text()
    codes = [each.name for each in (folder / "credentials").iterdir() if not each.name.endswith(".client-id")]
    write_broker_files(folder, sorted(codes), {}, ["steel"])
    os.kill(place.mosquitto.pid, signal.SIGHUP)
    after = (folder / "credentials" / "steel").read_text().strip()

    async def is_out(password: str) -> bool:
        try:
            async with visitor(broker_of(login(password)), "gateway"):
                return False
        except BrokerError:
            return True

    await until(lambda: is_out(before))
    assert not await is_out(after)
    assert (folder / "acl").read_text() == rights


def test_renewing_what_is_no_program_is_an_error(place: Place) -> None:
    """And nothing is taken away."""
    before = place.url("ingest")
    done = place.renew("ingst")
    assert (done.returncode, "no program of ours: ingst" in done.stderr) == (1, True)
    assert place.url("ingest") == before


async def _holds(con: Connection, count: int) -> bool:
    return await stored(con) == count
