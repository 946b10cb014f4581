"""The fields of a register that say how its readings are judged, with their defaults and dated changes."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from services.declared import scalars
from services.declared.fields import Fields
from services.declared.tree import Entry
from services.errors import TanfengError
from services.model import Kind, OnFall, Stamp
from services.registry.models import PolicyVersion
from services.registry.rate import in_unit, max_rate_kw

if TYPE_CHECKING:
    from services.declared.problem import Problem

UNKNOWN: Final = "unknown"
UNLIMITED: Final = "unlimited"
OF_ITS_PLACE: Final = 0
"""The longest believable standstill of a register that does not say it, until all of the file is read."""
DERIVED: Final = ("voltage_v", "current_a", "ct_ratio")
DEFAULT_INTERVAL_S: Final = 900
DEFAULT_GAP_INTERVALS: Final = 4
DEFAULT_SLACK_S: Final = 60
_MEASURED_RESOLUTION: Final = Decimal("0.001")


def read_policies(
    entry: Entry, name: str, kind: Kind, unit: str, zone: str, problems: list[Problem], *, booked: bool
) -> tuple[PolicyVersion, ...]:
    """The versions of a register's policy: its own fields, then each of `changes` on top of the one before."""
    faults = len(problems)
    versions = [_version(entry, name, kind, unit, None, problems, booked=booked)]
    fields = Fields(entry, name, problems)
    if any(not each.is_warning for each in problems[faults:]):
        return tuple(versions)
    before = entry
    for change in fields.listed("changes"):
        own = Fields(change, f"change of {name}", problems)
        starts = own.required("from", lambda text: scalars.instant_or_day(text, zone), "2026-01-01", 0)
        last = versions[-1].valid_from
        if own.is_sound and last is not None and starts <= last:
            own.note(own.line("from"), f"changes of {name} are not in order", "write them from the earliest on")
        known_fields(own)
        own.finish()
        before = _merged(before, change)
        versions.append(_version(before, own.name, kind, unit, starts, problems, booked=booked))
    return tuple(versions)


def known_fields(fields: Fields) -> None:
    """Tell `fields` that the names read here are known."""
    for field in ("max_rate", *DERIVED, "resolution", "modulus", "interval", "gap", "slack", "noise", "on_fall",
                  "flat", "stamp"):  # fmt: skip
        fields.has(field)


def _merged(before: Entry, change: Entry) -> Entry:
    own = change.mapping
    dropped = set(DERIVED) if "max_rate" in own else {"max_rate"} if own.keys() & set(DERIVED) else set()
    kept = {field: found for field, found in before.mapping.items() if field not in dropped}
    return Entry(change.line, {**kept, **own})


def _version(
    entry: Entry, name: str, kind: Kind, unit: str, valid_from: int | None, problems: list[Problem], *, booked: bool
) -> PolicyVersion:
    fields = Fields(entry, name, problems)
    interval_s = fields.given("interval", scalars.span, DEFAULT_INTERVAL_S)
    if booked:
        resolution = fields.required("resolution", scalars.positive, "0.01, the meter's last digit", Decimal(1))
    else:
        resolution = fields.given("resolution", scalars.positive, _MEASURED_RESOLUTION)
    version = PolicyVersion(
        valid_from=valid_from,
        max_rate=_max_rate(fields, kind, unit, booked=booked),
        resolution=resolution,
        modulus=fields.optional("modulus", scalars.positive),
        interval_s=interval_s,
        gap_s=fields.given("gap", scalars.span, DEFAULT_GAP_INTERVALS * interval_s),
        slack_s=fields.given("slack", scalars.duration, min(DEFAULT_SLACK_S, interval_s)),
        noise=fields.given("noise", scalars.not_negative, resolution),
        on_fall=fields.choice("on_fall", OnFall, OnFall.CONFIRM, OnFall.CONFIRM),
        flat_s=_flat(fields),
        stamp=fields.choice("stamp", Stamp, Stamp.END, Stamp.END),
    )
    if version.stamp is Stamp.START and kind is not Kind.INTERVAL:
        fix = "remove stamp: only the amounts of a register of kind interval have a start and an end"
        fields.note(fields.line("stamp"), f"{fields.name} of kind {kind.value} has no stamp", fix)
    _check(fields, version)
    return version


def _flat(fields: Fields) -> int | None:
    """Seconds; None where it is written out as unlimited, and OF_ITS_PLACE where nothing is."""
    if not fields.has("flat"):
        return OF_ITS_PLACE
    return fields.optional("flat", lambda text: None if text == UNLIMITED else scalars.span(text))


def _max_rate(fields: Fields, kind: Kind, unit: str, *, booked: bool) -> Decimal | None:
    """The declared or derived rate; None where it is written out as unknown, or none is needed."""
    declared = fields.optional("max_rate", str)
    derived = [fields.optional(field, scalars.positive) for field in DERIVED]
    if declared is not None and any(each is not None for each in derived):
        fix = "keep max_rate, or voltage_v, current_a and ct_ratio"
        fields.note(fields.line("max_rate"), f"{fields.name} has max_rate twice: written and derived", fix)
        return None
    if any(each is not None for each in derived):
        return _derived(fields, derived, unit)
    if declared is not None and declared != UNKNOWN:
        return fields.optional("max_rate", scalars.positive)
    if declared is None and kind is Kind.TOTAL_INCREASING:
        fix = f"add max_rate in {unit} per hour, or voltage_v, current_a and ct_ratio, or max_rate: unknown"
        fields.note(fields.entry.line, f"{fields.name} has no max_rate", fix)
    elif booked:
        what = f"max_rate of {fields.name} is unknown: false jumps are booked, rollovers and restarts are not"
        fields.warn(fields.line("max_rate"), what, f"declare it in {unit} per hour as soon as it is known")
    return None


def _derived(fields: Fields, values: list[Decimal | None], unit: str) -> Decimal | None:
    voltage_v, current_a, ct_ratio = values
    if voltage_v is None or current_a is None or ct_ratio is None:
        missing = ", ".join(field for field, value in zip(DERIVED, values, strict=True) if value is None)
        fields.note(fields.entry.line, f"max_rate of {fields.name} cannot be derived", f"add {missing}")
        return None
    try:
        return in_unit(max_rate_kw(voltage_v, current_a, ct_ratio), unit)
    except TanfengError:
        fix = "write max_rate instead"
        fields.note(fields.line("voltage_v"), f"{fields.name} does not count electric energy", fix)
        return None


def _check(fields: Fields, version: PolicyVersion) -> None:
    if version.gap_s < version.interval_s:
        fix = "make the gap at least one interval"
        fields.note(fields.line("gap"), f"gap of {fields.name} is shorter than its interval", fix)
    if version.modulus is not None and version.modulus <= version.resolution:
        fix = "write the first value the display cannot show, such as 1000000"
        fields.note(fields.line("modulus"), f"modulus of {fields.name} is not above its resolution", fix)
