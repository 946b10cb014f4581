"""Keeps one client of the broker connected and subscribed, under a fixed id and a session that outlives it.

A single worker subscribes plainly: Mosquitto (2.0.21) does not restore shared subscriptions when it restarts, and
acknowledges and drops what is published until we have subscribed again. Several workers have to share.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import structlog

from ingest import broker_watch
from ingest.broker_watch import of_meters
from ingest.clients import connect
from ingest.connection import Broker, BrokerError
from services.errors import TanfengError
from services.store.problems import StoreAwayError

if TYPE_CHECKING:
    from ingest.broker_watch import BrokerWatch
    from ingest.clients import AnyConnection
    from ingest.inbox import Inbox
    from ingest.metrics import Metrics
    from services.ledger.intake import Intake
    from services.settings import Settings

TOPICS: Final = "keu/v1/#"
REFUSALS: Final = 2
"""Once may be a broker that just then went away."""
_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_log = structlog.get_logger("ingest")


def broker_of(settings: Settings) -> Broker:
    """The broker that the settings name.

    Raises:
        TanfengError: the URL is none of a broker.
    """
    url = urlsplit(settings.broker_url.get_secret_value())
    if url.scheme not in _PORTS or not url.hostname:
        raise TanfengError(
            f"{url.scheme}://{url.hostname or ''} is no broker",
            "set TANFENG_BROKER_URL to mqtt:// or mqtts://user:password@host:port",
        )
    tls = ssl.create_default_context(cafile=settings.broker_ca) if url.scheme == "mqtts" else None
    user = unquote(url.username) if url.username is not None else None
    password = unquote(url.password) if url.password is not None else None
    return Broker(url.hostname, url.port or _PORTS[url.scheme], user, password, tls, client=settings.mqtt_client)


@dataclass(frozen=True, slots=True)
class Group:
    """The workers of one deployment, as the broker knows them."""

    name: str
    is_shared: bool

    @property
    def topic_filter(self) -> str:
        """What they subscribe to."""
        return self.shared_filter if self.is_shared else TOPICS

    @property
    def shared_filter(self) -> str:
        """The subscription that divides the messages among them."""
        return f"$share/{self.name}/{TOPICS}"

    def client_id(self, slot: int, secret: str) -> str:
        """The client id of a session of a slot: never logged, for whoever knows it owns the session and its queue.

        An empty secret is the id of earlier releases.
        """
        return f"{self.name}-ingest-{slot}-{secret}" if secret else f"{self.name}-ingest-{slot}"


class Subscriber:
    """One worker's client, reconnecting with backoff until it is cancelled."""

    def __init__(
        self, broker: Broker, group: Group, inbox: Inbox, intake: Intake, metrics: Metrics, watch: BrokerWatch | None
    ) -> None:
        """`watch`: hears what the broker tells of itself; None: another worker's does."""
        self._broker = broker
        self.watch = watch
        self._group = group
        self._filter = group.topic_filter
        self._place = f" at {broker.host}:{broker.port}"
        self._known: str | None = None
        self._inbox = inbox
        self._intake = intake
        self._metrics = metrics
        self.connection: AnyConnection | None = None
        """The latest one, open or not."""
        self.subscribed = asyncio.Event()
        """Set while the session is subscribed, connected or not: nothing falls between it and an older one."""
        self._refusals = 0
        self.secret = ""
        """That of the session in use."""

    async def renew(self) -> None:
        """Leave the session in use for the slot's new one; what we have not acknowledged waits in the old one."""
        self.subscribed.clear()
        if self.connection is not None:
            await self.connection.disconnect()

    async def run(self) -> None:
        """Stay connected; when cancelled, leave in order after what was acknowledged."""
        presence = self._metrics.broker
        try:
            while True:
                try:
                    problem = await self._once()
                except BrokerError as refused:
                    problem = str(refused)
                delay = presence.away(problem)
                self._metrics.reconnects.labels("broker").inc()
                _log.warning("broker away", slot=self._intake.slot, problem=problem, retry_s=round(delay, 1))
                await asyncio.sleep(delay)
        finally:
            if self.connection is not None:
                await self.connection.disconnect()

    async def _once(self) -> str:
        """Connect, subscribe and stay until the connection ends; returns why it ended."""
        if self.secret != self._intake.session:
            self.secret, self._known = self._intake.session, None
            self.subscribed.clear()
        client_id = self._group.client_id(self._intake.slot, self.secret)
        if self.watch is not None:
            self.watch.begin()
        aside = of_meters if self.watch is None else self.watch.sift
        self.connection, has_session = await connect(self._broker, client_id, self._inbox, aside=aside)
        self._metrics.certificate_ends.set(self.connection.certificate_ends_s)
        await self._subscribe(self.connection, has_session=has_session)
        self.subscribed.set()
        self._metrics.broker.back()
        session = "resumed" if has_session else "new"
        _log.info("subscribed", slot=self._intake.slot, filter=self._filter, session=session)
        return await asyncio.shield(self.connection.closed)

    async def _subscribe(self, connection: AnyConnection, *, has_session: bool) -> None:
        """Subscribe; an earlier, other subscription ends after that, so that no message falls between.

        A plain subscription that the session has is left alone: to subscribe again is allowed by MQTT, but iotcore 0.4
        sends nothing more on a session that does so while messages wait in it. A shared one may be gone, see above.
        """
        known = await self._known_filter()
        if known is not None and not has_session:
            _log.error("the broker has lost our session, with what waited in it", slot=self._intake.slot)
            if self.watch is not None:
                self.watch.count("session_lost")
            known = None
        if known == self._filter == TOPICS:
            await self._ask_what_was_dropped(connection)
            return
        await self._subscribe_anew(connection)
        if known is not None and known != self._filter:
            await connection.unsubscribe(known)
        self._known = self._filter + self._place
        with contextlib.suppress(StoreAwayError):  # then the next process subscribes again
            await self._intake.subscribed(self._intake.slot, self._known)

    async def _subscribe_anew(self, connection: AnyConnection) -> None:
        """With what the broker tells of itself, unless it twice closed the connection at that, as iotcore does."""
        also = () if self.watch is None or self._refusals >= REFUSALS else broker_watch.TOPICS
        try:
            await connection.subscribe(self._filter, also)
        except BrokerError:
            self._refusals += 1
            raise

    async def _ask_what_was_dropped(self, connection: AnyConnection) -> None:
        """It is told when it changes, which it may have while we were away. Only a broker that ever told is asked."""
        with contextlib.suppress(StoreAwayError):
            if self.watch is not None and await self._intake.broker_tells():
                await connection.subscribe_again((broker_watch.DROPPED,))

    async def _known_filter(self) -> str | None:
        """What the session at this broker is subscribed to, as far as we know."""
        if self._known is None:
            with contextlib.suppress(StoreAwayError):
                self._known = await self._intake.subscription()
        if self._known is None or not self._known.endswith(self._place):
            return None
        return self._known.removesuffix(self._place)
