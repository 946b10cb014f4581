"""What a registry file would change, in words and as rows; what it may not change is a problem.

Nothing is ever removed by being absent from a file: it is left as it is. Applying a plan and planning again gives an
empty one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from services.declared.problem import Problem
from services.registry.words import act_words, changed_words, new_words, version_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.registry.models import (
        Content,
        DeclaredAct,
        District,
        Enterprise,
        Meter,
        MeterKey,
        Ownership,
        Placement,
        PolicyVersion,
        PueBoundary,
        Register,
        RegisterKey,
        Site,
    )

Thing = TypeVar("Thing", "District", "Enterprise", "Site", "Meter", "Register")
Key = TypeVar("Key", str, "MeterKey", "RegisterKey")
Differences = dict[str, tuple[object, object]]

FIXED: Final[dict[str, dict[str, str]]] = {
    "enterprise": {"district": "declare a new enterprise in the other district"},
    "site": {"zone": "declare a new site: days of two zones cannot be added up"},
    "register": {
        "multiplier": "declare a multiplier act: acts: [{kind: multiplier, at: …, value: …, reason: …}]",
        **dict.fromkeys(("carrier", "direction", "unit", "kind", "integrate"), "declare a register with a new code"),
    },
}
"""What cannot change once it is registered, and what to do instead."""

VERSIONED: Final = ("owners", "pue", "placements", "policies", "acts")


@dataclass(slots=True)
class Plan:
    """The changes that a file makes to the registry of `base_version`; rows new or changed are to be upserted."""

    base_version: int
    words: list[str] = field(default_factory=list)
    """One line for each change."""
    districts: list[District] = field(default_factory=list)
    enterprises: list[Enterprise] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)
    meters: list[Meter] = field(default_factory=list)
    registers: list[Register] = field(default_factory=list)
    owners: dict[str, tuple[Ownership, ...]] = field(default_factory=dict)
    pue: dict[str, tuple[PueBoundary, ...]] = field(default_factory=dict)
    placements: dict[MeterKey, tuple[Placement, ...]] = field(default_factory=dict)
    policies: dict[RegisterKey, tuple[PolicyVersion, ...]] = field(default_factory=dict)
    policies_since: dict[RegisterKey, int | None] = field(default_factory=dict)
    """The first instant judged otherwise by the new policies of a register that was there before."""
    acts: list[tuple[RegisterKey, DeclaredAct]] = field(default_factory=list)
    withdrawn: list[int] = field(default_factory=list)
    """Numbers of acts whose values the file states otherwise."""

    @property
    def is_empty(self) -> bool:
        """Whether the file says what is registered already."""
        return not self.words


def make_plan(wanted: Content, current: Content, lines: Mapping[tuple[str, ...], int]) -> tuple[Plan, list[Problem]]:
    """The plan that turns `current` into what the file wants, and what of it is not allowed."""
    comparison = _Comparison(Plan(current.version), [], lines)
    plan = comparison.plan
    plan.districts = comparison.rows("district", wanted.districts, current.districts)
    plan.enterprises = comparison.rows("enterprise", wanted.enterprises, current.enterprises)
    plan.sites = comparison.rows("site", wanted.sites, current.sites)
    plan.meters = comparison.rows("meter", wanted.meters, current.meters)
    plan.registers = comparison.rows("register", wanted.registers, current.registers)
    _plan_versions(wanted, current, plan)
    for key, register in wanted.registers.items():
        _plan_acts(register, current.registers.get(key), plan)
    return plan, comparison.problems


@dataclass(slots=True)
class _Comparison:
    plan: Plan
    problems: list[Problem]
    lines: Mapping[tuple[str, ...], int]

    def rows(self, name: str, wanted: Mapping[Key, Thing], current: Mapping[Key, Thing]) -> list[Thing]:
        """Things that are new, or differ in what has no versions of its own."""
        changed: list[Thing] = []
        for key, new in wanted.items():
            path: tuple[str, ...] = (key,) if isinstance(key, str) else key
            old = current.get(key)
            if old is None:
                self.plan.words.append(new_words(name, new))
                changed.append(new)
            elif differences := _differences(old, new):
                self._check_fixed(name, path, differences)
                self.plan.words.append(changed_words(name, "/".join(path), differences))
                changed.append(new)
        return changed

    def _check_fixed(self, name: str, path: tuple[str, ...], differences: Differences) -> None:
        fixed = FIXED.get(name, {})
        for each in fixed.keys() & differences.keys():
            old, new = differences[each]
            what = f"{each} of {name} {'/'.join(path)} cannot change from {old} to {new}"
            line = self.lines.get((name, *path, each), self.lines.get((name, *path), 1))
            self.problems.append(Problem(line, what, fixed[each]))


def _differences(old: Thing, new: Thing) -> Differences:
    pairs = {each: (getattr(old, each), getattr(new, each)) for each in type(new).__dataclass_fields__}
    return {each: (was, now) for each, (was, now) in pairs.items() if was != now and each not in VERSIONED}


def _plan_versions(wanted: Content, current: Content, plan: Plan) -> None:
    """Plan the versions of sites, meters and registers that are new or have others than before."""
    for code, site in wanted.sites.items():
        owners = current.sites[code].owners if code in current.sites else None
        if site.owners != owners:
            plan.owners[code] = site.owners
            plan.words += version_words(f"site {code}", owners, site.owners)
        boundaries = current.sites[code].pue if code in current.sites else ()
        if site.pue and site.pue != boundaries:
            plan.pue[code] = site.pue
            plan.words += version_words(f"PUE of site {code}", boundaries, site.pue)
    for key, meter in wanted.meters.items():
        placements = current.meters[key].placements if key in current.meters else None
        if meter.placements != placements:
            plan.placements[key] = meter.placements
            plan.words += version_words(f"meter {'/'.join(key)}", placements, meter.placements)
    for path, register in wanted.registers.items():
        policies = current.registers[path].policies if path in current.registers else None
        if register.policies != policies:
            plan.policies[path] = register.policies
            plan.words += version_words(f"register {'/'.join(path)}", policies, register.policies)
        if policies is not None and register.policies != policies:
            plan.policies_since[path] = _since(policies, register.policies)


def _since(old: tuple[PolicyVersion, ...], new: tuple[PolicyVersion, ...]) -> int | None:
    """The earliest start of a version that comes or goes; None is ever."""
    starts = [version.valid_from for version in {*old} ^ {*new}]
    return None if None in starts else min(start for start in starts if start is not None)


def _plan_acts(register: Register, known: Register | None, plan: Plan) -> None:
    """Plan acts that are not declared yet; one of the same kind and instant is replaced."""
    declared = {(act.kind, act.at): act for act in known.acts} if known else {}
    for act in register.acts:
        before = declared.get((act.kind, act.at))
        if before is not None and act.says_as(before):
            continue
        if before is not None and before.number is not None:
            plan.withdrawn.append(before.number)
        plan.acts.append((register.key, act))
        plan.words.append(act_words("/".join(register.key), act, before))
