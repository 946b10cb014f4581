"""The fast decoder: only flawless messages, with the very outcome that the strict decoder would give them.

It never judges. Anything unusual (an unknown register, an old time, a number as a string, a repeated key …) makes it
return None, and the strict decoder reads the message from the start.
"""

from __future__ import annotations

from decimal import (
    ROUND_HALF_EVEN,
    Clamped,
    Context,
    Decimal,
    InvalidOperation,
    Overflow,
    Rounded,
    Subnormal,
)
from typing import TYPE_CHECKING, Final

import msgspec

from services.model import Arrival
from services.wire.numbers import DIGITS, SMALLEST_EXPONENT, convert
from services.wire.outcome import RefusedError
from services.wire.times import epoch_us, iso_time, window

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from services.model import MeterRef
    from services.wire.outcome import Limits

# A signal of this context means that a product is not exact, or of absurd size: the strict decoder takes over.
_EXACT: Final = Context(
    prec=DIGITS, Emax=60, Emin=-450, traps=[Clamped, InvalidOperation, Overflow, Rounded, Subnormal]
)
_multiply: Final = _EXACT.multiply
_METER_PARTS: Final = 5
_GATEWAY_PARTS: Final = 4
_UNUSUAL: Final = (ArithmeticError, RefusedError, msgspec.MsgspecError, RecursionError, ValueError)


class _Reading(msgspec.Struct, gc=False):
    read_at: str | int
    registers: dict[str, int | Decimal]  # a whole number is an int in half the time
    meter: str | None = None


_DECODE: Final = msgspec.json.Decoder(_Reading | list[_Reading]).decode


def decode_fast(
    topic: str,
    payload: bytes,
    directory: Mapping[tuple[str, str], MeterRef],
    received_us: int,
    limits: Limits,
) -> list[Arrival] | None:
    """The arrivals of a flawless message of readings, None of any other.

    The payload is flawless only if it has just the quotation marks that the decoded keys and strings need: a repeated
    key, an unknown field or a number in a string would have more.
    """
    parts = topic.split("/")
    if len(parts) == _METER_PARTS:
        prefix, version, enterprise, meter, last = parts
    elif len(parts) == _GATEWAY_PARTS:
        prefix, version, enterprise, last = parts
        meter = None
    else:
        return None
    if last != "readings" or version != "v1" or prefix != "keu" or len(payload) > limits.payload_bytes:
        return None
    try:
        readings = _DECODE(payload)
        if readings.__class__ is _Reading:
            readings = (readings,)
        return _arrivals(readings, enterprise, meter, directory, received_us, limits, payload.count(b'"'))
    except _UNUSUAL:
        return None


def _arrivals(  # noqa: C901, PLR0911, PLR0912 - the hot loop: each call in it costs some percent
    readings: Iterable[_Reading],
    enterprise: str,
    meter: str | None,
    directory: Mapping[tuple[str, str], MeterRef],
    received_us: int,
    limits: Limits,
    quotes: int,
) -> list[Arrival] | None:
    earliest, latest = window(received_us, limits)
    arrivals: list[Arrival] = []
    append = arrivals.append
    multiply = _multiply
    stamp: str | int | None = None
    zone: str | None = None
    at = around = 0
    for reading in readings:
        named = reading.meter
        if named is None:
            named = meter
            quotes -= 4
        elif meter is None or named == meter:
            quotes -= 8
        else:
            return None
        ref = directory.get((enterprise, named))  # type: ignore[arg-type]  # None finds nothing
        if ref is None:
            return None
        read_at = reading.read_at
        if read_at != stamp or ref.zone != zone:
            stamp, zone = read_at, ref.zone
            at = iso_time(read_at, zone) if read_at.__class__ is str else epoch_us(read_at)  # type: ignore[arg-type]
            if not earliest <= at <= latest:
                return None
            around = 2 if read_at.__class__ is str else 0
        quotes -= around
        values = reading.registers
        if not values:
            return None
        known = ref.registers
        for key, number in values.items():
            register = known.get(key)
            if register is None:
                return None
            text = None
            if number.__class__ is int and (times := register.whole_scale) is not None:
                raw = number * times
            elif (scale := register.scale) is not None:
                scaled = multiply(number, scale)
                raw = int(scaled)
                if raw != scaled:
                    raw, text = _rounded(number, scaled)
            else:
                raw, text = convert(Decimal(number), register)
            limit = register.raw_limit
            if raw >= limit or (raw < 0 and raw <= -limit):
                return None
            append(Arrival(register.register_id, at, raw, text, received_us))
    return arrivals if quotes == 2 * len(arrivals) and 0 < len(arrivals) <= limits.readings else None


def _rounded(number: int | Decimal, scaled: Decimal) -> tuple[int, str]:
    if Decimal(number).adjusted() < SMALLEST_EXPONENT:
        raise RefusedError("number_too_long", "")
    return int(scaled.to_integral_value(ROUND_HALF_EVEN)), str(number)
