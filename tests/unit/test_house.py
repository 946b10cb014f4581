"""The shape of the code: every module is reached, no file is too long to read at once, no package is a warehouse."""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = ("services", "ingest", "api", "simulators", "tanfeng")
ENTRY = "tanfeng.__main__"
LONGEST_FILE = 350
BIGGEST_SHARE = 0.2
LONGEST_CHAIN = 15
"""Modules of services, each of which imports the next."""


@cache
def modules() -> dict[str, Path]:
    """Every module of the product, by name."""
    paths = (path for top in PROGRAMS for path in (ROOT / top).rglob("*.py"))
    return {name(path): path for path in paths}


def name(path: Path) -> str:
    """`services/store/pool.py` → `services.store.pool`."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def imports(module: str, *, is_typing_too: bool) -> frozenset[str]:
    """The modules of the product that it imports."""
    found: set[str] = set()
    queue: list[ast.AST] = [ast.parse(modules()[module].read_text("utf-8"))]
    while queue:
        node = queue.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not is_typing_too:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {each if each in modules() else node.module for each in inside}
        queue.extend(ast.iter_child_nodes(node))
    return frozenset(found & modules().keys() - {module})


@cache
def chain(module: str) -> tuple[str, ...]:
    """The longest chain of imports inside services that begins here."""
    ends = (chain(each) for each in imports(module, is_typing_too=False) if each.startswith("services."))
    return (module, *max(ends, key=len, default=()))


def test_every_module_is_reached() -> None:
    """By an import of another one; packages, the entry and the commands that it finds by their names apart."""
    reached = {each for module in modules() for each in imports(module, is_typing_too=True)}
    named = {each for each in modules() if each.startswith("tanfeng.commands.")}
    packages = {module for module, path in modules().items() if path.name == "__init__.py"}
    assert modules().keys() - reached - packages - named == {ENTRY}


@pytest.mark.parametrize("folder", [*PROGRAMS, "dashboards", "benchmarks", "tests"])
def test_no_file_is_too_long_to_read_at_once(folder: str) -> None:
    """SQL as well as Python."""
    files = [path for kind in ("py", "sql") for path in (ROOT / folder).rglob(f"*.{kind}")]
    assert files
    long = {str(path): lines for path in files if (lines := path.read_text("utf-8").count("\n")) > LONGEST_FILE}
    assert long == {}


def test_no_package_of_services_is_a_warehouse() -> None:
    """By lines of Python."""
    lines: Counter[str] = Counter()
    for module, path in modules().items():
        if module.startswith("services."):
            lines[module.split(".")[1]] += path.read_text("utf-8").count("\n")
    (biggest, most), *_ = lines.most_common()
    assert most <= BIGGEST_SHARE * lines.total(), biggest


def test_imports_of_services_are_not_deeper_than_a_person_follows() -> None:
    """The chain is the message of a failure."""
    longest = max((chain(module) for module in modules() if module.startswith("services.")), key=len)
    assert len(longest) <= LONGEST_CHAIN, longest
