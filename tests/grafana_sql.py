"""A query as Grafana would send it, and the frame it would make of the rows.

Written from Grafana's sources (13.2: scenes' interpolation, the SQL macros and the PostgreSQL data source), for
browsers and back end. Only what a macro or variable can do here is repeated; anything else is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALL = "$__all"
NAMED = re.compile(r"\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:^\}]+))?(?::([^\}]+))?\}")
MACRO = re.compile(r"\$([_a-zA-Z0-9]+)\(([^\)]*)\)")
WIDTHS = (
    (10, 1), (15, 10), (35, 20), (75, 50), (150, 100), (350, 200), (750, 500), (1_500, 1_000), (3_500, 2_000),
    (7_500, 5_000), (12_500, 10_000), (17_500, 15_000), (25_000, 20_000), (45_000, 30_000), (90_000, 60_000),
    (210_000, 120_000), (450_000, 300_000), (750_000, 600_000), (1_050_000, 900_000), (1_500_000, 1_200_000),
    (2_700_000, 1_800_000), (5_400_000, 3_600_000), (9_000_000, 7_200_000), (16_200_000, 10_800_000),
    (32_400_000, 21_600_000), (86_400_000, 43_200_000), (604_800_000, 86_400_000), (1_814_400_000, 604_800_000),
    (3_628_800_000, 2_592_000_000),
)  # fmt: skip
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
TEXT_TYPES = frozenset({"text", "varchar", "bpchar", "name", "uuid", "interval", "money", "char"})
MANY_ROWS = 1_000_000


class GrafanaError(Exception):
    """What Grafana would show in place of the panel."""


@dataclass(frozen=True)
class Variable:
    """A template variable with what is chosen: one value, several, or ALL with every option."""

    value: str | Sequence[str]
    is_list: bool
    """It may take several values or all."""
    options: Sequence[str] = ()


@dataclass(frozen=True)
class Range:
    """The time range of a dashboard and the width of a panel in points."""

    start: datetime
    end: datetime
    points: int = 1000

    @property
    def interval_ms(self) -> int:
        """The interval Grafana calculates; at least the minute of a data source without its own."""
        wanted = (self.end - self.start).total_seconds() * 1000 / self.points
        return max(60_000, next((width for limit, width in WIDTHS if wanted < limit), 31_536_000_000))


def interpolate(sql: str, variables: Mapping[str, Variable], span: Range) -> str:
    """The front end's part: variables. Names it does not know stay, so that macros survive."""
    builtin = {
        "__from": str(_epoch_ms(span.start)),
        "__to": str(_epoch_ms(span.end)),
        "__interval_ms": str(span.interval_ms),
        "__interval": f"{span.interval_ms // 1000}s",
        "__timezone": "Asia/Shanghai",
    }

    def replace(found: re.Match[str]) -> str:
        name = found[1] or found[2] or found[4]
        form = found[3] or found[6]
        if name in builtin and form is None:
            return builtin[name]
        if name not in variables:
            return found[0]
        return _formatted(variables[name], form)

    return NAMED.sub(replace, sql)


def _formatted(variable: Variable, form: str | None) -> str:
    value = variable.value
    if value in (ALL, [ALL]):
        value = list(variable.options)
    if form == "raw":
        return ",".join([value] if isinstance(value, str) else value)
    if form is not None:
        raise GrafanaError(f"format {form} is not used here")
    if not isinstance(value, str):
        return ",".join(_quoted(each) for each in value)
    return _quoted(value) if variable.is_list else value.replace("'", "''")


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _epoch_ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def expand(sql: str, span: Range, *, timescaledb: bool) -> str:
    """The back end's part: comments, then the textual names, then the macros."""
    sql = strip_comments(sql)
    start, end = int(span.start.timestamp()), int(span.end.timestamp())
    for name, value in (
        ("$__interval_ms", str(span.interval_ms)),
        ("$__interval", f"{span.interval_ms // 1000}s"),
        ("$__unixEpochFrom()", str(start)),
        ("$__unixEpochTo()", str(end)),
    ):
        sql = sql.replace(name, value)
    whole = sql

    def macro(found: re.Match[str]) -> str:
        arguments = [each.strip() for each in found[2].split(",")]
        expanded = _macro(found[1], arguments, span, timescaledb=timescaledb)
        after = whole[whole.index(found[0]) + len(found[0]) :]
        if found[1] == "__timeGroup" and after.startswith(","):
            expanded += ' AS "time"'  # as Grafana does for every occurrence of that text
        return expanded

    return MACRO.sub(macro, sql)


def strip_comments(sql: str) -> str:
    """Without -- and /* */ comments; what stands in quotes or dollar quotes is kept."""
    token = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|(\$\w*\$).*?\1|--[^\n]*|/\*.*?\*/", re.DOTALL)
    return token.sub(lambda found: "" if found[0].startswith(("--", "/*")) else found[0], sql)


def _macro(name: str, arguments: list[str], span: Range, *, timescaledb: bool) -> str:
    start, end = (_rfc3339(at) for at in (span.start, span.end))
    match name:
        case "__time":
            return f'{arguments[0]} AS "time"'
        case "__timeFilter":
            return f"{arguments[0]} BETWEEN '{start}' AND '{end}'"
        case "__timeFrom":
            return f"'{start}'"
        case "__timeTo":
            return f"'{end}'"
        case "__unixEpochFilter":
            return f"{arguments[0]} >= {int(span.start.timestamp())} AND {arguments[0]} <= {int(span.end.timestamp())}"
        case "__timeGroup" | "__timeGroupAlias":
            seconds = _seconds(arguments[1].strip("'\""))
            grouped = (
                f"time_bucket('{seconds:.3f}s',{arguments[0]})"
                if timescaledb
                else f"floor(extract(epoch from {arguments[0]})/{seconds:.0f})*{seconds:.0f}"
            )
            return grouped + (' AS "time"' if name.endswith("Alias") else "")
    raise GrafanaError(f"unknown macro {name}")


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+)(ms|[smhdw])", text)
    if found is None or int(found[1]) == 0:
        raise GrafanaError(f"bad interval {text}")
    return int(found[1]) * UNITS[found[2]]


@dataclass
class Field:
    """A column of a frame; `kind`: time, number, string, boolean or other."""

    name: str
    kind: str
    labels: dict[str, str] = field(default_factory=dict)
    values: list[Any] = field(default_factory=list)


Frame = list[Field]


def kind_of(type_name: str) -> str:
    """How the PostgreSQL data source reads a type."""
    if type_name in {"timestamptz", "timestamp", "date"}:
        return "time"
    if type_name in {"int2", "int4", "int8", "float4", "float8", "numeric"}:
        return "number"
    return {"bool": "boolean", "json": "other", "jsonb": "other"}.get(type_name, "string")


def frame(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]], form: str) -> Frame:
    """Columns are (name, type). An empty result is a frame without fields.

    Raises:
        GrafanaError: Grafana would refuse the rows.
    """
    if not rows:
        return []
    if len({name for name, _ in columns}) < len(columns):
        raise GrafanaError("two columns of one name")
    fields = [Field(name, kind_of(kind), {}, [row[at] for row in rows]) for at, (name, kind) in enumerate(columns)]
    for each in fields:
        if each.name == "time" or (form == "table" and each.name.lower() == "timeend"):
            if each.kind not in {"time", "number"}:
                raise GrafanaError(f"column {each.name} is no time")
            each.kind = "time"
        if each.kind == "number":
            each.values = [float(v) if isinstance(v, Decimal) else v for v in each.values]
    return fields if form == "table" else _time_series(fields)


def _time_series(fields: Frame) -> Frame:
    clock = next((each for each in fields if each.name == "time"), None)
    if clock is None:
        raise GrafanaError("no time column")
    rest = [each for each in fields if each is not clock]
    if any(each.kind == "other" for each in rest):
        raise GrafanaError("json in a time series")
    strings = [each for each in rest if each.kind == "string"]
    values = [each for each in rest if each.kind != "string"]
    if not values:
        raise GrafanaError("no value column")
    clock.name = "Time"
    if not strings:
        return [clock, *values]
    if any(at is None for at in clock.values):
        raise GrafanaError("a row without time")
    if any(b < a for a, b in zip(clock.values, clock.values[1:], strict=False)):
        raise GrafanaError("long series must be sorted ascending by time to be converted")
    return _wide(clock, strings, values, named=len(fields) == 3 and strings[0].name == "metric")


def _wide(clock: Field, strings: Frame, values: Frame, *, named: bool) -> Frame:
    times: list[datetime | date] = sorted(set(clock.values))
    at = {time: index for index, time in enumerate(times)}
    series: dict[tuple[str, tuple[str, ...]], Field] = {}
    for row, time in enumerate(clock.values):
        key = tuple(str(each.values[row]) for each in strings)
        for value in values:
            made = series.get((value.name, key))
            if made is None:
                labels = {each.name: part for each, part in zip(strings, key, strict=True)}
                made = Field(key[0] if named else value.name, "number", {} if named else labels, [None] * len(times))
                series[value.name, key] = made
            if made.values[at[time]] is not None:
                raise GrafanaError(f"two values of {key} at {time}")
            made.values[at[time]] = value.values[row]
    return [Field("Time", "time", {}, list(times)), *(series[key] for key in sorted(series))]


def options(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]]) -> list[tuple[str, str]]:
    """What a variable query offers: (text, value)."""
    names = [name for name, _ in columns]
    if "__text" in names and "__value" in names:
        pairs = [(str(row[names.index("__text")]), str(row[names.index("__value")])) for row in rows]
    else:
        pairs = [(str(value), str(value)) for row in rows for value in row]
    return list(dict(pairs).items())
