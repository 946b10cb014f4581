"""The strict decoder: reads any bytes, names everything that is wrong, and loses nothing good beside it."""

from __future__ import annotations

import json
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from services.model import Arrival, MeterRef
from services.unseen import unseen
from services.wire.numbers import NotANumber, Number, convert, value_of
from services.wire.outcome import Decoded, RefusedError, Rejected, shown
from services.wire.times import admit, parse_time
from services.wire.topics import CODE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.wire.outcome import Limits
    from services.wire.topics import Address

FIELDS: Final = ("meter", "read_at", "registers")
_STATES: Final = ("online", "offline")
FAULTS_READ: Final = 100
"""A message whose readings are mostly bad is read no further than its hundredth bad one."""
_COMMAS: Final = 3
"""What a reading needs of them at most, with one register: two within it and one after it."""


class JsonObject(dict[str, object]):
    """A JSON object that remembers which of its keys stood there more than once."""

    __slots__ = ("repeated",)
    repeated: frozenset[str]


@dataclass(frozen=True, slots=True)
class Context:
    """What the readings of one message are judged against."""

    address: Address
    directory: Mapping[tuple[str, str], MeterRef]
    received_us: int
    limits: Limits


def decode_strict(payload: bytes, context: Context) -> Decoded:
    """Decode a message of readings; what is wrong ends in `rejected`, the rest in `arrivals`."""
    decoded = Decoded([], [])
    try:
        _check_commas(payload, context.limits)
        tree = parse_json(payload)
        readings = tree if isinstance(tree, list) else [tree]
        _check_count(readings, context.limits)
    except RefusedError as refused:
        decoded.rejected.append(Rejected(refused.code, refused.detail, "", context.address.meter or ""))
        return decoded
    for index, reading in enumerate(readings):
        _reading(reading, f"{index}/" if isinstance(tree, list) else "", context, decoded)
        bad, left = len(decoded.rejected), len(readings) - index - 1
        if bad >= FAULTS_READ and bad > len(decoded.arrivals) and left:
            rest = f"{left} of {len(readings)} readings are not read after {bad} bad ones"
            decoded.rejected.append(Rejected("too_many_faults", rest, "", context.address.meter or ""))
            break
    return decoded


def check_status(payload: bytes) -> None:
    """Check a birth or last will: empty (the retained one is cleared) or an object with `state`.

    Raises:
        RefusedError: The code says why it is none.
    """
    if not payload:
        return
    tree = parse_json(payload)
    if not isinstance(tree, JsonObject) or tree.get("state") not in _STATES:
        raise RefusedError("bad_status", shown(tree))


def parse_json(payload: bytes) -> object:
    """The JSON of a payload, numbers as their text.

    Raises:
        RefusedError: `empty_payload`, `not_utf8`, `not_json` or `too_deep`.
    """
    if not payload.strip():
        raise RefusedError("empty_payload", f"{len(payload)} bytes")
    try:
        return _JSON.decode(payload.decode("utf-8"))
    except UnicodeDecodeError as error:
        mark = "a byte order mark of UTF-16 at " if payload.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else ""
        raise RefusedError("not_utf8", f"{mark}byte {error.start}") from None
    except json.JSONDecodeError as error:
        stranger = unseen(error.doc[error.pos : error.pos + 1])
        raise RefusedError("not_json", f"{stranger or error.msg} at character {error.pos}") from None
    except RecursionError:
        raise RefusedError("too_deep", f"{len(payload)} bytes") from None


def _json_object(pairs: list[tuple[str, object]]) -> JsonObject:
    found = JsonObject(pairs)
    found.repeated = frozenset()
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        seen: set[str] = set()
        found.repeated = frozenset(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
    return found


_JSON: Final = json.JSONDecoder(
    object_pairs_hook=_json_object, parse_float=Number, parse_int=Number, parse_constant=NotANumber
)


def _check_commas(payload: bytes, limits: Limits) -> None:
    """Refuse what holds too much, unread: a megabyte of `{},` takes a second to read, and an instant to count."""
    if (commas := payload.count(b",")) > _COMMAS * limits.readings:
        raise RefusedError("too_many_readings", f"{commas} commas, at most {limits.readings} readings")


def _check_count(readings: list[object], limits: Limits) -> None:
    if not readings:
        raise RefusedError("no_readings", "[]")
    count = sum(_size(reading) for reading in readings)
    if count > limits.readings:
        raise RefusedError("too_many_readings", f"{count}, at most {limits.readings}")


def _size(reading: object) -> int:
    registers = reading.get("registers") if isinstance(reading, JsonObject) else None
    return max(1, len(registers)) if isinstance(registers, JsonObject) else 1


def _reading(reading: object, pointer: str, context: Context, decoded: Decoded) -> None:
    meter = _named(reading, context)
    try:
        fields = _fields(reading)
        ref = _meter(fields, context)
        at = parse_time(fields["read_at"], ref.zone)
        admit(at, context.received_us, context.limits)
        registers = _registers(fields["registers"])
    except RefusedError as refused:
        decoded.rejected.append(Rejected(refused.code, refused.detail, pointer.rstrip("/"), meter))
        return
    for key in registers:
        try:
            decoded.arrivals.append(_arrival(key, registers, ref, at, context.received_us))
        except RefusedError as refused:
            place = f"{pointer}registers/{_pointed(key)}"
            decoded.rejected.append(Rejected(refused.code, refused.detail, place, meter))


def _named(reading: object, context: Context) -> str:
    """The meter that topic or reading names, '' where it is none."""
    named = context.address.meter or (reading.get("meter") if isinstance(reading, JsonObject) else None)
    return named if type(named) is str and CODE.fullmatch(named) else ""


def _fields(reading: object) -> JsonObject:
    if not isinstance(reading, JsonObject):
        raise RefusedError("not_a_reading", shown(reading))
    if reading.repeated:
        raise RefusedError("duplicate_key", shown(min(reading.repeated)))
    for name in reading:
        if name not in FIELDS:
            raise RefusedError("unknown_field", shown(name))
    for name in ("read_at", "registers"):
        if name not in reading:
            raise RefusedError("missing_field", name)
    return reading


def _meter(fields: JsonObject, context: Context) -> MeterRef:
    named = fields.get("meter", context.address.meter)
    if named is None and "meter" not in fields:
        raise RefusedError("missing_field", "meter")
    if type(named) is not str or CODE.fullmatch(named) is None:
        raise RefusedError("bad_code", f"meter {shown(named)}")
    if context.address.meter not in (None, named):
        raise RefusedError("meter_mismatch", f"{context.address.meter} in the topic, {named} in the payload")
    ref = context.directory.get((context.address.enterprise, named))
    if ref is None:
        raise RefusedError("unknown_meter", f"{context.address.enterprise}/{named}")
    return ref


def _registers(registers: object) -> JsonObject:
    if not isinstance(registers, JsonObject):
        raise RefusedError("not_a_reading", f"registers is {shown(registers)}")
    if not registers:
        raise RefusedError("no_registers", "{}")
    return registers


def _arrival(key: str, registers: JsonObject, ref: MeterRef, at: int, received_us: int) -> Arrival:
    register = ref.registers.get(key)
    if register is None:
        known = CODE.fullmatch(key) is not None
        raise RefusedError("unknown_register" if known else "bad_code", f"register {shown(key)}")
    if key in registers.repeated:
        raise RefusedError("duplicate_key", shown(key))
    raw, text = convert(value_of(registers[key]), register)
    return Arrival(register.register_id, at, raw, text, received_us)


def _pointed(key: str) -> str:
    return key if CODE.fullmatch(key) else shown(key)
