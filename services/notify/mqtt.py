"""Alerts to the MQTT topics of their enterprises, at QoS 1; the only paho client of services."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from services.notify.channel import DeliveryError
from services.notify.message import text
from services.wire.topics import alerts_topic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ACK_S: Final = 10.0
_CONNECT_S: Final = 5.0
_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


class MqttChannel:
    """Publishes each alert to keu/v1/{enterprise}/alerts and waits for the broker's acknowledgement."""

    def __init__(self, url: str, ca: Path | None) -> None:
        self._url = url
        self._ca = ca
        self._client: Client | None = None

    async def send(self, sent: Mapping[str, Any]) -> None:
        """Publish one message; returns once the broker has acknowledged it."""
        await asyncio.to_thread(self._publish, sent)

    async def close(self) -> None:
        """Disconnect."""
        if self._client is not None:
            self._client.disconnect()
            await asyncio.to_thread(self._client.loop_stop)

    def _publish(self, sent: Mapping[str, Any]) -> None:
        client = self._connected()
        info = client.publish(alerts_topic(str(sent["enterprise"])), text(sent).encode(), qos=1)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise DeliveryError("the broker is away")
        info.wait_for_publish(ACK_S)
        if not info.is_published():
            raise DeliveryError("the broker does not acknowledge")

    def _connected(self) -> Client:
        if self._client is None or not self._client.is_connected():
            if self._client is not None:
                self._client.loop_stop()
            self._client = self._connect()
        return self._client

    def _connect(self) -> Client:
        parts = urlsplit(self._url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise DeliveryError("no broker is named")
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"tanfeng-evaluate-{secrets.token_hex(16)}",
            protocol=MQTTProtocolVersion.MQTTv311,
        )
        if parts.username is not None:
            client.username_pw_set(unquote(parts.username), None if parts.password is None else unquote(parts.password))
        if parts.scheme == "mqtts":
            client.tls_set(ca_certs=None if self._ca is None else str(self._ca))
        client.connect_timeout = _CONNECT_S
        try:
            client.connect(parts.hostname, parts.port or _PORTS[parts.scheme], keepalive=30)
        except (OSError, ValueError) as problem:
            raise DeliveryError(f"the broker is away: {type(problem).__name__}") from problem
        client.loop_start()
        return client
