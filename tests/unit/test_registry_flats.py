"""The longest believable standstill, and which end of its interval an amount is stamped with, in a registry file."""

from __future__ import annotations

import pytest

from services.declared.yaml_file import parse_yaml
from services.model import Stamp
from services.registry.models import Content
from services.registry.offline import shipped_carriers
from services.registry.reader import read_registry

CARRIERS = shipped_carriers("CN-CQ", "grid_average")
COUNTER = "carrier: electricity, kind: total_increasing, unit: kWh, resolution: 0.01, max_rate: 1200"
HOUR, DAY = 3600, 86_400


def file_of(kind: str, level: int, registers: dict[str, str], pue: str = "") -> str:
    """A file of one site of this kind with one meter."""
    lines = [f"              {code}: {{{fields}}}" for code, fields in registers.items()]
    return "\n".join(
        [
            "district: {code: d, name_zh: 示例区, name_en: Example}",
            "enterprises:",
            "  works:",
            "    industry: steel",
            "    name_zh: 厂",
            "    name_en: Works",
            "    sites:",
            "      site:",
            f"        kind: {kind}",
            "        name_zh: 场所",
            "        name_en: Site",
            *([f"        pue: {pue}"] if pue else []),
            "        meters:",
            "          m:",
            f"            level: {level}",
            "            registers:",
            *lines,
            "",
        ]
    )


def read(text: str, current: Content | None = None) -> tuple[Content, list[str]]:
    """What the file declares, and what is wrong with it."""
    root, problems = parse_yaml(text)
    reading = read_registry(root, current or Content(), CARRIERS, problems)
    return reading.content, [problem.what for problem in reading.problems if not problem.is_warning]


def flats_of(content: Content) -> dict[str, list[int | None]]:
    """By register, of each version."""
    return {key[2]: [each.flat_s for each in register.policies] for key, register in content.registers.items()}


def test_a_plants_intake_is_believed_to_stand_still_for_a_day() -> None:
    """At level 1 and of electricity that comes in; eight of its intervals at least; whatever the file says instead."""
    registers = {
        "import": COUNTER,
        "slow": COUNTER + ", interval: 6h",
        "own": COUNTER + ", flat: 72h",
        "never": COUNTER + ", flat: unlimited",
        "export": COUNTER + ", direction: export",
        "gas": "carrier: natural_gas, kind: total_increasing, unit: Nm3, resolution: 0.01, max_rate: 1200",
        "amounts": "carrier: electricity, kind: interval, unit: kWh, resolution: 0.01, max_rate: 1200",
    }
    content, problems = read(file_of("plant", 1, registers))
    assert problems == []
    expected = {"import": DAY, "slow": 48 * HOUR, "own": 72 * HOUR}
    assert flats_of(content) == {code: [expected.get(code)] for code in registers}


@pytest.mark.parametrize(("kind", "level"), [("plant", 2), ("plant", 3), ("public_building", 1), ("base_station", 1)])
def test_other_meters_may_stand_still_for_as_long_as_they_like(kind: str, level: int) -> None:
    """A standby generator, a machine that is off, a building in the holidays."""
    content, problems = read(file_of(kind, level, {"import": COUNTER}))
    assert problems == []
    assert flats_of(content) == {"import": [None]}


def test_a_data_centre_never_stands_still_for_an_hour() -> None:
    """Both sides of its PUE; a meter of it that is on neither has no limit; eight intervals where those are longer."""
    pue = "{category: 2, total: [m/total], it: [m/it]}"
    registers = {"total": COUNTER + ", interval: 5m", "it": COUNTER, "other": COUNTER}
    content, problems = read(file_of("data_centre", 1, registers, pue))
    assert problems == []
    assert flats_of(content) == {"total": [HOUR], "it": [2 * HOUR], "other": [None]}
    again, _ = read(file_of("data_centre", 1, registers), content)  # a file that does not name the boundary again
    assert flats_of(again) == flats_of(content)


def test_flat_and_stamp_are_dated() -> None:
    """A change of the policy changes them from its day on, and a changed interval the default."""
    changes = "changes: [{from: 2026-03-01, interval: 6h}, {from: 2026-04-01, flat: unlimited}]"
    content, problems = read(file_of("plant", 1, {"import": f"{COUNTER}, {changes}"}))
    assert problems == []
    assert flats_of(content) == {"import": [DAY, 48 * HOUR, None]}
    amounts = "carrier: electricity, kind: interval, unit: kWh, resolution: 0.01, max_rate: 1200"
    content, problems = read(
        file_of("plant", 1, {"amounts": amounts + ", stamp: start, changes: [{from: 2026-03-01, stamp: end}]"})
    )
    assert problems == []
    stamps = [each.stamp for each in content.registers["works", "m", "amounts"].policies]
    assert stamps == [Stamp.START, Stamp.END]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (COUNTER + ", flat: soon", "flat of register works/m/import: 'soon' is no duration"),
        (COUNTER + ", stamp: start", "register works/m/import of kind total_increasing has no stamp"),
        (COUNTER + ", stamp: middle", "stamp of register works/m/import: 'middle' is unknown"),
        (
            COUNTER + ", acts: [{kind: accept, at: '2026-01-01T00:00:00Z', reason: true}]",
            "act of register works/m/import of kind total_increasing accepts a single reading",
        ),
    ],
)
def test_what_cannot_be_is_named(fields: str, problem: str) -> None:
    """No duration, a stamp of a counter, a stamp that is neither, an accepted reading of a counter."""
    _, problems = read(file_of("plant", 1, {"import": fields}))
    assert problems == [problem]
