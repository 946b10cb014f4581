"""Where the API really listens on this machine: beyond loopback it speaks in clear text."""

from __future__ import annotations

import socket
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tanfeng.doctor.finding import unknown, warning, well

if TYPE_CHECKING:
    from tanfeng.doctor.finding import Finding

_TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTEN: Final = "0A"


def addresses(port: int) -> set[str]:
    """The addresses on which something listens at that port; none where the system has no such table."""
    return {address for table in _TABLES if table.exists() for address in listed(table.read_text(), port)}


def listed(table: str, port: int) -> set[str]:
    """The same from the text of /proc/net/tcp or tcp6, which has addresses in words of the machine's byte order."""
    found = set()
    for line in table.splitlines()[1:]:
        words = line.split()
        address, _, number = words[1].partition(":")
        if words[3] == _LISTEN and int(number, 16) == port:
            found.add(_address(bytes.fromhex(address)))
    return found


def _address(words: bytes) -> str:
    octets = b"".join(socket.ntohl(int.from_bytes(words[at : at + 4])).to_bytes(4) for at in range(0, len(words), 4))
    return str(ip_address(octets))


def api(port: int, found: set[str]) -> Finding:
    """Loopback is well; beyond it only a proxy that ends TLS should listen."""
    if not found:
        return unknown(
            "api",
            (f"本机没有程序监听 {port} 端口。", f"Nothing listens on port {port} of this machine."),
            (
                "在接口所在的机器上执行；若应在本机，启动 tanfeng api。",
                "Run it on the API's machine; if it should be here, start `tanfeng api`.",
            ),
        )
    open_to = sorted(address for address in found if not _is_loopback(address))
    if not open_to:
        return well("api", f"仅监听本机 {port} 端口。", f"listens on loopback only, port {port}.")
    return warning(
        "api",
        (
            f"接口在 {'、'.join(open_to)}:{port} 上明文监听，令牌可被窃听。",
            f"The API listens in clear text on {', '.join(open_to)}:{port}; tokens can be overheard.",
        ),
        (
            "TANFENG_API_HOST=127.0.0.1，由前置代理终止 TLS，见 docs/operations/production.md。",
            "Set TANFENG_API_HOST=127.0.0.1 and end TLS at a proxy; docs/operations/production.md.",
        ),
    )


def _is_loopback(text: str) -> bool:
    address = ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
