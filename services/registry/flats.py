"""How long a register may stand still and be believed where a file does not say: that depends on what it measures.

A plant's intake never stands still for a day, nor a data centre for an hour: what does is not read any more. Anything
else may, such as a standby generator; it has no limit.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from services.model import COUNTING_KINDS, HOUR_US, SECOND_US, Direction
from services.registry.models import PueSide
from services.registry.policies import OF_ITS_PLACE

if TYPE_CHECKING:
    from services.registry.models import PolicyVersion, Register, RegisterKey
    from services.registry.reading import Reading

_HOUR_S: Final = HOUR_US // SECOND_US
INTAKE_FLAT_S: Final = 24 * _HOUR_S
"""Of a level-1 register of electricity that a plant takes in."""
DATA_CENTRE_FLAT_S: Final = _HOUR_S
"""Of electricity on either side of a data centre's PUE."""
LEAST_INTERVALS: Final = 8


def default_flats(reading: Reading) -> None:
    """Settle the longest believable standstill of each register of the file that does not say it."""
    in_centres = _in_centres(reading)
    for key, register in reading.content.registers.items():
        longest = _longest(register, reading, in_centres)
        policies = tuple(_settled(each, longest) for each in register.policies)
        reading.content.registers[key] = replace(register, policies=policies)


def _settled(version: PolicyVersion, longest: int | None) -> PolicyVersion:
    if version.flat_s != OF_ITS_PLACE:
        return version
    return replace(version, flat_s=None if longest is None else max(longest, LEAST_INTERVALS * version.interval_s))


def _longest(register: Register, reading: Reading, in_centres: frozenset[RegisterKey]) -> int | None:
    if register.carrier != "electricity" or register.kind not in COUNTING_KINDS:
        return None
    if register.key in in_centres:
        return DATA_CENTRE_FLAT_S
    return INTAKE_FLAT_S if register.direction is Direction.IMPORT and _is_intake(register, reading) else None


def _is_intake(register: Register, reading: Reading) -> bool:
    """Whether its meter is, or was, one of level 1 at a plant."""
    key = (register.enterprise, register.meter)
    meter = reading.content.meters.get(key) or reading.current.meters.get(key)
    sites = [reading.site(each.site) for each in (meter.placements if meter else ()) if each.level == 1]
    return any(site is not None and site.kind == "plant" for site in sites)


def _in_centres(reading: Reading) -> frozenset[RegisterKey]:
    """Registers on the total or the IT side of a data centre, of this file's boundaries or of registered ones."""
    sites = {**reading.current.sites}
    sites.update({code: site for code, site in reading.content.sites.items() if site.pue})
    return frozenset(
        part.register
        for site in sites.values()
        for boundary in site.pue
        for part in boundary.parts
        if part.side in {PueSide.TOTAL, PueSide.IT}
    )
