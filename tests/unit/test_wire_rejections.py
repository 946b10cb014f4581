"""Each way a message can be wrong ends as its rejection code, and the good readings beside it are kept."""

from __future__ import annotations

import json
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from services.model import SECOND_US, MeterRef, RegisterRef
from services.wire import REJECTIONS, Decoded, Limits, decode
from services.wire.rejections import markdown

DAY_US = 86_400 * SECOND_US
NOW = 1_795_312_800 * SECOND_US  # 2026-11-22T02:00:00Z
LIMITS = Limits(payload_bytes=1024 * 1024, readings=10_000, ahead_us=300 * SECOND_US, horizon_us=400 * DAY_US)
ONE = Fraction(1)
DIRECTORY = {
    ("steel", "main"): MeterRef(
        "steel", "main", {"import": RegisterRef(1, ONE, Fraction(40)), "power": RegisterRef(2, ONE, ONE)}, None
    ),
    ("steel", "old"): MeterRef("steel", "old", {"import": RegisterRef(3, ONE, ONE)}, "Asia/Shanghai"),
    ("steel", "berlin"): MeterRef("steel", "berlin", {"import": RegisterRef(4, ONE, ONE)}, "Europe/Berlin"),
    ("tyre", "main"): MeterRef("tyre", "main", {"import": RegisterRef(5, ONE, ONE)}, None),
}
MAIN = "keu/v1/steel/main/readings"
GATEWAY = "keu/v1/steel/readings"
GOOD = '{"read_at": "2026-11-22T10:00:00+08:00", "registers": {"import": 1}}'


def reading(registers: str = '{"import": 1}', read_at: str = '"2026-11-22T10:00:00+08:00"', more: str = "") -> str:
    """One reading as JSON text, with one part of it as told."""
    return f'{{"read_at": {read_at}, "registers": {registers}{more}}}'


def run(payload: str | bytes, topic: str = MAIN, **options: Any) -> Decoded:
    """Decode with this file's directory and limits."""
    raw = payload if isinstance(payload, bytes) else payload.encode("utf-8", "surrogatepass")
    return decode(topic, raw, DIRECTORY, NOW, LIMITS, **options)


WHOLE: list[tuple[str, str, str | bytes]] = [
    ("unknown_topic", "keu/v2/steel/main/readings", GOOD),
    ("unknown_topic", "keu/v1/steel/main/reading", GOOD),
    ("unknown_topic", "keu/v1/steel/main/sub/readings", GOOD),
    ("unknown_topic", "", GOOD),
    ("bad_code", "keu/v1/Steel/main/readings", GOOD),
    ("bad_code", "keu/v1/steel/MAIN/readings", GOOD),
    ("bad_code", "keu/v1//main/readings", GOOD),
    ("bad_code", f"keu/v1/steel/{'m' * 41}/readings", GOOD),
    ("payload_too_large", MAIN, b" " * (1024 * 1024 + 1)),
    ("too_many_readings", MAIN, f"[{','.join([GOOD] * 10_001)}]"),
    ("too_many_readings", MAIN, reading(json.dumps({f"r{i}": i for i in range(10_001)}))),
    ("empty_payload", MAIN, b""),
    ("empty_payload", MAIN, b" \n "),
    ("not_utf8", MAIN, b'{"read_at": "\xff"}'),
    ("not_utf8", MAIN, GOOD.encode("utf-16")),
    ("not_utf8", MAIN, b"\xed\xa0\x80"),
    ("not_json", MAIN, "unavailable"),
    ("not_json", MAIN, GOOD + GOOD),
    ("not_json", MAIN, GOOD[:-1]),
    ("not_json", MAIN, "\ufeff" + GOOD),
    ("not_json", MAIN, reading('{"import": 1,}')),
    ("not_json", MAIN, reading('{"import": 01}')),
    ("too_deep", MAIN, "[" * 200_000),
    ("too_deep", MAIN, '{"a":' * 200_000),
    ("no_readings", MAIN, "[]"),
]
READINGS: list[tuple[str, str, str]] = [
    ("not_a_reading", MAIN, "42"),
    ("not_a_reading", MAIN, "null"),
    ("not_a_reading", MAIN, '"2026-11-22T10:00:00+08:00"'),
    ("not_a_reading", MAIN, f"[{GOOD}]"),  # a list inside the list
    ("not_a_reading", MAIN, reading("[1, 2]")),
    ("not_a_reading", MAIN, reading("null")),
    ("missing_field", MAIN, '{"registers": {"import": 1}}'),
    ("missing_field", MAIN, '{"read_at": "2026-11-22T10:00:00+08:00"}'),
    ("missing_field", GATEWAY, GOOD),
    ("unknown_field", MAIN, reading(more=', "unit": "MWh"')),
    ("duplicate_key", MAIN, reading(more=', "read_at": 1795312800')),
    ("duplicate_key", MAIN, reading(more=', "registers": {"import": 2}')),
    ("meter_mismatch", MAIN, reading(more=', "meter": "old"')),
    ("bad_code", GATEWAY, reading(more=', "meter": "Main"')),
    ("bad_code", GATEWAY, reading(more=', "meter": 7')),
    ("bad_code", GATEWAY, reading(more=', "meter": null')),
    ("bad_code", GATEWAY, reading(more=', "meter": "\\ud800"')),
    ("unknown_meter", GATEWAY, reading(more=', "meter": "nobody"')),
    ("unknown_meter", "keu/v1/steel/nobody/readings", GOOD),
    ("unknown_meter", "keu/v1/nobody/main/readings", GOOD),
    ("unknown_meter", "keu/v1/tyre/old/readings", GOOD),  # another enterprise's meter
    ("no_registers", MAIN, reading("{}")),
    ("bad_time", MAIN, reading(read_at='"yesterday"')),
    ("bad_time", MAIN, reading(read_at='""')),
    ("bad_time", MAIN, reading(read_at="null")),
    ("bad_time", MAIN, reading(read_at="true")),
    ("bad_time", MAIN, reading(read_at="[1]")),
    ("bad_time", MAIN, reading(read_at="NaN")),
    ("bad_time", MAIN, reading(read_at='"20261122100000"')),
    ("bad_time", MAIN, reading(read_at='"202611221000"')),
    ("time_ahead", MAIN, reading(read_at='"2026112210"')),
    ("time_implausible", MAIN, reading(read_at='"0000000001"')),
    ("bad_time", MAIN, reading(read_at='"2026-11-22"')),
    ("bad_time", MAIN, reading(read_at='"20261122T100000+0800"')),
    ("bad_time", MAIN, reading(read_at='"2026-W47-7T10:00:00+08:00"')),
    ("bad_time", MAIN, reading(read_at='"2026-02-30T10:00:00Z"')),
    ("bad_time", MAIN, reading(read_at='"2026-11-21T24:00:00Z"')),
    ("bad_time", MAIN, reading(read_at='"2026-11-22T10:00:00+24:00"')),
    ("bad_time", MAIN, reading(read_at="1795312800000000")),
    ("bad_time", MAIN, reading(read_at="1e400")),
    ("bad_time", MAIN, reading(read_at="1e99999999999999999999")),
    ("bad_time", MAIN, reading(read_at="9" * 100_000)),
    ("time_without_zone", MAIN, reading(read_at='"2026-11-22T10:00:00"')),
    ("time_ambiguous", "keu/v1/steel/berlin/readings", reading(read_at='"2026-10-25T02:30:00"')),
    ("time_ambiguous", "keu/v1/steel/berlin/readings", reading(read_at='"2026-03-29T02:30:00"')),
    ("time_implausible", MAIN, reading(read_at='"1970-01-01T00:00:00Z"')),
    ("time_implausible", MAIN, reading(read_at='"2000-01-01T08:15:00+08:00"')),
    ("time_implausible", MAIN, reading(read_at="0")),
    ("time_implausible", MAIN, reading(read_at="-1e-400")),
    ("time_implausible", MAIN, reading(read_at="-1795312800")),
    ("time_implausible", MAIN, reading(read_at="86400.5")),
    ("time_ahead", MAIN, reading(read_at='"2026-11-22T10:05:01+08:00"')),
    ("time_ahead", MAIN, reading(read_at='"9999-12-31T23:59:59Z"')),
    ("time_ahead", MAIN, reading(read_at="99999999999")),
    ("time_too_old", MAIN, reading(read_at='"2025-10-18T01:59:59Z"')),
]
VALUES: list[tuple[str, str]] = [
    ("no_value", "null"),
    ("no_value", "NaN"),
    ("no_value", "Infinity"),
    ("no_value", "-Infinity"),
    ("no_value", '""'),
    ("no_value", '"  "'),
    ("no_value", '"NaN"'),
    ("no_value", '"unavailable"'),
    ("no_value", '"Unknown"'),
    ("not_a_number", "true"),
    ("not_a_number", "false"),
    ("not_a_number", "[1]"),
    ("not_a_number", '{"value": 1}'),
    ("not_a_number", '"12 kWh"'),
    ("not_a_number", '"1e5"'),
    ("not_a_number", '"+1"'),
    ("not_a_number", '"1,000"'),
    ("not_a_number", '"1_000"'),
    ("not_a_number", '"١٢٣"'),
    ("not_a_number", '"12\\n"'),
    ("not_a_number", '"\\ud800"'),
    ("not_a_number", '"\\u0000"'),
    ("out_of_range", "1e400"),
    ("out_of_range", "1000000000000"),
    ("out_of_range", "25000000000"),  # × the multiplier 40
    ("out_of_range", "-25000000000"),
    ("out_of_range", "9" * 900_000),
    ("number_too_long", "1e-401"),
    ("number_too_long", "1e-999999"),
    ("number_too_long", "1e99999999999999999999"),
    ("number_too_long", "1." + "1" * 900_000),
    ("number_too_long", '"1.' + "1" * 40 + '"'),
]


@pytest.mark.parametrize(("code", "topic", "payload"), WHOLE)
def test_a_message_that_is_wrong_as_a_whole_is_one_rejection(code: str, topic: str, payload: str | bytes) -> None:
    """Nothing of it arrives, and the pointer is empty."""
    decoded = run(payload, topic)
    assert decoded.arrivals == []
    assert [(r.code, r.pointer) for r in decoded.rejected] == [(code, "")]


@pytest.mark.parametrize(("code", "topic", "payload"), READINGS)
def test_a_wrong_reading_is_rejected_and_its_neighbours_arrive(code: str, topic: str, payload: str) -> None:
    """The pointer is the index of the reading in the list."""
    named = GOOD if topic != GATEWAY else reading(more=', "meter": "main"')
    decoded = run(f"[{named}, {payload}, {named}]", topic)
    known = (*topic.split("/")[2:4],) in DIRECTORY or topic == GATEWAY
    wrong = [r for r in decoded.rejected if r.pointer == "1"]
    assert [r.code for r in wrong] == [code]
    assert len(decoded.arrivals) == (2 if known else 0)


@pytest.mark.parametrize(("code", "value"), VALUES)
def test_a_wrong_value_is_rejected_and_the_other_registers_arrive(code: str, value: str) -> None:
    """The pointer names the register."""
    decoded = run(reading(f'{{"import": {value}, "power": 2.5}}'))
    assert [(r.code, r.pointer) for r in decoded.rejected] == [(code, "registers/import")]
    assert [(a.register_id, a.raw) for a in decoded.arrivals] == [(2, 2500)]


def test_an_unknown_register_is_rejected_and_the_others_arrive() -> None:
    """Upper case is another code, and no guess."""
    decoded = run("[" + reading('{"volts": 230, "Import": 1, "power": 3}') + "]")
    assert [(r.code, r.pointer) for r in decoded.rejected] == [
        ("unknown_register", "0/registers/volts"),
        ("bad_code", "0/registers/'Import'"),
    ]
    assert [a.raw for a in decoded.arrivals] == [3000]


def test_a_repeated_register_is_rejected_and_the_others_arrive() -> None:
    """Also where one of the two keys is written with an escape."""
    decoded = run(reading('{"import": 1, "\\u0069mport": 1, "power": 3}'))
    assert [(r.code, r.pointer) for r in decoded.rejected] == [("duplicate_key", "registers/import")]
    assert [a.raw for a in decoded.arrivals] == [3000]


def test_a_retained_copy_is_rejected_and_a_retained_status_is_not() -> None:
    """Births and last wills are retained on purpose."""
    assert [r.code for r in run(GOOD, retained=True).rejected] == ["retained"]
    assert run('{"state": "offline"}', "keu/v1/steel/main/status", retained=True) == Decoded([], [])


@pytest.mark.parametrize(
    ("payload", "codes"),
    [
        ('{"state": "online", "firmware": "1.2"}', []),
        ("", []),
        ('{"state": "sleeping"}', ["bad_status"]),
        ('{"state": ["online"]}', ["bad_status"]),
        ("[]", ["bad_status"]),
        ("online", ["not_json"]),
    ],
)
def test_a_status_gives_no_arrivals_and_is_checked(payload: str, codes: list[str]) -> None:
    """The status topic is only checked for its form."""
    decoded = run(payload, "keu/v1/steel/main/status")
    assert decoded.arrivals == []
    assert [r.code for r in decoded.rejected] == codes


def test_details_and_pointers_are_safe_to_store() -> None:
    """No NUL, no control character, no lone surrogate, and short: they go into indexed text columns."""
    key = "\\u0000\\ud800\\u202e" + "x" * 5000
    decoded = run(reading(f'{{"{key}": 1, "import": "{key}"}}', more=f', "{key}": 1'))
    decoded.rejected += run(reading(f'{{"{key}": 1, "import": "{key}"}}')).rejected
    decoded.rejected += run(GOOD, "keu/v1/\x07" + "y" * 5000).rejected
    assert len(decoded.rejected) == 4
    for rejected in decoded.rejected:
        for text in (rejected.detail, rejected.pointer):
            assert text.isprintable()
            assert len(text.encode()) < 700


@pytest.mark.parametrize(
    ("payload", "code", "detail"),
    [
        ("\ufeff" + GOOD, "not_json", "a byte order mark (BOM) at character 0"),
        (GOOD + "\x00", "not_json", f"control byte 0x00 at character {len(GOOD)}"),
        (GOOD.replace("import", "imp\x07ort"), "not_json", "control byte 0x07 at character"),
        (GOOD.encode("utf-16"), "not_utf8", "a byte order mark of UTF-16 at byte 0"),
        ("7", "not_a_reading", "'7'"),
        ("[[]]", "not_a_reading", "a list"),
        (reading("null"), "not_a_reading", "registers is null"),
        (reading(read_at="{}"), "bad_time", "an object"),
        (reading('{"import": {"value": 1}}'), "not_a_number", "an object"),
        (reading('{"import": true}'), "not_a_number", "a boolean"),
    ],
)
def test_a_detail_names_what_nobody_sees_and_what_stands_there_in_words(
    payload: str | bytes, code: str, detail: str
) -> None:
    """A byte order mark, a control byte; an object and not the name of a class."""
    [rejected] = run(payload).rejected
    assert rejected.code == code
    assert detail in rejected.detail


def test_every_code_of_the_decoder_is_tested_here_and_explained() -> None:
    """The table holds these codes and those of the store, each with six texts."""
    here = {code for code, *_ in (*WHOLE, *READINGS, *VALUES)} | {"unknown_register", "retained", "bad_status"}
    assert here | {"conflict", "before_kept", "store_error", "over_share", "too_many_faults"} == set(REJECTIONS)
    assert all(all(text.strip() for text in explanation) for explanation in REJECTIONS.values())


def test_the_page_of_rejections_is_the_table() -> None:
    """docs/rejections.md is what the table prints."""
    page = Path(__file__).parents[2] / "docs" / "rejections.md"
    assert page.read_text(encoding="utf-8") == markdown()


@pytest.mark.parametrize("value", ["9" * 1_000_000, "0." + "9" * 1_000_000, "1e-999999999", "0e999999999"])
def test_a_monstrous_number_is_judged_at_once(value: str) -> None:
    """Exact arithmetic on a million digits would take minutes."""
    started = time.perf_counter()
    run(reading(f'{{"import": {value}}}'))
    assert time.perf_counter() - started < 2
