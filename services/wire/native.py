"""The native payload format, both ways: what a message of a topic means, and how to write one.

The format is described by `docs/payload.schema.json`; every way a message can be wrong is a row of `REJECTIONS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.model import iso
from services.wire.fast import decode_fast
from services.wire.outcome import Decoded, RefusedError, Rejected
from services.wire.strict import Context, check_status, decode_strict
from services.wire.topics import CODE, is_alerts, parse_topic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal

    from services.model import MeterRef
    from services.wire.outcome import Limits
    from services.wire.topics import Address


def decode(
    topic: str,
    payload: bytes,
    directory: Mapping[tuple[str, str], MeterRef],
    received_us: int,
    limits: Limits,
    *,
    retained: bool = False,
) -> Decoded:
    """Decode one message. Never raises, whatever the bytes; pure, and bounded in time by the payload's length.

    `directory` holds every known meter by (enterprise, meter). `retained`: the broker sent a stored copy.
    """
    if not retained:
        arrivals = decode_fast(topic, payload, directory, received_us, limits)
        if arrivals is not None:
            return Decoded(arrivals, [])
    return judge(topic, payload, directory, received_us, limits, retained=retained)


def judge(
    topic: str,
    payload: bytes,
    directory: Mapping[tuple[str, str], MeterRef],
    received_us: int,
    limits: Limits,
    *,
    retained: bool = False,
) -> Decoded:
    """Decode a message that is not known to be flawless; as `decode`, and many times slower than for a flawless one."""
    if is_alerts(topic):
        return Decoded([], [])
    meter = ""
    try:
        address = parse_topic(topic)
        meter = address.meter or ""
        _check_message(payload, address, limits, retained=retained)
    except RefusedError as refused:
        return Decoded([], [Rejected(refused.code, refused.detail, "", meter)])
    if address.is_status:
        return Decoded([], [])
    return decode_strict(payload, Context(address, directory, received_us, limits))


def encode_reading(read_at_us: int, registers: Mapping[str, Decimal]) -> bytes:
    """One reading of one meter as the payload of its topic."""
    return _object(None, read_at_us, registers).encode()


def encode_batch(readings: Iterable[tuple[str | None, int, Mapping[str, Decimal]]]) -> bytes:
    """Many readings (meter, read_at_us, registers) as one payload; meter None on a meter's own topic."""
    return f"[{','.join(_object(*reading) for reading in readings)}]".encode()


def _check_message(payload: bytes, address: Address, limits: Limits, *, retained: bool) -> None:
    if len(payload) > limits.payload_bytes:
        raise RefusedError("payload_too_large", f"{len(payload)} bytes, at most {limits.payload_bytes}")
    if address.is_status:
        check_status(payload)
    elif retained:
        raise RefusedError("retained", f"{len(payload)} bytes")


def _object(meter: str | None, read_at_us: int, registers: Mapping[str, Decimal]) -> str:
    for code in (*registers, *([] if meter is None else [meter])):
        if CODE.fullmatch(code) is None:
            raise ValueError(f"{code!r} is no code: use lower-case letters, digits and hyphens")
    for value in registers.values():
        if not value.is_finite():
            raise ValueError(f"{value} is no value: leave the register out")
    named = "" if meter is None else f'"meter":"{meter}",'
    values = ",".join(f'"{key}":{value}' for key, value in registers.items())
    return f'{{{named}"read_at":"{iso(read_at_us)}","registers":{{{values}}}}}'
