"""The `pue:` block of a data centre: which registers are its total and its IT energy, other fuels and chilled water."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from services.declared import scalars
from services.declared.fields import Fields
from services.declared.problem import Problem
from services.declared.tree import Entry
from services.registry.dated import read_dated
from services.registry.models import PueBoundary, PuePart, PueSide
from services.registry.reading import NamedRegister

if TYPE_CHECKING:
    from datetime import date

    from services.registry.models import Register, RegisterKey
    from services.registry.reading import Reading

DEFAULT_LIMIT: Final = Decimal("1.5")
"""The district's plan, 十三·2: above it a data centre is to be retrofitted."""
CATEGORIES: Final = ("1", "2", "3")
KWH: Final = "kWh"
_LISTS: Final = {
    PueSide.TOTAL: "total",
    PueSide.IT: "it",
    PueSide.FUEL: "fuels",
    PueSide.CHILLED_WATER: "chilled_water",
}


def read_boundaries(enterprise: str, site: str, fields: Fields, reading: Reading) -> tuple[PueBoundary, ...]:
    """The versions of a site's `pue`, each on top of the one before; empty where there is none."""
    if not fields.has("pue"):
        return ()
    if fields.given("kind", str, "") != "data_centre":
        fix = "write kind: data_centre, or remove pue"
        fields.note(fields.line("pue"), f"{fields.name} has pue, but is no data centre", fix)
    first = Fields(fields.entry.mapping["pue"], f"pue of {fields.name}", reading.problems)
    versions, before = [], Entry(first.entry.line, {})
    for start, until, own in read_dated(first, reading):
        before = Entry(own.entry.line, {**before.mapping, **own.entry.mapping})
        merged = Fields(before, own.name, reading.problems)
        versions.append(_version(enterprise, site, (start, until), merged, reading))
        fields.is_sound = fields.is_sound and own.is_sound and merged.finish()
    return tuple(versions)


def _version(
    enterprise: str, site: str, days: tuple[date | None, date | None], fields: Fields, reading: Reading
) -> PueBoundary:
    parts = tuple(sorted(part for side in PueSide for part in _parts(enterprise, site, side, fields, reading)))
    _check_parts(fields, parts)
    for known in ("from", "until", "changes"):
        fields.has(known)
    return PueBoundary(
        *days,
        category=int(fields.one_of("category", CATEGORIES, None) or CATEGORIES[0]),
        minimum_it_kw=fields.given("minimum_it_kw", scalars.not_negative, Decimal(0)),
        limit_ratio=fields.given("limit", scalars.positive, DEFAULT_LIMIT),
        reported=_reported(enterprise, site, fields, reading),
        parts=parts,
    )


def _parts(enterprise: str, site: str, side: PueSide, fields: Fields, reading: Reading) -> list[PuePart]:
    name = _LISTS[side]
    parts = []
    for entry in fields.listed(name):
        each = entry if isinstance(entry.value, dict) else Entry(entry.line, {"register": entry})
        own = Fields(each, f"{name} of {fields.name}", reading.problems)
        key = _key(enterprise, own.required("register", str, "meter/register", ""), own)
        unit = None if own.has("kwh_per_unit") else KWH
        per = own.given("kwh_per_unit", scalars.positive, Decimal(1))
        if own.finish():
            reading.named.append(NamedRegister(site, name, each.line, key, unit))
            parts.append(PuePart(side, key, per))
        fields.is_sound = fields.is_sound and own.is_sound
    return parts


def _key(enterprise: str, text: str, fields: Fields) -> RegisterKey:
    meter, _, register = text.partition("/")
    if not meter or not register or "/" in register:
        fix = "write the codes of its meter and of it, such as intake/import"
        fields.note(fields.line("register"), f"{text!r} names no register", fix)
    return enterprise, meter, register


def _reported(enterprise: str, site: str, fields: Fields, reading: Reading) -> RegisterKey | None:
    text = fields.optional("reported", str)
    if text is None:
        return None
    key = _key(enterprise, text, fields)
    reading.named.append(NamedRegister(site, "reported", fields.line("reported"), key, None))
    return key


def _check_parts(fields: Fields, parts: tuple[PuePart, ...]) -> None:
    sides = {part.side for part in parts}
    has_both = PueSide.TOTAL in sides and PueSide.IT in sides
    if not has_both and (parts or not fields.has("reported")):
        fix = "list at least one register as total and one as it; or only reported, where no energy is metered"
        fields.note(fields.entry.line, f"{fields.name} lacks a side", fix)
    into_total = [part.register for part in parts if part.side is not PueSide.IT]
    into_it = [part.register for part in parts if part.side is PueSide.IT]
    for keys in (into_total, into_it):
        for key in sorted({key for key in keys if keys.count(key) > 1}):
            fields.note(fields.entry.line, f"{'/'.join(key[1:])} counts twice in {fields.name}", "list it once")


def check_named(reading: Reading) -> None:
    """Note every register that a boundary names and that is not there, not of this site, or not of the right kind."""
    for named in reading.named:
        problem = _wrong(named, reading)
        if problem is not None:
            what, fix = problem
            what = f"{named.field} of pue of site {named.site}: {'/'.join(named.key[1:])} {what}"
            reading.problems.append(Problem(named.line, what, fix))


def _wrong(named: NamedRegister, reading: Reading) -> tuple[str, str] | None:
    register = reading.content.registers.get(named.key) or reading.current.registers.get(named.key)
    meter = reading.content.meters.get(named.key[:2]) or reading.current.meters.get(named.key[:2])
    if register is None or meter is None:
        return "is not registered", f"declare it below enterprise {named.key[0]}"
    if all(placement.site != named.site for placement in meter.placements):
        return "stands at another site", "name a register of this site's own meters"
    if named.field == "reported":
        fix = "name a register of quantity pue_reported"
        return None if register.quantity == "pue_reported" else ("reports no PUE", fix)
    return _miscounted(register, named.unit, reading)


def _miscounted(register: Register, unit: str | None, reading: Reading) -> tuple[str, str] | None:
    booked = register.kind != "measurement" or register.integrate
    if register.carrier is None or not booked:
        return "counts no energy", "name a register that counts, or set integrate: true"
    if unit is not None and reading.carriers[register.carrier].unit != unit:
        carrier_unit = reading.carriers[register.carrier].unit
        return f"counts {carrier_unit}, not {unit}", f"write {{register: …, kwh_per_unit: kWh of one {carrier_unit}}}"
    return None
