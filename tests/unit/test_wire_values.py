"""Values and times of the native format mean exactly what they say."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from services.model import SECOND_US, MeterRef, RegisterRef
from services.units import factor
from services.wire import Limits, decode, encode_batch, encode_reading
from services.wire.topics import Address, address_of, readings_topic, status_topic

NOW = 1_795_312_800 * SECOND_US  # 2026-11-22T02:00:00Z
LIMITS = Limits(payload_bytes=1024 * 1024, readings=10_000, ahead_us=300 * SECOND_US, horizon_us=0)
UNITS = {"kwh": "kWh", "wh": "Wh", "mwh": "MWh", "wmin": "Wmin"}
REGISTERS = {
    code: RegisterRef(index, factor(unit, "kWh"), Fraction(1)) for index, (code, unit) in enumerate(UNITS.items())
}
DIRECTORY = {
    ("steel", "main"): MeterRef("steel", "main", REGISTERS, None),
    ("steel", "old"): MeterRef("steel", "old", REGISTERS, "Asia/Shanghai"),
}
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "payload.schema.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("register", "value", "raw", "text"),
    [
        ("kwh", "123456.78", 123_456_780, None),
        ("kwh", "0", 0, None),
        ("kwh", "-0.0", 0, None),
        ("kwh", "-1.5", -1500, None),
        ("kwh", "1E3", 1_000_000, None),
        ("kwh", "0e999999999", 0, None),
        ("kwh", "1." + "0" * 39, 1000, None),
        ("kwh", '"000123.40"', 123_400, None),
        ("kwh", "0.0005", 0, "0.0005"),
        ("kwh", "0.0015", 2, "0.0015"),
        ("kwh", "0.0025", 2, "0.0025"),
        ("kwh", "-0.0015", -2, "-0.0015"),
        ("kwh", '"0.0015000"', 2, "0.0015000"),
        ("kwh", "0.30000000000000004", 300, "0.30000000000000004"),
        ("kwh", "1e-400", 0, "1E-400"),
        ("kwh", "999999999999.999", 999_999_999_999_999, None),
        ("wh", "521199760", 521_199_760, None),
        ("wh", "0.5", 0, "0.5"),
        ("mwh", "0.0000005", 0, "5E-7"),
        ("mwh", "1.234567", 1_234_567, None),
        ("wmin", "60", 1, None),
        ("wmin", "90", 2, "90"),
        ("wmin", "150", 2, "150"),
        ("wmin", "61", 1, "61"),
    ],
)
def test_a_value_becomes_thousandths_half_even_and_keeps_its_text_where_that_lost_something(
    register: str, value: str, raw: int, text: str | None
) -> None:
    """No value passes through float."""
    payload = f'{{"read_at": 1795312800, "registers": {{"{register}": {value}}}}}'.encode()
    decoded = decode(readings_topic("steel", "main"), payload, DIRECTORY, NOW, LIMITS)
    assert decoded.rejected == []
    assert [(a.raw, a.text) for a in decoded.arrivals] == [(raw, text)]


@pytest.mark.parametrize(
    ("read_at", "at"),
    [
        ('"2026-11-22T10:00:00+08:00"', NOW),
        ('"2026-11-22 10:00:00+08:00"', NOW),
        ('"2026-11-22T10:00:00 +08:00"', NOW),
        ('"2026-11-22T10:00+0800"', NOW),
        ('"2026-11-22T02:00:00Z"', NOW),
        ('"2026-11-21T21:30:00-04:30"', NOW),
        ('"2026-11-22T02:00:00.000001Z"', NOW + 1),
        ('"2026-11-22T01:59:59,9999999999Z"', NOW - 1),
        ("1795312800", NOW),
        ("1795312800.0", NOW),
        ("1795312800.000001", NOW + 1),
        ("1795312799.9999999", NOW - 1),
        ("1.7953128e9", NOW),
        ("1795312800000", NOW),
        ("1795312800000.001", NOW + 1),
        ("1.7953128E+12", NOW),
        ('"1795312800"', NOW),
        ('"1795312800.000001"', NOW + 1),
        ('"1795312800000"', NOW),
    ],
)
def test_read_at_is_iso_with_a_zone_or_epoch_seconds_or_milliseconds(read_at: str, at: int) -> None:
    """Exact to the microsecond; what is finer is cut off."""
    payload = f'{{"read_at": {read_at}, "registers": {{"kwh": 1}}}}'.encode()
    decoded = decode(readings_topic("steel", "main"), payload, DIRECTORY, NOW, LIMITS)
    assert [a.at for a in decoded.arrivals] == [at]


@pytest.mark.parametrize(
    "read_at",
    [
        "2026-11-22T10:00:009+08:00",
        "2026-11-22T10:00:00\\u0000+08:00",
        "2026-11-22T02:00:00/Z",
        "2026-11-22T02:00:00Z\\u0001",
    ],
)
def test_a_character_too_many_before_the_zone_makes_a_time_unreadable(read_at: str) -> None:
    """`:009` is no second, and a control byte no separator: nothing is passed over."""
    payload = f'{{"read_at": "{read_at}", "registers": {{"kwh": 1}}}}'.encode()
    decoded = decode(readings_topic("steel", "main"), payload, DIRECTORY, NOW, LIMITS)
    assert not decoded.arrivals
    assert [rejection.code for rejection in decoded.rejected] == ["bad_time"]


def test_a_time_without_zone_is_taken_in_the_zone_that_the_meter_declares() -> None:
    """A meter that declares none has it rejected."""
    payload = b'[{"meter": "old", "read_at": "2026-11-22T10:00:00", "registers": {"kwh": 1}}]'
    assert [a.at for a in decode(readings_topic("steel"), payload, DIRECTORY, NOW, LIMITS).arrivals] == [NOW]


def test_two_meters_of_a_batch_with_the_same_naive_time_are_read_each_in_its_own_zone() -> None:
    """The decoder remembers the last time it read, by zone."""
    seoul = {**DIRECTORY, ("steel", "seoul"): MeterRef("steel", "seoul", REGISTERS, "Asia/Seoul")}
    item = '{"meter": "%s", "read_at": "2026-11-22T10:00:00", "registers": {"kwh": 1}}'
    payload = f"[{item % 'old'}, {item % 'seoul'}, {item % 'old'}]".encode()
    arrivals = decode(readings_topic("steel"), payload, seoul, NOW, LIMITS).arrivals
    assert [NOW - a.at for a in arrivals] == [0, 3600 * SECOND_US, 0]


def test_an_instant_at_the_limits_is_admitted() -> None:
    """Five minutes ahead and the horizon back are still inside."""
    limits = Limits(1024, 10, ahead_us=300 * SECOND_US, horizon_us=86_400 * SECOND_US)
    payload = encode_batch(
        [(None, NOW + 300 * SECOND_US, {"kwh": Decimal(1)}), (None, NOW - 86_400 * SECOND_US, {"kwh": Decimal(0)})]
    )
    assert len(decode(readings_topic("steel", "main"), payload, DIRECTORY, NOW, limits).arrivals) == 2


def test_the_encoder_writes_what_the_format_says() -> None:
    """A reading for a meter's topic, a list with meters for a gateway's."""
    assert (
        encode_reading(NOW, {"kwh": Decimal("1.50")}) == b'{"read_at":"2026-11-22T02:00:00Z","registers":{"kwh":1.50}}'
    )
    assert encode_batch([("main", NOW, {"kwh": Decimal(2)})]) == (
        b'[{"meter":"main","read_at":"2026-11-22T02:00:00Z","registers":{"kwh":2}}]'
    )


@pytest.mark.parametrize(("code", "value"), [("Import", Decimal(1)), ('a"b', Decimal(1)), ("kwh", Decimal("NaN"))])
def test_the_encoder_refuses_what_no_decoder_would_take(code: str, value: Decimal) -> None:
    """A simulator's mistake shows where it is made."""
    with pytest.raises(ValueError, match="is no"):
        encode_reading(NOW, {code: value})


@pytest.mark.parametrize("example", SCHEMA["examples"])
def test_the_examples_of_the_schema_are_valid_and_decode(example: Any) -> None:
    """The documentation of the payload is true."""
    jsonschema.Draft202012Validator(SCHEMA).validate(example)
    registers = {"import": RegisterRef(1, Fraction(1), Fraction(1)), "power": RegisterRef(2, Fraction(1), Fraction(1))}
    directory = {("steel", m): MeterRef("steel", m, registers, None) for m in ("main-1", "main-2")}
    is_gateways = isinstance(example, list) and "meter" in example[0]
    topic = readings_topic("steel", None if is_gateways else "main-1")
    decoded = decode(topic, json.dumps(example).encode(), directory, NOW, LIMITS)
    assert decoded.rejected == []
    assert decoded.arrivals


def test_topics_name_their_enterprise() -> None:
    """And their meter, where it is no gateway's; others name none."""
    assert address_of(readings_topic("steel", "main")) == Address("steel", "main")
    assert address_of(readings_topic("steel")) == Address("steel", None)
    assert address_of(status_topic("steel", "main")) == Address("steel", "main", is_status=True)
    assert address_of("other/v1/steel/readings") is None
