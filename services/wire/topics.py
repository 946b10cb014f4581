"""The topics of the native format: who speaks, and about which meter."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from services.wire.outcome import RefusedError, shown

PREFIX: Final = "keu/v1"
FILTERS: Final = (f"{PREFIX}/+/+/readings", f"{PREFIX}/+/readings", f"{PREFIX}/+/+/status")
"""What ingest subscribes to."""

CODE: Final = re.compile(r"[a-z0-9-]{1,40}")
"""Codes of enterprises, meters and registers; match the whole of it."""

_METER_PARTS: Final = 5
_GATEWAY_PARTS: Final = 4


@dataclass(frozen=True, slots=True)
class Address:
    """Who a topic speaks for. Without a meter it is a gateway's, and each reading names its own."""

    enterprise: str
    meter: str | None
    is_status: bool = False


def readings_topic(enterprise: str, meter: str | None = None) -> str:
    """Where a meter, or without one the gateway of an enterprise, publishes readings."""
    return f"{PREFIX}/{enterprise}/readings" if meter is None else f"{PREFIX}/{enterprise}/{meter}/readings"


def status_topic(enterprise: str, meter: str) -> str:
    """Where a meter publishes its birth and has its last will."""
    return f"{PREFIX}/{enterprise}/{meter}/status"


def alerts_topic(enterprise: str) -> str:
    """Where warnings about an enterprise are published for it."""
    return f"{PREFIX}/{enterprise}/alerts"


def is_alerts(topic: str) -> bool:
    """Whether it is such a topic: our own words, coming back on the subscription of everything."""
    parts = topic.split("/")
    return parts[:2] == ["keu", "v1"] and len(parts) == _GATEWAY_PARTS and parts[3] == "alerts"


def parse_topic(topic: str) -> Address:
    """The address a topic stands for.

    Raises:
        RefusedError: `unknown_topic` or `bad_code`.
    """
    parts = topic.split("/")
    if parts[:2] != ["keu", "v1"]:
        raise RefusedError("unknown_topic", shown(topic))
    if len(parts) == _METER_PARTS and parts[4] in ("readings", "status"):
        return Address(_code(parts[2]), _code(parts[3]), parts[4] == "status")
    if len(parts) == _GATEWAY_PARTS and parts[3] == "readings":
        return Address(_code(parts[2]), None)
    raise RefusedError("unknown_topic", shown(topic))


def address_of(topic: str) -> Address | None:
    """The address a topic stands for, None where the topic is not ours."""
    try:
        return parse_topic(topic)
    except RefusedError:
        return None


def _code(text: str) -> str:
    if CODE.fullmatch(text) is None:
        raise RefusedError("bad_code", shown(text))
    return text
