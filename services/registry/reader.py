"""The entries of a registry file → `Content`, every fault noted with its line.

An enterprise or site that is written without fields of its own stands for the registered one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.declared import scalars
from services.declared.fields import Fields
from services.declared.problem import Problem
from services.registry.boundary import check_named
from services.registry.flats import default_flats
from services.registry.models import Content, District, Enterprise
from services.registry.places import read_meter, read_site
from services.registry.reading import Reading, check_code

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.declared.tree import Entry
    from services.registry.models import Carrier

_Place = tuple[str, str, "dict[str, Entry]"]
"""Enterprise, site, and the meters there."""


def factor_choice(root: Entry, current: Content) -> tuple[str, str]:
    """The region and method of emission factors that the file's district, or else the registered one, draws on."""
    registered = next(iter(current.districts.values()), None)
    chosen = ["CN-CQ", "grid_average"] if registered is None else [registered.factor_region, registered.factor_method]
    declared = root.mapping["district"].mapping if "district" in root.mapping else {}
    for index, name in enumerate(("factor_region", "factor_method")):
        if name in declared and isinstance(declared[name].value, str):
            chosen[index] = str(declared[name].value)
    return chosen[0], chosen[1]


def read_registry(
    root: Entry, current: Content, carriers: Mapping[str, Carrier], problems: list[Problem] | None = None
) -> Reading:
    """Read a whole file against what is registered. `problems` are those its parser found; more are added.

    The result's `content` may be applied only if all of its `problems` are warnings.
    """
    reading = Reading(current, carriers, problems or [])
    if all(each.is_warning for each in reading.problems):
        _read_content(root, reading)
    reading.problems.sort(key=lambda problem: problem.line)
    return reading


def _read_content(root: Entry, reading: Reading) -> None:
    """Read a whole file into `reading`: sites first, so that meters may move to any of them."""
    fields = Fields(root, "the file", reading.problems)
    district = _district(root.mapping["district"], reading) if fields.has("district") else None
    enterprises = fields.children("enterprises")
    codes = [district] if district is not None else list(reading.current.districts)
    places = []
    for code, entry in enterprises.items():
        places += _enterprise(code, entry, codes[0] if len(codes) == 1 else None, reading)
    for enterprise, site, meters in places:
        for code, entry in meters.items():
            read_meter(enterprise, site, code, entry, reading)
    _check_owners(set(enterprises), reading)
    check_named(reading)
    default_flats(reading)
    fields.finish()


def _check_owners(declared: set[str], reading: Reading) -> None:
    known = declared | reading.current.enterprises.keys()
    for site in reading.content.sites.values():
        for owner in site.owners:
            if owner.enterprise not in known:
                what = f"enterprise {owner.enterprise} of site {site.code} is not registered"
                line = reading.lines["site", site.code, "changes"]
                reading.problems.append(Problem(line, what, "declare it in this file"))


def _district(entry: Entry, reading: Reading) -> str:
    fields = Fields(entry, "the district", reading.problems)
    district = District(
        code=fields.required("code", scalars.code, "a code", ""),
        name_zh=fields.required("name_zh", scalars.words, "示例区", ""),
        name_en=fields.required("name_en", scalars.words, "Example District", ""),
        zone=fields.given("zone", scalars.zone, "Asia/Shanghai"),
        factor_region=fields.given("factor_region", scalars.factor_region, "CN-CQ"),
        factor_method=fields.given("factor_method", scalars.words, "grid_average"),
        factor_policy=fields.given("factor_policy", scalars.factor_policy, "own_year_else_latest"),
    )
    if fields.finish():
        reading.content.districts[district.code] = district
        reading.locate(("district", district.code), entry)
    return district.code


def _enterprise(code: str, entry: Entry, district: str | None, reading: Reading) -> list[_Place]:
    """Read an enterprise; its meters by site, for later."""
    fields = Fields(entry, f"enterprise {code}", reading.problems)
    check_code(fields, code)
    sites = fields.children("sites")
    if entry.mapping.keys() - {"sites"}:
        if district is None:
            fields.note(entry.line, f"the district of enterprise {code} is not known", "add district: at the top")
        enterprise = Enterprise(
            code=code,
            district=district or "",
            industry=fields.required("industry", scalars.words, "steel", ""),
            name_zh=fields.required("name_zh", scalars.words, "示例钢铁厂", ""),
            name_en=fields.required("name_en", scalars.words, "Example Steelworks", ""),
        )
        if fields.finish():
            reading.content.enterprises[code] = enterprise
            reading.locate(("enterprise", code), entry)
    elif code not in reading.current.enterprises:
        fix = "give it industry, name_zh and name_en, in a YAML file"
        fields.note(entry.line, f"enterprise {code} is not registered", fix)
    return [(code, site, read_site(code, site, each, reading)) for site, each in sites.items()]
