"""A registry file read without a database, judged by the shipped facts: what a simulator or a check needs."""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from typing import TYPE_CHECKING

from services.declared.csv_file import parse_csv
from services.declared.yaml_file import parse_yaml
from services.errors import TanfengError
from services.registry.models import Carrier, Content
from services.registry.reader import factor_choice, read_registry
from services.store.shipped_facts import fact_rows

if TYPE_CHECKING:
    from pathlib import Path

_DISABLED = frozenset({"low", "unverified"})


def read_offline(path: Path) -> Content:
    """What the file declares, as if nothing were registered yet.

    Raises:
        TanfengError: The file cannot be read, or something in it is wrong; the first problem is named.
    """
    text = registry_text(path)
    root, problems = (parse_csv if path.suffix.lower() == ".csv" else parse_yaml)(text)
    carriers = shipped_carriers(*factor_choice(root, Content()))
    reading = read_registry(root, Content(), carriers, problems)
    wrong = [problem for problem in reading.problems if not problem.is_warning]
    if wrong:
        raise TanfengError(f"{path}:{wrong[0].line}: {wrong[0].what}", wrong[0].fix)
    return reading.content


def registry_text(path: Path) -> str:
    """The text of a registry file.

    Raises:
        TanfengError: It cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text("utf-8")
    except OSError as problem:
        raise TanfengError(f"cannot read {path}: {problem.strerror}", "give the path of a registry file") from problem
    except UnicodeDecodeError as problem:
        is_utf16 = problem.object.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
        what = "starts with a byte order mark of UTF-16" if is_utf16 else f"is not UTF-8 text (byte {problem.start})"
        raise TanfengError(f"{path} {what}", "save it as UTF-8") from problem


def shipped_carriers(region: str, method: str) -> dict[str, Carrier]:
    """The carriers by the facts that ship with the product, as `load_carriers` gives them on a fresh database."""
    coal = {
        row["carrier"]
        for row in _enabled("coal_coefficients")
        if row["basis"] == "calorific" and row["region"] in {region, "CN"}
    }
    factors = {(row["carrier"], row["method"], row["region"]) for row in _enabled("emission_factors")}
    carriers = {}
    for row in fact_rows("carriers"):
        code, own = str(row["code"]), row["factor_method"]
        regions = {region} if own is None else {region, "CN"}
        has_factor = any((code, own or method, each) in factors for each in regions)
        has_coal = row["counts_as"] == "material" or code in coal
        carriers[code] = Carrier(code, str(row["unit"]), has_coal, has_factor)
    return carriers


def _enabled(name: str) -> list[dict[str, str | None]]:
    return [row for row in fact_rows(name) if row["confidence"] not in _DISABLED]
