"""The broker's certificate: until when it holds, and whether our programs and the meters trust it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from tanfeng.doctor.der import not_after
from tanfeng.doctor.finding import error, warning, well

if TYPE_CHECKING:
    from ingest.connection import Broker
    from tanfeng.doctor.finding import Finding

WARNING_DAYS: Final = 30
ERROR_DAYS: Final = 7
ANSWER_S: Final = 10.0
RENEW: Final = (
    "换上新证书后让 Mosquitto 重读（SIGHUP），见 docs/operations/production.md 的“证书”。",
    "Put a new certificate there and let Mosquitto read it (SIGHUP); docs/operations/production.md, Certificates.",
)


RENEW_DATABASE: Final = (
    "换上新的 server.crt、server.key 后让 PostgreSQL 重读：SELECT pg_reload_conf();",
    "Put a new server.crt and server.key there and let PostgreSQL read them: SELECT pg_reload_conf();",
)
HERE: Final = frozenset({"127.0.0.1", "::1", "localhost"})
POSTGRES_PORT: Final = 5432
SSL_REQUEST: Final = (8).to_bytes(4, "big") + (80_877_103).to_bytes(4, "big")
"""PostgreSQL's own word before TLS begins."""


async def certificate(broker: Broker, authority: str | None, now: datetime) -> list[Finding]:
    """What the broker shows of itself when a client connects, and our own CA (as PEM).

    Raises:
        OSError: It cannot be reached, or does not speak TLS.
    """
    if broker.tls is None:
        return [_clear(broker.host)]
    der, refusal = await shown(broker)
    findings = [trust(refusal), lasting("certificate", not_after(der), now)]
    if authority is not None:
        own = not_after(ssl.PEM_cert_to_DER_cert(authority))
        findings.append(lasting("broker CA", own, now))
    return findings


async def shown(broker: Broker) -> tuple[bytes, str]:
    """The certificate's bytes, and why it is not trusted; nothing: it is."""
    assert broker.tls is not None  # noqa: S101 - asked for with TLS only
    try:
        return await _hand_shake(broker, broker.tls), ""
    except ssl.SSLCertVerificationError as problem:
        unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE  # to look only: nothing is sent
        return await _hand_shake(broker, unchecked), problem.verify_message


async def _hand_shake(broker: Broker, context: ssl.SSLContext) -> bytes:
    async with asyncio.timeout(ANSWER_S):
        _, writer = await asyncio.open_connection(broker.host, broker.port, ssl=context)
    try:
        der: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return der
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def of_database(dsn: str, now: datetime) -> list[Finding]:
    """The certificate of each of the database's hosts, or that the connection is in clear text.

    Raises:
        OSError: One cannot be reached, or does not speak PostgreSQL's protocol.
    """
    hosts = urlsplit(dsn).netloc.rpartition("@")[2].split(",")
    return [each for host in hosts if host and not host.startswith("/") for each in await _of_host(host, now)]


async def _of_host(place: str, now: datetime) -> list[Finding]:
    parts = urlsplit(f"//{place}")
    host, port = parts.hostname or "127.0.0.1", parts.port or POSTGRES_PORT
    async with asyncio.timeout(ANSWER_S):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(SSL_REQUEST)
            if await reader.readexactly(1) != b"S":
                return [] if host in HERE else [_database_clear(host)]
            unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE  # to look only: nothing is sent
            await writer.start_tls(unchecked)
            der: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            return [lasting("database certificate", not_after(der), now, RENEW_DATABASE)]
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def trust(refusal: str) -> Finding:
    """Whether a client of ours connects."""
    if not refusal:
        return well("trust", "证书链和主机名有效。", "chain and host name of the certificate are good.")
    return error(
        "trust",
        (
            f"代理的证书不受信任：{refusal}。",
            f"The broker's certificate is not trusted: {refusal}.",
        ),
        (
            "TANFENG_BROKER_CA 指向签发它的 CA；证书须含该主机名；过期则换新，见 docs/operations/production.md。",
            (
                "Point TANFENG_BROKER_CA at the CA that signed it; it must hold the host's name; renew it if "
                "it has expired: docs/operations/production.md."
            ),
        ),
    )


def lasting(check: str, end: datetime, now: datetime, renew: tuple[str, str] = RENEW) -> Finding:
    """How long a certificate still holds."""
    days = (end - now).total_seconds() / 86_400
    until = end.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    if days <= 0:
        return error(check, (f"已于 {until} 过期。", f"It ended on {until}."), renew)
    said = (f"{until} 到期，还有 {days:.0f} 天。", f"It ends on {until}, in {days:.0f} days.")
    if days < ERROR_DAYS:
        return error(check, said, renew)
    return warning(check, said, renew) if days < WARNING_DAYS else well(check, *said)


def _clear(host: str) -> Finding:
    if host in HERE:
        return well("certificate", "代理在本机，不用 TLS。", "the broker is on this machine, without TLS.")
    return warning(
        "certificate",
        (f"到 {host} 的连接不加密，口令可被窃听。", f"The connection to {host} is in clear text, passwords with it."),
        (
            "TANFENG_BROKER_URL 改为 mqtts://，见 docs/operations/production.md。",
            "Set TANFENG_BROKER_URL to mqtts://…; docs/operations/production.md.",
        ),
    )


def _database_clear(host: str) -> Finding:
    return warning(
        "database certificate",
        (f"到数据库 {host} 的连接不加密。", f"The connection to the database at {host} is in clear text."),
        (
            "PostgreSQL 设 ssl = on 与证书；或只经本机、专网连接。",
            "Set ssl = on with a certificate in PostgreSQL; or connect over this machine or a network of its own only.",
        ),
    )
