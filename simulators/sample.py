"""One reading of a meter, and its bytes on the wire (the native topics of `services.wire`)."""

from __future__ import annotations

from decimal import Decimal  # noqa: TC003 - part of the public type alias below
from typing import TYPE_CHECKING, NamedTuple

from services.model import iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Sample(NamedTuple):
    """What a meter displayed at one moment: decimals exactly as displayed, in the register's declared unit."""

    read_at_us: int
    registers: dict[str, Decimal]


class Message(NamedTuple):
    """One MQTT message."""

    topic: str
    payload: bytes
    retain: bool = False


def meter_topic(enterprise: str, meter: str) -> str:
    """Where the readings of one meter go."""
    return f"keu/v1/{enterprise}/{meter}/readings"


def gateway_topic(enterprise: str) -> str:
    """Where a gateway sends the readings of many meters of one enterprise."""
    return f"keu/v1/{enterprise}/readings"


def reading_json(sample: Sample, meter: str | None = None) -> str:
    """A reading as JSON; `meter` names it inside a gateway's batch. Decimals keep every digit they have."""
    named = f'"meter": "{meter}", ' if meter is not None else ""
    return f'{{{named}"read_at": "{iso(sample.read_at_us)}", "registers": {registers_json(sample.registers)}}}'


def registers_json(registers: Mapping[str, Decimal]) -> str:
    """Register values as a JSON object of plain numbers, never in exponent notation."""
    return "{" + ", ".join(f'"{code}": {value:f}' for code, value in registers.items()) + "}"


def meter_message(enterprise: str, meter: str, samples: list[Sample]) -> Message:
    """One message with one reading as an object, or several as an array."""
    texts = [reading_json(sample) for sample in samples]
    body = texts[0] if len(texts) == 1 else f"[{','.join(texts)}]"
    return Message(meter_topic(enterprise, meter), body.encode())


def gateway_message(enterprise: str, samples: Iterable[tuple[str, Sample]]) -> Message:
    """One message with the readings of many meters."""
    texts = (reading_json(sample, meter) for meter, sample in samples)
    return Message(gateway_topic(enterprise), f"[{','.join(texts)}]".encode())
