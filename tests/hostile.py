"""Hostile messages, made from a seed: every category of damage, malice and misunderstanding we know of."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Final

from services.model import SECOND_US, iso

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.mqtt import Post

TOPIC: Final = "keu/v1/works/m0/readings"
_HUGE: Final = 20
"""Messages of a megabyte are few: they test limits, not patience."""

_TIMES: Final = (
    '"2999-01-01T00:00:00Z"',
    '"2026-01-01T00:00:00"',
    '"2026-W01-1T00:00:00Z"',
    '"2026-01-01T24:00:00Z"',
    '"2026-02-30T00:00:00Z"',
    '"1970-01-01T00:00:00Z"',
    '"0000-00-00T00:00:00Z"',
    '"9999-12-31T23:59:59-23:59"',
    '"now"',
    '""',
    '"2026-01-01"',
    '"２０２６-01-01T00:00:00Z"',
    "0",
    "-1",
    "1e999",
    "true",
    "null",
    "[]",
    "{}",
    "99999999999999999999",
)
_VALUES: Final = (
    "1e400",
    "-1e400",
    "1e-500",
    "NaN",
    "Infinity",
    "-Infinity",
    "null",
    "true",
    "false",
    '""',
    '"NaN"',
    '"unavailable"',
    '"12 kWh"',
    '"1,000"',
    '"0x10"',
    '"１２"',
    "[1]",
    '{"value": 1}',
    "1e15",
    "-1e15",
    "01",
    "1.",
    ".5",
    "+1",
)
_SHAPES: Final = (
    "",
    " ",
    "\n\t",
    "null",
    "0",
    '"text"',
    "true",
    "[]",
    "{}",
    "[[]]",
    "[null]",
    "[{}]",
    '{"read_at": 1780000000}',
    '{"registers": {"import": 1}}',
    '{"read_at": 1780000000, "registers": []}',
    '{"read_at": 1780000000, "registers": {}}',
    '{"read_at": 1780000000, "registers": "import"}',
    '{"read_at": 1780000000, "registers": {"import": 1}, "unit": "MWh"}',
    '{"read_at": 1780000000, "registers": {"import": 1}, "read_at": 1780000001}',
    '{"meter": "m99", "read_at": 1780000000, "registers": {"import": 1}}',
    '{"meter": ["m0"], "read_at": 1780000000, "registers": {"import": 1}}',
    "{'read_at': 1780000000}",
    '{"read_at": 1780000000, "registers": {"import": 1}',
    '{"read_at": 1780000000, "registers": {"import": 1}} trailing',
)
_KEYS: Final = ("unknown", "Import", "\x00", "\ud800", "import ", "", "i" * 5000, "'; DROP TABLE core.reading; --")
_TOPICS: Final = (
    "keu/v1/mill/m0/readings",
    "keu/v1/works/unknown/readings",
    "keu/v1/nobody/m0/readings",
    "keu/v1/WORKS/m0/readings",
    "keu/v1/works/m0/reading",
    "keu/v1/works/m0/readings/more",
    "keu/v1/works",
    "keu/v1//m0/readings",
    "keu/v1/works/表计/readings",
    "keu/v1/" + "x" * 60 + "/m0/readings",
    "keu/v1/" + "long/" * 150,
)


def hostile(count: int, now_us: int, seed: int = 1) -> Iterator[Post]:
    """So many hostile messages; none of them holds a reading that would be good."""
    rnd = Random(seed)
    reading_at = iso(now_us // SECOND_US * SECOND_US - 3600 * SECOND_US)
    makers: tuple[Callable[[Random, str], Post], ...] = (
        _random_bytes,
        _damaged_text,
        _deep,
        _repeated_keys,
        _bad_value,
        _bad_time,
        _bad_shape,
        _bad_topic,
        _bad_key,
        _bad_status,
        _long_number,
        _cut_short,
    )
    for n in range(count - _HUGE):
        yield makers[n % len(makers)](rnd, reading_at)
    for n in range(_HUGE):
        yield TOPIC, _huge(n, reading_at)


def _reading(at: str, value: str = "1", key: str = "import") -> str:
    return f'{{"read_at": "{at}", "registers": {{{json.dumps(key)}: {value}}}}}'


def _random_bytes(rnd: Random, _at: str) -> Post:
    return TOPIC, b"\xff" + rnd.randbytes(rnd.randrange(200))


def _damaged_text(rnd: Random, at: str) -> Post:
    data = bytearray(_reading(at).encode())
    data[rnd.randrange(len(data))] = rnd.choice((0, 0x80, 0xC0, 0xFE))
    return TOPIC, bytes(data) if rnd.random() < 0.5 else "\ufeff钢厂".encode("gbk", "ignore") + bytes(data)


def _deep(rnd: Random, _at: str) -> Post:
    depth = rnd.choice((4, 100, 1000, 20_000))
    return TOPIC, rnd.choice((b"[" * depth, b'{"a":' * depth, b"[" * depth + b"]" * depth))


def _repeated_keys(rnd: Random, at: str) -> Post:
    twice = f'{{"read_at": "{at}", "registers": {{"import": 1, "im\\u0070ort": {rnd.randrange(9)}}}}}'
    return TOPIC, twice.encode()


def _bad_value(rnd: Random, at: str) -> Post:
    return TOPIC, _reading(at, rnd.choice(_VALUES)).encode()


def _bad_time(rnd: Random, _at: str) -> Post:
    return TOPIC, f'{{"read_at": {rnd.choice(_TIMES)}, "registers": {{"import": {rnd.randrange(99)}}}}}'.encode()


def _bad_shape(rnd: Random, _at: str) -> Post:
    return rnd.choice((TOPIC, "keu/v1/works/readings")), rnd.choice(_SHAPES).encode()


def _bad_topic(rnd: Random, at: str) -> Post:
    return rnd.choice(_TOPICS), _reading(at, str(rnd.randrange(99))).encode()


def _bad_key(rnd: Random, at: str) -> Post:
    key = rnd.choice(
        ("unknown", "Import", "\x00", "\ud800", "import ", "", "i" * 5000, "'; DROP TABLE core.reading; --")
    )
    return TOPIC, _reading(at, str(rnd.randrange(99)), key).encode("utf-8", "surrogatepass")


def _bad_status(rnd: Random, _at: str) -> Post:
    return "keu/v1/works/m0/status", rnd.choice((b"online", b"{}", b'{"state": 1}', b"[" * 900, b"\xff"))


def _long_number(rnd: Random, at: str) -> Post:
    digits = str(rnd.randrange(1, 9)) * rnd.choice((41, 400, 5000))
    return TOPIC, _reading(at, rnd.choice((digits, f"0.{digits}", f"{digits}e-{len(digits)}", f"1e{digits}"))).encode()


def _cut_short(rnd: Random, at: str) -> Post:
    data = _reading(at).encode()
    return TOPIC, data[: rnd.randrange(1, len(data))]


def _huge(n: int, at: str) -> bytes:
    if n % 4 == 0:
        return _reading(at, "9" * 1_000_000).encode()
    if n % 4 == 1:
        return b"[" * 1_000_000
    if n % 4 == 2:
        return b'"' + b"x" * 1_200_000 + b'"'  # larger than the limit
    return f"[{','.join([_reading(at)] * 10_001)}]".encode()
