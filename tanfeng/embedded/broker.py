"""An MQTT broker of our own: Mosquitto where it is installed, else the `iotcore` package.

Mosquitto's defaults drop acknowledged messages when a subscriber is slow, and save its queue every half hour only:
the configuration written here raises the one and shortens the other.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import shutil
import sys
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote

from services.errors import TanfengError
from tanfeng.embedded import ports
from tanfeng.embedded.child import Child
from tanfeng.embedded.identity import unprivileged
from tanfeng.embedded.state import write_private

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tanfeng.embedded.identity import Identity

OPERATOR: Final = "tanfeng"
"""The user name of our own programs; every other user is an enterprise's code."""
SAVE_EVERY_S: Final = 1
"""Mosquitto saves its queue at the first full second after so many: a kill -9 of it loses at most two seconds of what
it acknowledged and no subscriber had taken yet. By time and not by number of changes: at one message a second a
thousand changes are a quarter of an hour, and at thousands a second a long queue would be written several times each.
"""
INFLIGHT: Final = 20_000
QUEUED: Final = 10_000_000
QUEUED_BYTES: Final = 2_000_000_000
"""Payload queued for one client; beyond it, as beyond QUEUED, messages are acknowledged and dropped, and counted."""
MEMORY_BYTES: Final = 6_000_000_000
"""Above what full queues take (432 bytes for a message of 120): at this limit nobody can publish, but nobody can read
either, so that it only ever keeps the machine alive."""
PACKET_BYTES: Final = 2 * 1024 * 1024
EXPIRES: Final = "2m"
"""Months after which a session that no client came back to is ended: those of a database that was thrown away."""
_LOGGED: Final = ("error", "warning", "notice")
_PLACES: Final = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")

_ACL: Final = f"""user {OPERATOR}
topic readwrite #
topic read $SYS/#

pattern write keu/v1/%u/#
pattern read keu/v1/%u/alerts
"""

IOTCORE_WARNING: Final = (
    "消息代理 iotcore（未安装 mosquitto）：其崩溃或重启后队列不保留，且无访问控制，能连上端口者可冒充任何企业发布；"
    "仅适合本机演示，正式使用请安装 mosquitto。\n"
    "broker iotcore (mosquitto is not installed): its queue does not outlive its crash or restart, and it has no ACL: "
    "whoever reaches the port may publish for anyone. Fine for a demo on one machine; else install mosquitto."
)


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that keeps its state in `folder`; `prepare()` once, then run `child()` under a supervisor.

    `passwords` are of users named by their enterprise's code, who may publish that enterprise's topics only, and of
    OPERATOR. Without any, everyone who reaches the port may do everything: only on loopback.
    """

    folder: Path
    port: int
    host: str = ports.LOOPBACK
    passwords: Mapping[str, str] = field(default_factory=dict)
    program: Path | None = None
    """Mosquitto; None: iotcore."""
    settings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not is_loopback(self.host) and not (self.passwords and self.program):
            raise TanfengError(
                f"the broker would listen on {self.host}, beyond this machine, without passwords",
                "leave --broker-host out, or install mosquitto and give --broker-passwords FILE",
            )

    @property
    def kind(self) -> Literal["mosquitto", "iotcore"]:
        """Which broker it is."""
        return "mosquitto" if self.program else "iotcore"

    @property
    def url(self) -> str:
        """Where our own programs connect."""
        host = ports.LOOPBACK if ip_address(self.host).is_unspecified else self.host
        secret = f":{quote(self.passwords[OPERATOR], safe='')}" if OPERATOR in self.passwords else ""
        return f"mqtt://{OPERATOR}{secret}@{host}:{self.port}"

    def prepare(self) -> None:
        """Write its configuration."""
        if self.program is None:
            self._write("iotcore.toml", _iotcore_config(self.host, self.port))
            return
        if identity := self.identity():
            identity.own(self.folder)
        self._write("mosquitto.conf", self._mosquitto_config())
        self._write("passwords", "".join(f"{user}:{hashed(secret)}\n" for user, secret in self.passwords.items()))
        self._write("acl", _ACL)

    def child(self) -> Child:
        """The running broker, as the supervisor starts it."""
        host = ports.LOOPBACK if ip_address(self.host).is_unspecified else self.host
        return Child(
            name="broker",
            command=self._command(),
            folder=self.folder,
            identity=self.identity(),
            ready=lambda _pid: ports.answers(self.port, host),
        )

    def identity(self) -> Identity | None:
        """Whom it runs as; None: as ourselves."""
        if self.program is None:
            return None
        return unprivileged((self.folder / "mosquitto.conf", self.program), self.folder / "mosquitto.db")

    def _command(self) -> tuple[str, ...]:
        if self.program:
            return str(self.program), "-c", str(self.folder / "mosquitto.conf")
        # its log would show every packet as an error
        return sys.executable, "-m", "iotcore", "--config", str(self.folder / "iotcore.toml"), "--log-level", "CRITICAL"

    def _write(self, name: str, text: str) -> None:
        file = self.folder / name
        write_private(file, text)
        if identity := self.identity():
            identity.own(file)

    def _mosquitto_config(self) -> str:
        settings = {
            "listener": f"{self.port} {self.host}",
            "allow_anonymous": "false" if self.passwords else "true",
            **(
                {"password_file": str(self.folder / "passwords"), "acl_file": str(self.folder / "acl")}
                if self.passwords
                else {}
            ),
            "persistence": "true",
            "persistence_location": f"{self.folder}/",
            "autosave_on_changes": "false",
            "autosave_interval": str(SAVE_EVERY_S),
            "max_queued_messages": str(QUEUED),
            "max_inflight_messages": str(INFLIGHT),
            "max_queued_bytes": str(QUEUED_BYTES),
            "max_packet_size": str(PACKET_BYTES),
            "memory_limit": str(MEMORY_BYTES),
            "persistent_client_expiration": EXPIRES,
            "set_tcp_nodelay": "true",
            "log_timestamp_format": "%Y-%m-%dT%H:%M:%S",
            **self.settings,
        }
        # to topics too: ingest counts takeovers and refused logins there
        logs = [*(f"log_dest {where}" for where in ("stderr", "topic")), *(f"log_type {kind}" for kind in _LOGGED)]
        return "\n".join([*(f"{name} {value}" for name, value in settings.items()), *logs]) + "\n"


def find_mosquitto() -> Path | None:
    """Mosquitto on PATH, or where systems keep it for root."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *_PLACES))
    found = shutil.which("mosquitto", path=path)
    return Path(found).absolute() if found else None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches that address; a name other than an address is refused.

    Raises:
        TanfengError: not an address.
    """
    try:
        return ip_address(host).is_loopback
    except ValueError as problem:
        raise TanfengError(f"{host} is not an IP address", "write it as 127.0.0.1 or 0.0.0.0") from problem


def read_passwords(file: Path) -> dict[str, str]:
    """Users and passwords from lines of `user:password`; empty lines and lines with # are skipped.

    Raises:
        TanfengError: the file cannot be read, or a line is none of these.
    """
    try:
        lines = file.read_text().splitlines()
    except OSError as problem:
        raise TanfengError(
            f"{file} cannot be read: {problem.strerror}", "name a file of lines user:password"
        ) from problem
    passwords: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        user, colon, secret = line.strip().partition(":")
        if not (user and colon and secret) or user in passwords:
            raise TanfengError(f"{file}:{number}: not a new user:password", "write one user:password a line")
        passwords[user] = secret
    return passwords


def hashed(password: str, salt: bytes | None = None) -> str:
    """A password as Mosquitto's password file has it: PBKDF2-SHA512, 101 rounds (its own choice), salt of 12 bytes."""
    salt = salt or secrets.token_bytes(12)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101, 64)
    return f"$7$101${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def _iotcore_config(host: str, port: int) -> str:
    return f"""id = 0
[router]
id = 0
max_connections = 10010
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
[v4.1]
name = "v4-1"
listen = "{host}:{port}"
next_connection_delay_ms = 1
[v4.1.connections]
connection_timeout_ms = 60000
max_payload_size = {PACKET_BYTES}
max_inflight_count = 500
dynamic_filters = true
"""
