"""A YAML file of rules → a version of each rule's settings, every fault noted with its line and its fix."""

from __future__ import annotations

from difflib import get_close_matches
from importlib.resources import files
from typing import TYPE_CHECKING

from services.alerting.model import Severity
from services.alerts.catalogue import RULES
from services.alerts.rule import RuleVersion
from services.declared import scalars
from services.declared.fields import Fields
from services.declared.problem import Problem
from services.declared.yaml_file import parse_yaml
from services.errors import TanfengError

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.alerts.rule import Rule
    from services.declared.tree import Entry


def shipped() -> str:
    """The text of the rules file that is shipped."""
    return (files("services.alerts") / "default.yaml").read_text("utf-8")


def read_rules(text: str) -> tuple[dict[str, RuleVersion], list[Problem]]:
    """The settings of every rule; a rule the file does not name has its defaults.

    The result may be used only if there are no problems.
    """
    root, problems = parse_yaml(text)
    fields = Fields(root, "the file", problems)
    wanted = fields.children("rules")
    fields.finish()
    for name in wanted.keys() - RULES.keys():
        close = get_close_matches(name, RULES, n=1)
        fix = f"write {close[0]}" if close else f"use one of {', '.join(RULES)}"
        problems.append(Problem(wanted[name].line, f"there is no rule {name}", fix))
    versions = {name: _version(rule, wanted.get(name), problems) for name, rule in RULES.items()}
    return versions, sorted(problems, key=lambda problem: problem.line)


def default_rules() -> dict[str, RuleVersion]:
    """The rules as shipped."""
    return read_rules(shipped())[0]


def from_settings(rule: Rule, settings: dict[str, object], version: int, since: int) -> RuleVersion:
    """A version out of its stored settings; what this release does not know is left out."""
    known = {name: value for name, value in settings.items() if name in rule.parameters}
    return RuleVersion(rule, Severity(str(settings["severity"])), settings["enabled"] is True, known, version, since)


def _version(rule: Rule, entry: Entry | None, problems: list[Problem]) -> RuleVersion:
    if entry is None:
        return RuleVersion(rule, rule.severity, enabled=True, values={})
    fields = Fields(entry, rule.name, problems)
    severity = fields.choice("severity", Severity, rule.severity, rule.severity)
    enabled = fields.given("enabled", scalars.boolean, default=True)
    values: dict[str, object] = {}
    for name, parameter in rule.parameters.items():
        if parameter.is_map:
            values[name] = _map(fields, name, parameter.read)
        elif fields.optional(name, parameter.read) is not None:
            values[name] = str(fields.entry.mapping[name].value)
    version = RuleVersion(rule, severity, enabled, values)
    if fields.finish():
        _check_band(version, fields)
    return version


def _map(fields: Fields, name: str, read: Callable[[str], object]) -> dict[str, str]:
    found = {}
    for code, each in fields.children(name).items():
        try:
            read(each.value if isinstance(each.value, str) else "")
            found[code] = str(each.value)
        except TanfengError as problem:
            fields.note(each.line, f"{name} of {fields.name}, {code}: {problem.message}", problem.fix)
    return found


def _check_band(version: RuleVersion, fields: Fields) -> None:
    """The clearing threshold lies on the good side of the raising one, or a value between them would flap."""
    if "clear" not in version.rule.parameters:
        return
    band = version.thresholds
    if (band.clear_at > band.raise_at) if band.above else (band.clear_at < band.raise_at):
        word = "above" if band.above else "below"
        fix = f"let clear be {'at most' if band.above else 'at least'} {word}"
        fields.note(fields.line("clear"), f"{fields.name} clears at {band.clear_at}, {word} is {band.raise_at}", fix)
