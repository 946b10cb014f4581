"""What ingest counts, and the loopback page that shows it: /metrics for Prometheus, /healthz for a supervisor."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ingest.presence import Presence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest.inbox import Inbox
    from services.ledger.outcome import Outcome

LOOPBACK: Final = "127.0.0.1"
_REQUEST_S: Final = 5.0
_SECONDS: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """The numbers of one worker process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = of = CollectorRegistry()
        self.database = Presence()
        self.broker = Presence(stable_s=2.0)  # two clients of one id throw each other out: not ten times a second
        self.slot = -1
        self.messages = Counter("tanfeng_ingest_messages", "Messages committed and acknowledged", registry=of)
        self.readings = Counter("tanfeng_ingest_readings", "Readings by outcome", ["outcome"], registry=of)
        self.rejections = Counter("tanfeng_ingest_rejections", "Rejections by code", ["code"], registry=of)
        self.batch_seconds = Histogram(
            "tanfeng_ingest_batch_seconds", "From a batch's decoding to its acks", buckets=_SECONDS, registry=of
        )
        self.lag_seconds = Gauge(
            "tanfeng_ingest_lag_seconds", "Age of the oldest message of the latest batch, at its commit", registry=of
        )
        self.broker_told = Counter("tanfeng_broker_told", "What the broker tells of itself", ["kind"], registry=of)
        self.reconnects = Counter("tanfeng_ingest_reconnects", "Connections lost or refused", ["to"], registry=of)
        self.queue_messages = Gauge("tanfeng_ingest_queue_messages", "Messages held, not acknowledged", registry=of)
        self.queue_bytes = Gauge("tanfeng_ingest_queue_bytes", "Payload bytes of the messages held", registry=of)
        self.is_paused = Gauge("tanfeng_ingest_paused", "1 while reading from the broker is stopped", registry=of)
        self.certificate_ends = Gauge(
            "tanfeng_ingest_broker_certificate_ends_seconds",
            "When the broker's certificate ends, in seconds since 1970; 0 without TLS",
            registry=of,
        )
        connected = Gauge("tanfeng_ingest_connected", "1 while connected", ["to"], registry=of)
        connected.labels("database").set_function(lambda: self.database.is_here)
        connected.labels("broker").set_function(lambda: self.broker.is_here)

    def watch(self, inbox: Inbox) -> None:
        """Read the depth of this inbox from now on."""
        self.queue_messages.set_function(lambda: inbox.held_messages)
        self.queue_bytes.set_function(lambda: inbox.held_bytes)
        self.is_paused.set_function(lambda: inbox.paused)

    def count(self, outcome: Outcome, messages: int, seconds: float, lag_s: float) -> None:
        """Count a committed batch."""
        self.messages.inc(messages)
        self.readings.labels("accepted").inc(outcome.accepted)
        self.readings.labels("duplicate").inc(outcome.duplicates)
        self.readings.labels("held").inc(outcome.held)
        for code, number in outcome.rejected.items():
            self.rejections.labels(code).inc(number)
        self.batch_seconds.observe(seconds)
        self.lag_seconds.set(lag_s)

    def told(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Count what the broker told, by kind."""
        for (kind, _), number in counts.items():
            self.broker_told.labels(kind).inc(number)

    def health(self) -> tuple[bool, dict[str, object]]:
        """Whether database and broker are there, or were within the last half minute; and the details."""
        parts = {"database": self.database, "broker": self.broker}
        detail = {
            name: {"connected": part.is_here, "away_s": round(part.away_s, 1)}
            | ({} if part.is_here else {"problem": part.problem})
            for name, part in parts.items()
        }
        is_healthy = all(part.is_healthy for part in parts.values())
        return is_healthy, {"status": "ok" if is_healthy else "unhealthy", "slot": self.slot, **detail}


async def serve(metrics: Metrics, port: int) -> asyncio.Server:
    """Answer on the loopback port, or on any free one if it is 0.

    Raises:
        OSError: the port is taken.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_REQUEST_S):
                request = await reader.readuntil(b"\r\n\r\n")
                writer.write(_page(metrics, request.split(b" ", 2)[1].split(b"?")[0]))
                await writer.drain()
        except (OSError, IndexError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # no HTTP, or gone: nobody waits for the answer
        finally:
            writer.close()

    return await asyncio.start_server(answer, LOOPBACK, port)


def _page(metrics: Metrics, path: bytes) -> bytes:
    if path == b"/metrics":
        return _response("200 OK", CONTENT_TYPE_LATEST, generate_latest(metrics.registry))
    if path == b"/healthz":
        is_healthy, detail = metrics.health()
        status = "200 OK" if is_healthy else "503 Service Unavailable"
        return _response(status, "application/json", json.dumps(detail).encode())
    return _response("404 Not Found", "text/plain", b"/metrics, /healthz\n")


def _response(status: str, kind: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body
