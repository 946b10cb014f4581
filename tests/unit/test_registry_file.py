"""A wrong registry file gets one error for each fault, with its line and the fix; a right one is read exactly."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from services.declared.csv_file import parse_csv
from services.declared.yaml_file import parse_yaml
from services.model import ActKind, Direction, Kind, OnFall
from services.registry.models import Content, PolicyVersion
from services.registry.offline import read_offline, shipped_carriers
from services.registry.reader import read_registry

if TYPE_CHECKING:
    from services.registry.models import Register
    from services.registry.reading import Reading

CARRIERS = shipped_carriers("CN-CQ", "grid_average")
EXAMPLE = Path(__file__).parents[2] / "examples" / "district.yaml"
HEAD = """\
district: {code: d, name_zh: 示例区, name_en: Example}
enterprises:
  steel:
    industry: steel
    name_zh: 示例钢铁厂
    name_en: Example Steelworks
    sites:
      works:
        kind: plant
        name_zh: 厂区
        name_en: Works
        meters:
          main:
            level: 1
            registers:
"""
GOOD = "carrier: electricity, kind: total_increasing, unit: kWh, resolution: 0.01, max_rate: 1200"


def reading(text: str) -> Reading:
    """A YAML file read against an empty registry."""
    root, problems = parse_yaml(text)
    return read_registry(root, Content(), CARRIERS, problems)


def register(fields: str) -> Register:
    """The register `import` with these fields, which must be right."""
    result = reading(f"{HEAD}              import: {{{fields}}}\n")
    assert [str(problem) for problem in result.problems if not problem.is_warning] == []
    return result.content.registers["steel", "main", "import"]


def faults(fields: str) -> list[str]:
    """What is wrong with a register of these fields, without line numbers; it stands on line 16."""
    result = reading(f"{HEAD}              import: {{{fields}}}\n")
    assert all(problem.line == 16 for problem in result.problems)
    return [f"{problem.what} — {problem.fix}" for problem in result.problems if not problem.is_warning]


def test_defaults_are_those_of_the_design() -> None:
    """Gap of 4 intervals, slack of a minute, noise of one step, confirm; a plant's intake never stands for a day."""
    found = register(GOOD)
    noise, flat_s = Decimal("0.01"), 86_400
    assert found.policies == (
        PolicyVersion(None, Decimal(1200), Decimal("0.01"), None, 900, 3600, 60, noise, OnFall.CONFIRM, flat_s),
    )
    assert (found.kind, found.direction, found.quantity) == (Kind.TOTAL_INCREASING, Direction.IMPORT, "energy")
    assert (found.multiplier, found.integrate, found.emission_exempt) == (Decimal(1), False, None)
    assert register(GOOD + ", interval: 30s").policies[0].slack_s == 30


def test_numbers_are_read_as_they_are_written() -> None:
    """No float and no octal comes between."""
    found = register(GOOD.replace("0.01", "0.1000000000000000055511151231") + ", multiplier: 0100, modulus: 1000000.0")
    assert str(found.policies[0].resolution) == "0.1000000000000000055511151231"
    assert found.multiplier == 100
    assert found.policies[0].modulus == 1_000_000


@pytest.mark.parametrize(
    ("unit", "fields", "rate"),
    [
        ("kWh", "voltage_v: 400, current_a: 5, ct_ratio: 300", "1040"),  # 1039.23
        ("kWh", "voltage_v: 110000, current_a: 5, ct_ratio: 80", "76211"),  # 76210.2
        ("MWh", "voltage_v: 400, current_a: 5, ct_ratio: 300", "1.04"),
        ("Wh", "voltage_v: 400, current_a: 1.5, ct_ratio: 1", "2000"),  # 1.039 kW
    ],
)
def test_max_rate_is_derived_from_voltage_current_and_transformer(unit: str, fields: str, rate: str) -> None:
    """√3 · U · I · CT, rounded up to whole kW, in the declared unit per hour."""
    declared = GOOD.replace("unit: kWh", f"unit: {unit}").replace("max_rate: 1200", fields)
    assert register(declared).policies[0].max_rate == Decimal(rate)


def test_an_unknown_max_rate_must_be_written_out_and_is_warned_about() -> None:
    """Silence is an error."""
    result = reading(f"{HEAD}              import: {{{GOOD.replace('1200', 'unknown')}}}\n")
    assert result.content.registers["steel", "main", "import"].policies[0].max_rate is None
    assert ["warning: max_rate of register steel/main/import is unknown" in str(each) for each in result.problems] == [
        True
    ]


def test_changes_stand_on_the_version_before_them() -> None:
    """A rate that is written takes the place of one that is derived; a date is midnight of the site's zone."""
    found = register(
        GOOD.replace("max_rate: 1200", "voltage_v: 400, current_a: 5, ct_ratio: 300")
        + ", changes: [{from: 2026-03-01, max_rate: 900}, {from: '2026-04-01T00:00:00Z', on_fall: hold, interval: 1h}]"
    )
    first, second, third = found.policies
    assert (first.valid_from, first.max_rate) == (None, Decimal(1040))
    assert (second.valid_from, second.max_rate, second.on_fall) == (1_772_294_400_000_000, Decimal(900), OnFall.CONFIRM)
    assert (third.valid_from, third.max_rate, third.on_fall) == (1_775_001_600_000_000, Decimal(900), OnFall.HOLD)
    assert (second.gap_s, third.gap_s) == (3600, 14_400)


def test_acts_are_read_with_what_their_kind_needs() -> None:
    """Instants carry a zone."""
    found = register(
        GOOD + ", acts: [{kind: replacement, at: 2026-01-01T08:00:00+08:00, final: 5, start: 1, reason: 换表},"
        " {kind: ignore, from: 2026-01-02T00:00:00Z, until: 2026-01-03T00:00:00Z, reason: 检修}]"
    )
    replacement, ignored = found.acts
    assert (replacement.kind, replacement.at, replacement.start) == (
        ActKind.REPLACEMENT,
        1_767_225_600_000_000,
        Decimal(1),
    )
    assert (ignored.kind, ignored.until) == (ActKind.IGNORE, 1_767_398_400_000_000)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        (GOOD.replace(", max_rate: 1200", ""), "has no max_rate — add max_rate in kWh per hour, or voltage_v"),
        (GOOD + ", voltage_v: 400", "max_rate twice: written and derived — keep max_rate, or voltage_v"),
        (GOOD.replace("max_rate: 1200", "voltage_v: 400, ct_ratio: 2"), "cannot be derived — add current_a"),
        (GOOD.replace("1200", "-1"), "-1 is not above zero — write a positive number"),
        (GOOD.replace("1200", "1.2e3"), "'1.2e3' is no decimal number"),
        (GOOD.replace("1200", "lots"), "'lots' is no decimal number"),
        (GOOD.replace(", resolution: 0.01", ""), "has no resolution — add resolution: 0.01"),
        (GOOD.replace("carrier: electricity, ", ""), "has no carrier — add carrier: one of"),
        (GOOD.replace("electricity", "electrcity"), "'electrcity' is unknown — write electricity"),
        (
            GOOD.replace("electricity", "raw_coal").replace("kWh", "t"),
            "raw_coal of register steel/main/import has no CO₂ default — name the",
        ),
        (GOOD.replace("kWh", "Nm3"), "unit 'Nm3' cannot be turned into kWh — declare a unit of kWh"),
        (GOOD.replace("kWh", "kwh"), "unknown unit 'kwh' — use one of kWh"),
        (
            GOOD.replace("electricity", "fresh_water").replace("kWh", "t"),
            "fresh_water of register steel/main/import has no em",
        ),
        (GOOD.replace("total_increasing", "counter"), "kind of register steel/main/import: 'counter' is unknown"),
        (GOOD + ", interval: 15", "'15' is no duration — write for example 60s, 15m, 1h or 1d"),
        (GOOD + ", interval: 0s", "'0s' is no time at all"),
        (GOOD + ", gap: 5m", "gap of register steel/main/import is shorter than its interval"),
        (GOOD + ", noise: -1", "-1 is below zero"),
        (GOOD + ", modulus: 0.01", "modulus of register steel/main/import is not above its resolution"),
        (GOOD + ", on_fall: ignore", "'ignore' is unknown — use one of confirm, reset, hold"),
        (GOOD + ", direction: out", "'out' is unknown"),
        (GOOD + ", quantity: mass", "'mass' is unknown — use one of energy, it_energy"),
        (GOOD + ", integrate: yes", "'yes' is neither true nor false"),
        (GOOD + ", multiplyer: 40", "has an unknown field 'multiplyer' — write multiplier"),
        (GOOD + ", multiplier: [40]", "multiplier of register steel/main/import is not a single value"),
        (GOOD + ", unit: kWh", "'unit' stands here twice — remove one; the first is on line 16"),
        (GOOD + ", changes: [{max_rate: 3}]", "change of register steel/main/import has no from"),
        (GOOD + ", changes: [{from: 2026-03-01, level: 3}]", "has an unknown field 'level'"),
        (GOOD + ", changes: [{from: 2026-03-01}, {from: 2026-03-01}]", "are not in order"),
        (GOOD + ", changes: {from: 2026-03-01}", "changes of register steel/main/import is not a list"),
        (
            GOOD + ", acts: [{kind: reset, at: 2026-01-01T08:00:00, reason: r}]",
            "has no zone — write for example 2026-05",
        ),
        (GOOD + ", acts: [{kind: reset, at: 2026-01-01T08:00:00Z}]", "has no reason — add reason: why"),
        (GOOD + ", acts: [{kind: reset, at: 2026-01-01T08:00:00Z, start: 1, reason: r}]", "unknown field 'start'"),
        (GOOD + ", acts: [{kind: replacement, at: 2026-01-01T08:00:00Z, reason: r}]", "has no start"),
        (GOOD + ", acts: [{kind: multiplier, at: 2026-01-01T08:00:00Z, value: 0, reason: r}]", "is not above zero"),
        (
            "kind: measurement, unit: kW, integrate: true, carrier: natural_gas, resolution: 1",
            "cannot be integrated from kW",
        ),
        ("kind: measurement, unit: ratio", "has no quantity — add quantity: one of pue_reported, power_factor"),
    ],
)
def test_each_fault_of_a_register_is_one_error_with_its_fix(fields: str, fault: str) -> None:
    """And with its line."""
    found = faults(fields)
    assert len(found) == 1, found
    assert fault in found[0]


@pytest.mark.parametrize(
    ("before", "after", "line", "fault"),
    [
        ("level: 1", "level: 4", 14, "level of meter steel/main: '4' is unknown — use one of 1, 2, 3"),
        ("            level: 1\n", "", 13, "meter steel/main has no level"),
        ("kind: plant", "kind: farm", 9, "kind of site works: 'farm' is unknown"),
        ("kind: plant", "kind: plant\n        zone: Asia/Peking", 10, "there is no time zone 'Asia/Peking'"),
        ("kind: plant", "kind: plant\n        zone: ../etc/passwd", 10, "there is no time zone"),
        ("kind: plant", "kind: plant\n        floor_area_m2: big", 10, "'big' is no decimal number"),
        ("kind: plant", "kind: plant\n        changes: [{from: 2026-13-01, enterprise: x}]", 10, "is no date"),
        (
            "kind: plant",
            "kind: plant\n        changes: [{from: 2026-01-01, enterprise: x}]",
            10,
            "enterprise x of site",
        ),
        ("  steel:", "  Steel:", 3, "'Steel' is no code — use 1 to 40 lower-case letters, digits and hyphens"),
        ("          main:", "          主表:", 13, "'主表' is no code"),
        ("    industry: steel\n", "", 3, "enterprise steel has no industry"),
        ("name_zh: 示例钢铁厂", "name_zh: ''", 5, "the text is empty"),
        ("code: d", "code: d, factor_policy: newest", 1, "'newest' is no factor policy"),
        ("code: d", "code: d, factor_region: Chongqing", 1, "'Chongqing' is no region"),
        (
            "district: {code: d, name_zh: 示例区, name_en: Example}",
            "x-none: 1",
            3,
            "the district of enterprise steel is not known",
        ),
        ("level: 1", "level: 1\n            changes: [{from: 2026-01-01, site: moon}]", 15, "site moon of change of"),
        (
            "level: 1",
            "level: 1\n            until: 2026-01-01\n            from: 2026-01-01",
            15,
            "ends before its last",
        ),
        ("kind: plant", "kind: [plant", 10, "not YAML"),
        ("enterprises:", "enterprises: [1]\nothers:", 2, "enterprises of the file is not a mapping"),
    ],
)
def test_each_fault_of_what_is_around_registers_has_its_line_and_fix(
    before: str, after: str, line: int, fault: str
) -> None:
    """The first of the errors is the fault that was made."""
    text = f"{HEAD}              import: {{{GOOD}}}\n"
    assert before in text
    first = reading(text.replace(before, after, 1)).problems[0]
    assert first.line == line
    assert fault in str(first)


def test_all_errors_are_collected_in_the_order_of_lines() -> None:
    """One run shows everything that is to be mended."""
    text = (
        f"{HEAD}              import: {{{GOOD}, gap: x}}\n              Power: {{kind: measurement, unit: furlong}}\n"
    )
    result = reading(text.replace("level: 1", "level: 9").replace("kind: plant", "kind: farm"))
    assert [problem.line for problem in result.problems] == [9, 14, 16, 17, 17]


def test_a_meter_and_a_site_stand_in_one_place_only() -> None:
    """The second is refused and names the line of the first."""
    text = (
        f"{HEAD}              import: {{{GOOD}}}\n      annex:\n        kind: plant\n        name_zh: 二\n"
        f"        name_en: Two\n        meters:\n          main: {{level: 2, registers: {{import: {{{GOOD}}}}}}}\n"
    )
    assert [str(problem) for problem in reading(text).problems] == [
        "22: meter steel/main stands here twice — remove one; the first is on line 13"
    ]


def test_a_meter_may_move_and_change_its_level_but_not_its_time_zone() -> None:
    """Days of two zones cannot be added up."""
    annex = "      annex: {kind: plant, name_zh: 二, name_en: Two%s}\n"
    move = "level: 1\n            changes: [{from: 2026-01-01, level: 2}, {from: 2026-02-01, site: annex}]"
    text = f"{HEAD}              import: {{{GOOD}}}\n".replace("level: 1", move)
    placements = reading(text + annex % "").content.meters["steel", "main"].placements
    assert [(place.site, place.level) for place in placements] == [("works", 1), ("works", 2), ("annex", 2)]
    assert [place.valid_until for place in placements] == [placements[1].valid_from, placements[2].valid_from, None]
    (problem,) = reading(text + annex % ", zone: Asia/Seoul").problems
    assert "moves into another time zone" in str(problem)


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "- 1\n", "steel\n", "\x00", "a: &a [*a]\n", "a: *b\n", "{{}: 1}: 2", "\t- x"]
)
def test_a_file_of_another_form_is_refused(text: str) -> None:
    """Also one that contains itself."""
    assert any(not problem.is_warning for problem in reading(text).problems)


def test_anchors_and_merge_keys_save_repetition() -> None:
    """What stands beside the merge key wins."""
    text = f"x-meter: &meter {{{GOOD}}}\n{HEAD}              import: {{<<: *meter, max_rate: 5, multiplier: 2}}\n"
    found = reading(text).content.registers["steel", "main", "import"]
    assert (found.policies[0].max_rate, found.multiplier, found.unit) == (Decimal(5), Decimal(2), "kWh")


CSV_HEAD = "enterprise,site,meter,level,register,carrier,kind,unit,resolution,max_rate\n"


@pytest.mark.parametrize(
    ("text", "line", "fault"),
    [
        ("", 1, "column 'enterprise' is missing"),
        (CSV_HEAD.replace("level", "levels"), 1, "column 'level' is missing"),
        (CSV_HEAD.replace("unit", "kind"), 1, "column 'kind' stands there twice"),
        (CSV_HEAD + "steel,,main,1,import,electricity,total_increasing,kWh,1,1\n", 2, "site is empty"),
        (CSV_HEAD + "a,b,c,1,import\na,b,c,1,import\n", 3, "register 'import' stands here twice"),
        (CSV_HEAD + "a,b,c,1,import\na,b,c,2,export\n", 3, "level of meter 'c' is not '1' here"),
        (CSV_HEAD + "a,b,c,1,import,e,t,k,1,1,more\n", 2, "11 cells for 10 columns"),
        (CSV_HEAD + 'a,b,c,1,"import\n', 2, "not CSV"),
        (CSV_HEAD + "a,b,c,1,import,electricity,total_increasing,kWh,1,1\n", 2, "enterprise a is not registered"),
    ],
)
def test_a_wrong_csv_gets_its_line_and_fix(text: str, line: int, fault: str) -> None:
    """The header is line 1."""
    root, problems = parse_csv(text)
    first = read_registry(root, Content(), CARRIERS, problems).problems[0]
    assert first.line == line
    assert fault in str(first)


def test_the_rows_of_a_csv_are_registers_of_registered_sites() -> None:
    """A byte order mark, spaces and empty lines do no harm."""
    current = reading(f"{HEAD}              import: {{{GOOD}}}\n").content
    text = "\ufeff" + CSV_HEAD + "\n steel , works,sub,3,import,electricity,total_increasing,kWh,0.01,50\n,,,,,,,,,\n"
    root, problems = parse_csv(text)
    result = read_registry(root, current, CARRIERS, problems)
    assert result.problems == []
    assert result.content.enterprises == {}
    assert [meter.placements[0].level for meter in result.content.meters.values()] == [3]
    assert [each.policies[0].max_rate for each in result.content.registers.values()] == [50]


def test_the_example_district_is_right_and_has_all_kinds_of_sites() -> None:
    """Steel, tyre, strontium salt, electronics, two data centres, a public building and a base station."""
    content = read_offline(EXAMPLE)
    assert len(content.enterprises) == 8
    assert all("示例" in enterprise.name_zh for enterprise in content.enterprises.values())
    kinds = ["base_station", "data_centre", "data_centre", *["plant"] * 4, "public_building"]
    assert sorted(site.kind for site in content.sites.values()) == kinds
    assert {placement.level for meter in content.meters.values() for placement in meter.placements} == {1, 2, 3}
