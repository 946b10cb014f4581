"""Targets and routes as a file, and which addresses may be connected to."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from services.notify.config import read_config
from services.notify.guard import is_allowed

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE = [
    "127.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - an address, not a bind
    "224.0.0.1",
    "::1",
    "fd00::1",
    "fe80::1%eth0",
    "::ffff:10.0.0.1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_not_allowed_unless_its_network_is_listed(address: str) -> None:
    """Loopback, private, link-local, shared, multicast, and the mapped ones; another network does not help."""
    assert not is_allowed(address, ())
    assert not is_allowed(address, (ip_network("203.0.113.0/24"),))


def test_a_listed_network_and_a_public_address_are_allowed() -> None:
    """Also where it comes as a mapped address."""
    listed = (ip_network("10.0.0.0/8"),)
    assert is_allowed("10.9.9.9", listed)
    assert is_allowed("::ffff:10.9.9.9", listed)
    assert not is_allowed("192.168.1.1", listed)
    assert is_allowed("8.8.8.8", ())


def test_a_wrong_file_is_refused_by_line(tmp_path: Path) -> None:
    """Unknown targets, severities and networks, and address files that are not there."""
    config, problems = read_config(
        "targets:\n  duty: {address_file: missing}\nroutes:\n  - {targets: [nobody], severities: [loud]}\n"
        "allow_private: [here]\n",
        tmp_path,
    )
    assert [each.line for each in problems] == [2, 4, 4, 5]
    assert list(config.targets) == ["duty"]
