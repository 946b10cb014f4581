"""How an incident spoils the bytes or the values of one reading."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from services.model import SECOND_US, from_us, iso
from simulators.incidents import What, counting, false_steps
from simulators.sample import Message, Sample, meter_message, meter_topic, registers_json

if TYPE_CHECKING:
    from simulators.fleet import Meter

FAR_FUTURE: Final = "2099-01-01T00:00:00Z"
YEAR_1970: Final = "1970-01-01T00:00:07Z"
NEIGHBOUR: Final = "interval-energy"
"""A register that nobody has registered: the energy of the last interval, beside the one that counts."""
_WORDS: Final = {What.NULL: "null", What.UNAVAILABLE: '"unavailable"', What.NOT_A_NUMBER: "NaN"}


def falsified(kind: What, meter: Meter, at_us: int) -> Message:
    """A reading whose counting registers show what is not true."""
    values = meter.sample(at_us).registers
    for counter in counting(meter):
        steps = max(0, counter.shown_steps(at_us) - 1) if kind is What.NOISE else false_steps(kind, counter, at_us)
        values[counter.point.key.register] = steps * counter.point.resolution
    return meter_message(meter.enterprise, meter.code, [Sample(at_us, values)])


def spoilt(kind: What, meter: Meter, at_us: int) -> Message:
    """A reading written in another way, or not readable at all."""
    sample = meter.sample(at_us)
    topic = meter_topic(meter.enterprise, meter.code)
    if kind is What.EMPTY:
        return Message(topic, b"")
    body = f'{{"read_at": {_time(kind, meter, at_us)}, "registers": {_values(kind, sample)}}}'
    return Message(topic, (body[: len(body) // 2] if kind is What.BROKEN_JSON else body).encode())


def _time(kind: What, meter: Meter, at_us: int) -> str:
    written = {
        What.FUTURE: f'"{FAR_FUTURE}"',
        What.YEAR_1970: f'"{YEAR_1970}"',
        What.MILLISECONDS: str(at_us // 1000),
        What.SECONDS: str(at_us // SECOND_US),
        What.NO_ZONE: f'"{_local(meter, at_us)}"',
    }
    return written.get(kind, f'"{iso(at_us)}"')


def _local(meter: Meter, at_us: int) -> str:
    """What the clock on the wall says there; a meter with a declared zone may write it so."""
    zone = next(display.point.naive_zone for display in meter.displays.values()) or "Asia/Shanghai"
    return from_us(at_us).astimezone(ZoneInfo(zone)).replace(tzinfo=None).isoformat()


def _values(kind: What, sample: Sample) -> str:
    values = dict(sample.registers)
    if kind is What.NEIGHBOUR:
        values[NEIGHBOUR] = Decimal(1)
    text = registers_json(values)
    if kind in _WORDS:
        first, _, rest = text.partition(": ")
        _, comma, others = rest.partition(",")
        return f"{first}: {_WORDS[kind]}{comma}{others}" if comma else f"{first}: {_WORDS[kind]}}}"
    return text
