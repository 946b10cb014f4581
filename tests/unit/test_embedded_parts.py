"""The parts of the embedded default that need no server: state folder, ports, passwords, bind addresses."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest

from services.errors import TanfengError
from tanfeng.embedded import broker, ports, state
from tanfeng.embedded.broker import Broker
from tanfeng.embedded.postgres import PostgresServer

MOSQUITTO = Path("/usr/sbin/mosquitto")


def test_two_runs_cannot_share_a_state_folder(tmp_path: Path) -> None:
    """The second one is refused with the folder's name; after the first has left it may."""
    folder = tmp_path / "state"
    with state.opened(folder), pytest.raises(TanfengError, match="in use by another"), state.opened(folder):
        pass
    with state.opened(folder):
        pass


def test_a_secret_is_made_once_and_private(tmp_path: Path) -> None:
    """The same name gives the same password for ever; only the owner reads the file."""
    with state.opened(tmp_path) as opened:
        first = opened.secret("postgres")
        assert opened.secret("broker") != first
        assert opened.secret("postgres") == first
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


def test_ports_stay_the_same_unless_taken(tmp_path: Path) -> None:
    """A restart uses the ports of last time; one that another program took is replaced."""
    file = tmp_path / "ports.json"
    wish = ports.free_port()
    assert ports.choose(file, {"api": wish}) == {"api": wish}
    assert ports.choose(file, {"api": 1}) == {"api": wish}
    with socket.create_server((ports.LOOPBACK, wish)):
        assert ports.choose(file, {"api": wish})["api"] != wish


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::"])  # noqa: S104 - the addresses under test
def test_a_broker_beyond_loopback_without_passwords_is_refused(tmp_path: Path, host: str) -> None:
    """Whoever reaches such a port could publish for any enterprise; the message says what to give."""
    with pytest.raises(TanfengError, match=r"beyond this machine.*--broker-passwords"):
        Broker(tmp_path, 1883, host, program=MOSQUITTO)


def test_iotcore_is_refused_beyond_loopback_even_with_passwords(tmp_path: Path) -> None:
    """It has no ACL, so passwords would not keep enterprises apart."""
    with pytest.raises(TanfengError, match="install mosquitto"):
        Broker(tmp_path, 1883, "0.0.0.0", {"steel-a": "secret"})  # noqa: S104 - the address under test


def test_a_host_name_is_no_address_to_bind(tmp_path: Path) -> None:
    """A name may resolve to anything; an address is demanded."""
    with pytest.raises(TanfengError, match="not an IP address"):
        Broker(tmp_path, 1883, "localhost", program=MOSQUITTO)


def test_passwords_are_hashed_as_mosquitto_reads_them() -> None:
    """PBKDF2-SHA512, 101 rounds: the line of a known salt."""
    line = broker.hashed("secret", b"\0" * 12)
    assert line.startswith("$7$101$AAAAAAAAAAAAAAAA$")
    assert len(line.rsplit("$", 1)[1]) == 88


@pytest.mark.parametrize("text", ["steel-a", ":secret", "steel-a:", "a:1\na:2"])
def test_a_wrong_password_file_names_its_line(tmp_path: Path, text: str) -> None:
    """A line without user or password, or a user twice, is an error with the line's number."""
    file = tmp_path / "passwords"
    file.write_text(f"# users\n\nok:1\n{text}\n")
    with pytest.raises(TanfengError, match=r"passwords:[45]:"):
        broker.read_passwords(file)


def test_a_folder_without_postgres_is_named(tmp_path: Path) -> None:
    """--postgres-bin of a folder that holds no server says what it should hold."""
    with pytest.raises(TanfengError, match="no program postgres"):
        PostgresServer(tmp_path, 1, bin_dir=tmp_path).prepare()


def test_data_of_another_major_version_is_not_touched(tmp_path: Path) -> None:
    """The programs at hand cannot read it; the message says which are needed."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(TanfengError, match="of PostgreSQL 12"):
        PostgresServer(tmp_path, 1).prepare()
