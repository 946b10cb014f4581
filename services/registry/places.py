"""Sites and meters of a registry file: where they are, whose, at which level, since when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.declared import scalars
from services.declared.fields import Fields
from services.registry.boundary import read_boundaries
from services.registry.dated import read_dated
from services.registry.models import Meter, Ownership, Placement, Site
from services.registry.reading import check_code
from services.registry.registers import read_register

if TYPE_CHECKING:
    from services.declared.tree import Entry
    from services.registry.models import District, MeterKey
    from services.registry.reading import Reading

SITE_KINDS: Final = ("plant", "data_centre", "public_building", "base_station")
LEVELS: Final = ("1", "2", "3")


def read_site(enterprise: str, code: str, entry: Entry, reading: Reading) -> dict[str, Entry]:
    """Read a site; its meters, for later."""
    fields = Fields(entry, f"site {code}", reading.problems)
    check_code(fields, code)
    meters = fields.children("meters")
    if entry.mapping.keys() - {"meters"}:
        _declared_site(enterprise, code, fields, reading)
    elif code not in reading.current.sites:
        fields.note(entry.line, f"site {code} is not registered", "give it kind, name_zh and name_en, in a YAML file")
    elif all(owner.enterprise != enterprise for owner in reading.current.sites[code].owners):
        fields.note(entry.line, f"site {code} does not belong to {enterprise}", "write it below its own enterprise")
    return meters


def _declared_site(enterprise: str, code: str, fields: Fields, reading: Reading) -> None:
    default_zone = next((each.zone for each in _districts(reading)), "Asia/Shanghai")
    if code in reading.content.sites:
        fix = f"remove one; the first is on line {reading.lines['site', code]}"
        fields.note(fields.entry.line, f"site {code} stands here twice", fix)
    site = Site(
        code=code,
        kind=fields.one_of("kind", SITE_KINDS, None) or SITE_KINDS[0],
        zone=fields.given("zone", scalars.zone, default_zone),
        floor_area_m2=fields.optional("floor_area_m2", scalars.positive),
        name_zh=fields.required("name_zh", scalars.words, "厂区", ""),
        name_en=fields.required("name_en", scalars.words, "Plant", ""),
        owners=tuple(
            Ownership(start, until, _owner(each, enterprise) if index else enterprise)
            for index, (start, until, each) in enumerate(read_dated(fields, reading))
        ),
        pue=read_boundaries(enterprise, code, fields, reading),
    )
    if fields.finish():
        reading.content.sites[code] = site
        reading.locate(("site", code), fields.entry)


def _owner(change: Fields, enterprise: str) -> str:
    owner = change.required("enterprise", scalars.code, "the new owner's code", enterprise)
    change.finish()
    return owner


def read_meter(enterprise: str, site: str, code: str, entry: Entry, reading: Reading) -> None:
    """Read a meter and its registers."""
    fields = Fields(entry, f"meter {enterprise}/{code}", reading.problems)
    check_code(fields, code)
    key = (enterprise, code)
    if key in reading.content.meters:
        fix = f"remove one; the first is on line {reading.lines['meter', *key]}"
        fields.note(entry.line, f"meter {enterprise}/{code} stands here twice", fix)
    level = fields.one_of("level", LEVELS, None) or "1"
    meter = Meter(
        *key,
        naive_zone=fields.optional("naive_zone", scalars.zone),
        name_zh=fields.given("name_zh", scalars.words, code),
        name_en=fields.given("name_en", scalars.words, code),
        placements=_placements(fields, site, level, reading),
    )
    place = reading.site(site)
    zone = place.zone if place else "UTC"
    registers = fields.children("registers")
    for register, each in registers.items():
        _register(key, register, each, zone, reading)
    if not registers:
        fields.note(entry.line, f"meter {enterprise}/{code} has no registers", "add registers:")
    if fields.finish():
        reading.content.meters[key] = meter
        reading.locate(("meter", *key), entry)


def _placements(fields: Fields, site: str, level: str, reading: Reading) -> tuple[Placement, ...]:
    placements: list[Placement] = []
    for start, until, each in read_dated(fields, reading):
        if placements:
            site = each.given("site", scalars.code, site)
            level = each.one_of("level", LEVELS, level) or level
            each.finish()
            _check_move(each, placements[0].site, site, reading)
        placements.append(Placement(start, until, site, int(level)))
    return tuple(placements)


def _register(meter: MeterKey, code: str, entry: Entry, zone: str, reading: Reading) -> None:
    name = f"register {'/'.join((*meter, code))}"
    check_code(Fields(entry, name, reading.problems), code)
    register = read_register(entry, meter, code, zone, reading.carriers, reading.problems)
    if register is not None:
        reading.content.registers[register.key] = register
        reading.locate(("register", *register.key), entry)


def _check_move(fields: Fields, first: str, site: str, reading: Reading) -> None:
    here, there = reading.site(first), reading.site(site)
    if there is None and site != first:
        fields.note(fields.line("site"), f"site {site} of {fields.name} is not registered", "declare it as a site")
    elif here and there and here.zone != there.zone:
        fix = "declare a new meter there: days of two zones cannot be added up"
        fields.note(fields.line("site"), f"{fields.name} moves into another time zone", fix)


def _districts(reading: Reading) -> list[District]:
    return [*reading.content.districts.values(), *reading.current.districts.values()]
