"""Which MQTT client reads: our own by default, or paho-mqtt (`TANFENG_MQTT_CLIENT`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from ingest import connection, paho_connection

if TYPE_CHECKING:
    from ingest.inbox import Aside, Inbox

AnyConnection: TypeAlias = connection.Connection | paho_connection.PahoConnection


async def connect(
    broker: connection.Broker, client_id: str, inbox: Inbox, *, clean: bool = False, aside: Aside | None = None
) -> tuple[AnyConnection, bool]:
    """Open a connection with the chosen client; also whether the broker kept a session of this client id.

    Raises:
        BrokerError: the broker cannot be reached or refuses.
    """
    if broker.client == "paho":
        return await paho_connection.connect(broker, client_id, inbox, clean=clean, aside=aside)
    return await connection.connect(broker, client_id, inbox, clean=clean, aside=aside)
