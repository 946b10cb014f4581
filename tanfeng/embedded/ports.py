"""Loopback ports of the embedded servers: the same after every restart, as long as nobody else took them."""

from __future__ import annotations

import json
import socket
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LOOPBACK = "127.0.0.1"


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_port(host: str = LOOPBACK) -> int:
    """Any port that is free now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def answers(port: int, host: str = LOOPBACK, timeout_s: float = 0.2) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s):
            return True
    except OSError:
        return False


def healthy(port: int, host: str = LOOPBACK, timeout_s: float = 2.0) -> bool:
    """Whether a program of ours answers there, and says at /healthz that it is well."""
    connection = HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def choose(file: Path, preferred: Mapping[str, int]) -> dict[str, int]:
    """A port for each name: the one of last time (kept in `file`), else the preferred one, else any free one."""
    before: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
    chosen: dict[str, int] = {}
    for name, wish in preferred.items():
        free = (port for port in (before.get(name), wish) if port and port not in chosen.values() and is_free(port))
        chosen[name] = next(free, None) or free_port()
    file.write_text(json.dumps({**before, **chosen}, indent=1) + "\n")
    return chosen
