"""A register's entry → `Register`: what it counts, in which unit and direction, and what was declared of it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from services.declared import scalars
from services.declared.fields import Fields
from services.errors import TanfengError
from services.model import COUNTING_KINDS, ActKind, Direction, Kind
from services.registry.models import DeclaredAct, Register
from services.registry.policies import known_fields, read_policies
from services.units import FACTORS, factor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.declared.problem import Problem
    from services.declared.tree import Entry
    from services.registry.models import Carrier, MeterKey

QUANTITIES: Final[dict[str, frozenset[str]]] = {
    # quantity: what its unit is one of, after conversion; the first of a unit is its default
    "energy": frozenset({"kWh"}),
    "it_energy": frozenset({"kWh"}),
    "power": frozenset({"kW"}),
    "it_power": frozenset({"kW"}),
    "reactive_energy": frozenset({"kvarh"}),
    "volume": frozenset({"Nm3", "m3"}),
    "mass": frozenset({"kg", "t"}),
    "heat": frozenset({"GJ"}),
    "temperature": frozenset({"degC"}),
    "pue_reported": frozenset({"ratio"}),
    "power_factor": frozenset({"ratio"}),
}


def read_register(
    entry: Entry, meter: MeterKey, code: str, zone: str, carriers: Mapping[str, Carrier], problems: list[Problem]
) -> Register | None:
    """The register, None where something is wrong with it. `zone` is that of its site."""
    name = f"register {'/'.join((*meter, code))}"
    fields = Fields(entry, name, problems)
    kind = fields.choice("kind", Kind, None, Kind.MEASUREMENT)
    unit = fields.required("unit", _unit, "kWh", "kWh")
    integrate = fields.given("integrate", scalars.boolean, default=False)
    booked = kind is not Kind.MEASUREMENT or integrate
    known_fields(fields)
    for known in ("carrier", "changes"):
        fields.has(known)
    carrier = _carrier(fields, kind, unit, carriers, booked=booked) if fields.is_sound else None
    policies = read_policies(entry, name, kind, unit, zone, problems, booked=booked) if fields.is_sound else ()
    register = Register(
        *meter,
        code,
        quantity=_quantity(fields, unit),
        direction=fields.choice("direction", Direction, Direction.IMPORT, Direction.IMPORT),
        carrier=carrier,
        unit=unit,
        kind=kind,
        integrate=integrate,
        multiplier=fields.given("multiplier", scalars.positive, Decimal(1)),
        emission_exempt=fields.optional("emission_exempt", scalars.words),
        policies=policies,
        acts=tuple(_act(each, name, kind, problems) for each in fields.listed("acts")),
    )
    return register if fields.finish() else None


def _unit(text: str) -> str:
    if text != "t":
        factor(text, FACTORS[text][0] if text in FACTORS else "")
    return text


def _dimension(unit: str) -> str:
    return FACTORS[unit][0] if unit in FACTORS else unit


def _quantity(fields: Fields, unit: str) -> str:
    fitting = [quantity for quantity, units in QUANTITIES.items() if _dimension(unit) in units]
    default = None if len(fitting) > 1 and _dimension(unit) == "ratio" else fitting[0]
    return fields.one_of("quantity", fitting, default) or fitting[0]


def _carrier(fields: Fields, kind: Kind, unit: str, carriers: Mapping[str, Carrier], *, booked: bool) -> str | None:
    """The carrier's code, after its unit, coal coefficient and emission factor are found."""
    exempt = fields.has("emission_exempt")
    if not booked and not fields.has("carrier"):
        return None
    code = fields.one_of("carrier", sorted(carriers), None)
    if code is None:
        return None
    carrier = carriers[code]
    if booked:
        _check_unit(fields, kind, unit, carrier)
    if booked and not exempt:
        _check_facts(fields, carrier)
    return code


def _check_unit(fields: Fields, kind: Kind, unit: str, carrier: Carrier) -> None:
    if kind is Kind.MEASUREMENT:
        if (_dimension(unit), carrier.unit) != ("kW", "kWh"):
            fix = "only power in W, kW or MW can be integrated, into electricity; remove integrate"
            fields.note(fields.line("integrate"), f"{fields.name} cannot be integrated from {unit}", fix)
        return
    try:
        factor(unit, carrier.unit)
    except TanfengError as problem:
        fields.note(fields.line("unit"), f"unit of {fields.name}: {problem.message}", problem.fix)


def _check_facts(fields: Fields, carrier: Carrier) -> None:
    if carrier.code == "raw_coal":
        fix = "name the kind of coal: anthracite, bituminous_coal or lignite"
        fields.note(fields.line("carrier"), f"raw_coal of {fields.name} has no CO₂ default", fix)
        return
    missing = [
        word
        for word, has in (("coal coefficient", carrier.has_coal), ("emission factor", carrier.has_factor))
        if not has
    ]
    if missing:
        fix = "add the factor first, or write emission_exempt: and the reason"
        fields.note(fields.line("carrier"), f"{carrier.code} of {fields.name} has no {' and no '.join(missing)}", fix)


def _act(entry: Entry, name: str, register_kind: Kind, problems: list[Problem]) -> DeclaredAct:
    fields = Fields(entry, f"act of {name}", problems)
    kind = fields.choice("kind", ActKind, None, ActKind.RESET)
    starts = "from" if kind is ActKind.IGNORE else "at"
    needs = {ActKind.REPLACEMENT: {"start"}, ActKind.MULTIPLIER: {"value"}, ActKind.CORRECTION: {"value"}}
    may = {ActKind.REPLACEMENT: {"final", "start"}, ActKind.MULTIPLIER: {"value", "reading"}}
    allowed, needed = may.get(kind, needs.get(kind, set())), needs.get(kind, set())
    numbers = {
        field: fields.required(field, scalars.decimal, "the display's value", Decimal(0))
        if field in needed
        else fields.optional(field, scalars.decimal)
        for field in ("final", "start", "value", "reading")
        if field in allowed
    }
    until = fields.required("until", scalars.instant, "2026-05-02T08:00:00+08:00", 1) if starts == "from" else None
    act = DeclaredAct(
        kind=kind,
        at=fields.required(starts, scalars.instant, "2026-05-01T13:30:00+08:00", 0),
        until=until,
        final=numbers.get("final"),
        start=numbers.get("start"),
        value=numbers.get("value"),
        reading=numbers.get("reading"),
        reason=fields.required("reason", scalars.words, "why, for the audit log", "-"),
    )
    if fields.is_sound:
        _check_act(fields, act, register_kind)
    fields.finish()
    return act


def _check_act(fields: Fields, act: DeclaredAct, register_kind: Kind) -> None:
    if act.kind is ActKind.ACCEPT and register_kind in COUNTING_KINDS:
        fix = "declare what happened: a replacement, a reset, a correction or an ignore"
        fields.note(fields.line("kind"), f"{fields.name} of kind {register_kind.value} accepts a single reading", fix)
    if act.until is not None and act.until <= act.at:
        fields.note(fields.line("until"), f"{fields.name} ends before it begins", "write until after from")
    if act.kind is ActKind.MULTIPLIER and act.value is not None and act.value <= 0:
        fields.note(fields.line("value"), f"multiplier of {fields.name} is not above zero", "write a positive number")
