"""The file of targets and routes. A target's address is a secret in a file of its own; this file only names that file.

Set by whoever administers the machine: nothing in the database or the API can add a target or change an address.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, Final

from services.alerting.model import Severity
from services.declared import scalars
from services.declared.fields import Fields
from services.declared.yaml_file import parse_yaml
from services.errors import TanfengError
from services.model import SECOND_US

if TYPE_CHECKING:
    from pathlib import Path

    from services.declared.problem import Problem
    from services.declared.tree import Entry
    from services.settings import Settings

Network = IPv4Network | IPv6Network
MQTT: Final = "mqtt"
_PER_MINUTE: Final = {"apprise": 15, MQTT: 3000}


@dataclass(frozen=True, slots=True)
class Target:
    """Somewhere to send to: an address in a file (apprise), or the alerts' MQTT topics."""

    name: str
    kind: str
    address_file: Path | None
    per_minute: int


@dataclass(frozen=True, slots=True)
class Route:
    """Which alerts go to which targets. `enterprises` None: all, the district's own too. `repeat_us` 0: once."""

    targets: tuple[str, ...]
    severities: frozenset[Severity]
    enterprises: frozenset[str] | None
    repeat_us: int


@dataclass(frozen=True, slots=True)
class Config:
    """Targets by name, routes, and the private networks that may be sent to."""

    targets: dict[str, Target]
    routes: tuple[Route, ...]
    allowed: tuple[Network, ...] = ()
    broker_url: str = field(default="", repr=False)
    broker_ca: Path | None = None


def load(settings: Settings) -> Config:
    """The configuration that the settings name; without a file, alerts go to their MQTT topics alone.

    Raises:
        TanfengError: The file is missing or wrong; the message names the lines.
    """
    broker = settings.broker_url.get_secret_value()
    if settings.notify_file is None:
        everything = Route((MQTT,), frozenset(Severity), None, 0)
        target = Target(MQTT, MQTT, None, _PER_MINUTE[MQTT])
        return Config({MQTT: target}, (everything,), (), broker, settings.broker_ca)
    try:
        text = settings.notify_file.read_text("utf-8")
    except OSError as problem:
        raise TanfengError(
            f"cannot read {settings.notify_file}: {problem.strerror}", "see TANFENG_NOTIFY_FILE"
        ) from None
    config, problems = read_config(text, settings.notify_file.parent, broker, settings.broker_ca)
    if problems:
        lines = "\n".join(f"  line {each.line}: {each.what} — {each.fix}" for each in problems)
        raise TanfengError(f"{settings.notify_file} is wrong:\n{lines}")
    return config


def read_config(
    text: str, folder: Path, broker_url: str = "", broker_ca: Path | None = None
) -> tuple[Config, list[Problem]]:
    """The configuration of a file in `folder`, and what is wrong with it."""
    root, problems = parse_yaml(text)
    fields = Fields(root, "the file", problems)
    targets = {name: _target(name, entry, folder, problems) for name, entry in fields.children("targets").items()}
    routes = tuple(_route(entry, targets, problems) for entry in fields.listed("routes"))
    allowed = tuple(_networks(fields))
    fields.finish()
    return Config(targets, routes, allowed, broker_url, broker_ca), problems


def _target(name: str, entry: Entry, folder: Path, problems: list[Problem]) -> Target:
    fields = Fields(entry, f"target {name}", problems)
    kind = fields.one_of("kind", ("apprise", MQTT), "apprise") or "apprise"
    address = None
    if kind == "apprise":
        written = fields.required("address_file", scalars.words, "the path of a file that holds the address", "")
        address = folder / written
        if written and not address.is_file():
            fields.note(
                fields.line("address_file"), f"target {name}: there is no file {written}", "write the address there"
            )
    per_minute = fields.given("per_minute", _count, _PER_MINUTE[kind])
    fields.finish()
    return Target(name, kind, address, per_minute)


def _route(entry: Entry, targets: dict[str, Target], problems: list[Problem]) -> Route:
    fields = Fields(entry, "a route", problems)
    chosen = tuple(str(each.value) for each in fields.listed("targets"))
    if unknown := [name for name in chosen if name not in targets]:
        fields.note(entry.line, f"a route names no target {', '.join(unknown)}", "declare it under targets")
    severities = [str(each.value) for each in fields.listed("severities")] or [each.value for each in Severity]
    if wrong := [word for word in severities if word not in set(Severity)]:
        fields.note(fields.line("severities"), f"severity {', '.join(wrong)} is unknown", f"use {', '.join(Severity)}")
    enterprises = frozenset(str(each.value) for each in fields.listed("enterprises")) or None
    repeat = fields.given("repeat", scalars.duration, 0)
    fields.finish()
    known = frozenset(Severity(word) for word in severities if word in set(Severity))
    return Route(chosen, known, enterprises, repeat * SECOND_US)


def _networks(fields: Fields) -> list[Network]:
    found = []
    for entry in fields.listed("allow_private"):
        try:
            found.append(ip_network(str(entry.value)))
        except ValueError:
            fields.note(entry.line, f"{entry.value!r} is no network", "write for example 10.1.2.0/24 or 127.0.0.1/32")
    return found


def _count(text: str) -> int:
    number = scalars.positive(text)
    if number != int(number):
        raise TanfengError(f"{text} is no whole number", "write for example 20")
    return int(number)
