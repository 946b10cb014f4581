"""The decoder never raises, never loses, never rounds twice, and its two paths are one."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st

from services.model import SECOND_US, MeterRef, RegisterRef
from services.wire import REJECTIONS, Limits, decode, encode_batch, encode_reading
from services.wire.fast import decode_fast
from services.wire.numbers import DIGITS
from services.wire.strict import Context, decode_strict
from services.wire.topics import parse_topic, readings_topic

NOW = 1_795_312_800 * SECOND_US
LIMITS = Limits(payload_bytes=100_000, readings=6, ahead_us=300 * SECOND_US, horizon_us=400 * 86_400 * SECOND_US)
WIDE = Limits(payload_bytes=2**20, readings=10_000, ahead_us=0, horizon_us=0)
FACTORS = {"a": Fraction(1), "b": Fraction(1, 1000), "c": Fraction(1, 60_000), "d": Fraction(1_000_000)}
REGISTERS = {code: RegisterRef(i, unit, Fraction(7, 2)) for i, (code, unit) in enumerate(FACTORS.items())}
DIRECTORY = {
    ("e", "m"): MeterRef("e", "m", REGISTERS, None),
    ("e", "n"): MeterRef("e", "n", REGISTERS, "Europe/Berlin"),
}
TOPICS = st.sampled_from(
    ["keu/v1/e/m/readings", "keu/v1/e/m/readings", "keu/v1/e/n/readings", "keu/v1/e/readings", "keu/v1/e/x/readings"]
)
SCHEMA = jsonschema.Draft202012Validator(
    json.loads((Path(__file__).parents[2] / "docs" / "payload.schema.json").read_text(encoding="utf-8"))
)

number_texts = st.one_of(
    st.integers(-(10**13), 10**13).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**7), max_value=10**7).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.builds(
        "{}{}e{}".format,
        st.integers(-9, 9),
        st.sampled_from(["", ".5", ".000", f".{'0' * 50}", f".{'0' * 37}1", f".{'3' * 39}", f".{'3' * 41}"]),
        st.sampled_from([0, -3, 3, 11, 14, -30, 31, -399, -401, 400, -(10**6), 10**6, 10**9, -(10**9), 10**20]),
    ),
)
value_texts = st.one_of(
    number_texts,
    number_texts,
    number_texts.map('"{}"'.format),
    st.sampled_from(["null", "true", "NaN", "[]", "{}", '""', '"nan"', '"0001.5"', '"\\u0031"', '"\\ud800"', "01"]),
)
key_texts = st.sampled_from(['"a"', '"b"', '"c"', '"d"', '"a"', '"\\u0061"', '"A"', '"zz"', '"\\""', '""', '"\\ud800"'])
time_texts = st.one_of(
    st.just('"2026-11-22T09:45:00+08:00"'),
    st.integers(NOW - 10**9, NOW + 10**9).map(lambda at: str(Decimal(at) / 10**6)),
    st.integers(NOW - 10**9, NOW).map(lambda at: str(at // 1000)),
    st.datetimes().map(lambda moment: f'"{moment.isoformat()}"'),
    st.datetimes().map(lambda moment: f'"{moment.isoformat()}Z"'),
    st.sampled_from(['"2026-10-25T02:30:00"', '"0001-01-01T00:00:00"', '"9999-12-31T23:59:59"', "null", "1", '"x"']),
    number_texts,
)


good_values = st.one_of(
    st.decimals(-1000, 1000, allow_nan=False, places=5).map(str),
    st.decimals(-1000, 1000, allow_nan=False, places=2).map(str),
    number_texts,
)


@st.composite
def good_texts(draw: st.DrawFn) -> str:
    """A reading without a fault, but for a number now and then."""
    keys = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=3, unique=True))
    registers = ",".join(f'"{key}":{draw(good_values)}' for key in keys)
    read_at = draw(
        st.sampled_from(['"2026-11-22T09:45:00+08:00"', "1795312800", "1795312800000", '"2026-11-20T00:00Z"'])
    )
    meter = draw(st.sampled_from(["", '"meter":"m",', '"meter":"m",', '"meter":"n",']))
    return f'{{{meter}"read_at":{read_at},"registers":{{{registers}}}}}'


@st.composite
def wild_texts(draw: st.DrawFn) -> str:
    """A reading with faults."""
    pairs = draw(st.lists(st.tuples(key_texts, value_texts), max_size=4))
    registers = "{" + ",".join(f"{key}:{value}" for key, value in pairs) + "}"
    fields = [f'"read_at": {draw(time_texts)}', f'"registers": {registers}', *draw(extra_fields)]
    return "{" + ",".join(draw(st.permutations(fields))) + "}"


extra_fields = st.lists(
    st.sampled_from(['"meter":"m"', '"meter":"n"', '"meter":null', '"meter":"M"', '"unit":"kWh"', '"read_at":1']),
    max_size=1,
)
reading_texts = st.one_of(good_texts(), good_texts(), wild_texts())
payload_texts = st.one_of(
    reading_texts,
    good_texts(),
    st.lists(reading_texts, max_size=4).map(lambda items: f"[{', '.join(items)}]"),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["read_at", "registers", "meter", "a"]), inner),
    ).map(json.dumps),
)


@settings(max_examples=600, deadline=None)
@given(topic=TOPICS, text=payload_texts)
def test_what_the_fast_path_takes_the_strict_path_reads_alike(topic: str, text: str) -> None:
    """The fast path only ever gives a flawless message, with the very same arrivals."""
    payload = text.encode()
    fast = decode_fast(topic, payload, DIRECTORY, NOW, LIMITS)
    strict = decode_strict(payload, Context(parse_topic(topic), DIRECTORY, NOW, LIMITS))
    if fast is not None:
        assert strict.rejected == []
        assert strict.arrivals == fast
    assert strict.arrivals or strict.rejected


@settings(max_examples=400, deadline=None)
@given(topic=TOPICS, text=payload_texts)
def test_a_payload_without_rejections_fits_the_schema(topic: str, text: str) -> None:
    """docs/payload.schema.json describes every payload that is wholly accepted."""
    decoded = decode(topic, text.encode(), DIRECTORY, NOW, LIMITS)
    if not decoded.rejected:
        SCHEMA.validate(json.loads(text, parse_float=Decimal))


@settings(max_examples=500, deadline=None)
@given(
    topic=TOPICS | st.text(),
    payload=st.binary(max_size=300) | payload_texts.map(str.encode),
    cut=st.integers(0, 400),
    noise=st.binary(max_size=3),
    retained=st.booleans(),
)
def test_no_bytes_crash_the_decoder(topic: str, payload: bytes, cut: int, noise: bytes, retained: bool) -> None:  # noqa: FBT001 - drawn
    """Every message has an outcome, soon, and each rejection a row of the table."""
    started = time.perf_counter()
    decoded = decode(topic, payload[:cut] + noise + payload[cut:], DIRECTORY, NOW, LIMITS, retained=retained)
    assert time.perf_counter() - started < 1
    assert decoded.arrivals or decoded.rejected
    assert all(rejected.code in REJECTIONS and rejected.detail.isprintable() for rejected in decoded.rejected)


readings_of = st.lists(
    st.tuples(
        st.sampled_from(["m", "n"]),
        st.integers(978_307_200 * SECOND_US, NOW),
        st.dictionaries(
            st.sampled_from(["a", "b"]),
            st.decimals(min_value=-(10**9), max_value=10**9, places=3)
            | st.decimals(-1000, 1000, allow_nan=False).filter(lambda number: len(number.as_tuple().digits) <= DIGITS),
            min_size=1,
        ),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=300, deadline=None)
@given(readings=readings_of)
def test_what_is_encoded_is_decoded_exactly(readings: list[tuple[str, int, dict[str, Decimal]]]) -> None:
    """Instants to the microsecond, values to the last digit: in `raw`, or in the kept text."""
    expected = [(REGISTERS[key], at, value) for _, at, values in readings for key, value in values.items()]
    decoded = decode(readings_topic("e"), encode_batch(readings), DIRECTORY, NOW, WIDE)
    assert decoded.rejected == []
    assert [(a.register_id, a.at) for a in decoded.arrivals] == [(ref.register_id, at) for ref, at, _ in expected]
    for arrival, (ref, _, value) in zip(decoded.arrivals, expected, strict=True):
        exact = Fraction(value) * ref.unit_factor * 1000
        assert arrival.raw == round(exact)
        assert (arrival.text is None) == (arrival.raw == exact)
        assert arrival.text is None or Decimal(arrival.text) == value


@given(at=st.integers(978_307_200 * SECOND_US, NOW), value=st.decimals(-(10**9), 10**9, places=3))
def test_one_reading_survives_the_meters_own_topic(at: int, value: Decimal) -> None:
    """The single form takes the same way."""
    decoded = decode(readings_topic("e", "m"), encode_reading(at, {"a": value}), DIRECTORY, NOW, WIDE)
    assert [(a.at, a.raw) for a in decoded.arrivals] == [(at, int(value * 1000))]
