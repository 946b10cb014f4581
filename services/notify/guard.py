"""Which addresses may be connected to: none that are private, unless they are listed.

The check is on the very addresses a connection is made to: while a thread sends, its name look-ups are filtered. A
name that means a public host now and a private one a moment later gains nothing by it.
"""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.notify.config import Network

_thread = threading.local()
_look_up = socket.getaddrinfo


class AddressRefusedError(OSError):
    """Every address of the host is private and none is listed."""


def is_allowed(address: str, allowed: Sequence[Network]) -> bool:
    """Whether an IP address is a public one, or in a listed network."""
    ip = ip_address(address.split("%", maxsplit=1)[0])
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if any(ip.version == network.version and ip in network for network in allowed):
        return True
    return ip.is_global and not ip.is_multicast


@contextmanager
def guarded(allowed: Sequence[Network]) -> Iterator[list[str]]:
    """Filter this thread's look-ups; gives the list of hosts that were refused, empty if none was."""
    refused: list[str] = []
    _thread.policy = (allowed, refused)
    try:
        yield refused
    finally:
        _thread.policy = None


def _filtered(host: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the signature of getaddrinfo
    found = _look_up(host, *args, **kwargs)
    policy = getattr(_thread, "policy", None)
    if policy is None:
        return found
    allowed, refused = policy
    kept = [each for each in found if is_allowed(str(each[4][0]), allowed)]
    if not kept:
        refused.append(str(host))
        raise AddressRefusedError("the address is private and not listed under allow_private")
    return kept


socket.getaddrinfo = _filtered
