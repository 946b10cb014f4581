"""What is registered, as the plan of a file is made against; and the plan of a file."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING

from services.declared.csv_file import parse_csv
from services.declared.yaml_file import parse_yaml
from services.ledger.directory import registry_version
from services.model import ActKind, Direction, Kind, OnFall, Stamp
from services.registry.models import (
    Carrier,
    Content,
    DeclaredAct,
    District,
    Enterprise,
    Meter,
    Ownership,
    Placement,
    PolicyVersion,
    PueBoundary,
    PuePart,
    PueSide,
    Register,
    Site,
)
from services.registry.plan import Plan, make_plan
from services.registry.reader import factor_choice, read_registry
from services.store.pool import NEG_INFINITY
from services.store.queries import SQL

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence
    from typing import TypeVar

    from services.declared.problem import Problem
    from services.registry.models import RegisterKey
    from services.store.pool import Connection, Row

    Key = TypeVar("Key", bound=Hashable)
    Value = TypeVar("Value")


async def plan_file(con: Connection, text: str, *, is_csv: bool) -> tuple[Plan, list[Problem]]:
    """The plan of a registry file and its problems; it may be applied only if all of them are warnings."""
    root, problems = (parse_csv if is_csv else parse_yaml)(text)
    current = await load_content(con)
    carriers = await load_carriers(con, *factor_choice(root, current))
    reading = read_registry(root, current, carriers, problems)
    if any(not each.is_warning for each in reading.problems):
        return Plan(current.version), reading.problems
    plan, refused = make_plan(reading.content, current, reading.lines)
    return plan, sorted([*reading.problems, *refused], key=lambda problem: problem.line)


async def load_carriers(con: Connection, region: str, method: str) -> dict[str, Carrier]:
    """The carriers, and whether each has a coal coefficient and an emission factor for this region and method."""
    return {row["code"]: Carrier(**row) for row in await con.fetch(SQL["registry_carriers"], region, method)}


async def load_content(con: Connection) -> Content:
    """Everything that is registered now."""
    version = await registry_version(con)
    owners = await _versions(con, "registry_owners", lambda row: row["site"], _ownership)
    placements = await _versions(con, "registry_placements", lambda row: (row["enterprise"], row["meter"]), _placement)
    policies = await _versions(con, "registry_policies", lambda row: row["register_id"], _policy)
    acts = await acts_of(con)
    districts = [District(**row) for row in await con.fetch(SQL["registry_districts"])]
    enterprises = [Enterprise(**row) for row in await con.fetch(SQL["registry_enterprises"])]
    boundaries = await _versions(con, "registry_boundaries", lambda row: row["site"], _boundary)
    sites = [
        Site(**row, owners=tuple(owners[row["code"]]), pue=tuple(boundaries[row["code"]]))
        for row in await con.fetch(SQL["registry_sites"])
    ]
    meters = [
        Meter(**row, placements=tuple(placements[row["enterprise"], row["code"]]))
        for row in await con.fetch(SQL["registry_meters"])
    ]
    registers = [
        _register(row, policies[row["register_id"]], acts[row["register_id"]])
        for row in await con.fetch(SQL["registry_registers"])
    ]
    return Content(
        {each.code: each for each in districts},
        {each.code: each for each in enterprises},
        {each.code: each for each in sites},
        {each.key: each for each in meters},
        {each.key: each for each in registers},
        version,
    )


async def acts_of(con: Connection, register_ids: Sequence[int] | None = None) -> dict[int, list[DeclaredAct]]:
    """The acts in force of these registers, or of all, by register id and in order of time."""
    acts: dict[int, list[DeclaredAct]] = defaultdict(list)
    for row in await con.fetch(SQL["registry_acts"], register_ids):
        acts[row["register_id"]].append(_declared(row))
    return acts


async def _versions(
    con: Connection, query: str, key: Callable[[Row], Key], make: Callable[[Row], Value]
) -> dict[Key, list[Value]]:
    versions: dict[Key, list[Value]] = defaultdict(list)
    for row in await con.fetch(SQL[query]):
        versions[key(row)].append(make(row))
    return versions


def _ownership(row: Row) -> Ownership:
    return Ownership(_day(row["valid_from"]), _day(row["valid_until"]), row["enterprise"])


def _boundary(row: Row) -> PueBoundary:
    parts = zip(row["sides"] or (), row["registers"] or (), row["kwh_per_units"] or (), strict=True)
    return PueBoundary(
        valid_from=_day(row["valid_from"]),
        valid_until=_day(row["valid_until"]),
        category=row["category"],
        minimum_it_kw=row["minimum_it_kw"],
        limit_ratio=row["limit_ratio"],
        reported=None if row["reported"] is None else _key(row["reported"]),
        parts=tuple(sorted(PuePart(PueSide(side), _key(register), per) for side, register, per in parts)),
    )


def _key(path: str) -> RegisterKey:
    enterprise, meter, register = path.split("/")
    return enterprise, meter, register


def _placement(row: Row) -> Placement:
    return Placement(_day(row["valid_from"]), _day(row["valid_until"]), row["site"], row["level"])


def _policy(row: Row) -> PolicyVersion:
    return PolicyVersion(
        valid_from=None if row["valid_from"] == NEG_INFINITY else row["valid_from"],
        max_rate=row["max_rate"],
        resolution=row["resolution"],
        modulus=row["modulus"],
        interval_s=row["interval_s"],
        gap_s=row["gap_s"],
        slack_s=row["slack_s"],
        noise=row["noise"],
        on_fall=OnFall(row["on_fall"]),
        flat_s=row["flat_s"],
        stamp=Stamp(row["stamp"]),
    )


def _declared(row: Row) -> DeclaredAct:
    numbers = (row["final"], row["start"], row["value"], row["reading"])
    return DeclaredAct(ActKind(row["kind"]), row["at"], row["until"], *numbers, row["reason"], row["act_id"])


def _register(row: Row, policies: list[PolicyVersion], acts: list[DeclaredAct]) -> Register:
    return Register(
        enterprise=row["enterprise"],
        meter=row["meter"],
        code=row["code"],
        quantity=row["quantity"],
        direction=Direction(row["direction"]),
        carrier=row["carrier"],
        unit=row["unit"],
        kind=Kind(row["kind"]),
        integrate=row["integrate"],
        multiplier=row["multiplier"],
        emission_exempt=row["emission_exempt"],
        policies=tuple(policies),
        acts=tuple(acts),
    )


def _day(day: date) -> date | None:
    """Asyncpg gives the first and last date of Python for -infinity and infinity."""
    return None if day in (date.min, date.max) else day
