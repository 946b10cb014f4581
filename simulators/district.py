"""The points of a fleet out of a registry file: the last placement and policy of each register.

Read without a database: whether every carrier has its factors is for `tanfeng registry apply` to judge.
"""

from __future__ import annotations

import csv
from importlib.resources import files
from typing import TYPE_CHECKING

from services.declared.csv_file import parse_csv
from services.declared.yaml_file import parse_yaml
from services.errors import TanfengError
from services.model import SECOND_US, Stamp
from services.registry.models import Carrier, Content
from services.registry.reader import read_registry
from simulators.points import Key, Point

if TYPE_CHECKING:
    from pathlib import Path

    from services.registry.models import Register


def read_points(*registries: Path) -> list[Point]:
    """Every register of some registry files.

    Raises:
        TanfengError: A file has a mistake; the first one is named with its line.
    """
    return [point for file in registries for point in points_of(read_content(file))]


def read_content(file: Path) -> Content:
    """What a registry file says.

    Raises:
        TanfengError: The file has a mistake; the first one is named with its line.
    """
    parse = parse_csv if file.suffix.lower() == ".csv" else parse_yaml
    root, problems = parse(file.read_text("utf-8-sig"))
    reading = read_registry(root, Content(), _carriers(), problems)
    for problem in reading.problems:
        if not problem.is_warning:
            raise TanfengError(f"{file}:{problem.line}: {problem.what}", problem.fix)
    return reading.content


def _carriers() -> dict[str, Carrier]:
    """The shipped carriers, each taken to have its factors."""
    text = (files("services.store") / "facts" / "carriers.csv").read_text("utf-8")
    return {
        row["code"]: Carrier(row["code"], row["unit"], has_coal=True, has_factor=True)
        for row in csv.DictReader(text.splitlines())
    }


def points_of(content: Content) -> list[Point]:
    """Every register of a registry, in its order."""
    return [_point(content, register) for register in content.registers.values()]


def _point(content: Content, register: Register) -> Point:
    meter = content.meters[register.enterprise, register.meter]
    placement = meter.placements[-1]
    site = content.sites[placement.site]
    policy = register.policies[-1]
    return Point(
        key=Key(*register.key),
        industry=content.enterprises[register.enterprise].industry,
        site=site.code,
        site_kind=site.kind,
        level=placement.level,
        quantity=register.quantity,
        direction=register.direction,
        carrier=register.carrier,
        unit=register.unit,
        kind=register.kind,
        multiplier=register.multiplier,
        resolution=policy.resolution,
        modulus=policy.modulus,
        max_rate=policy.max_rate,
        interval_us=policy.interval_s * SECOND_US,
        naive_zone=meter.naive_zone,
        integrate=register.integrate,
        stamps_start=policy.stamp is Stamp.START,
        flat_us=None if policy.flat_s is None else policy.flat_s * SECOND_US,
    )
