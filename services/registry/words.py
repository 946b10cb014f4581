"""Changes of a plan in words, Chinese first: what a person reads before saying yes."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final, TypeAlias

from services.model import Stamp, iso
from services.registry.models import Ownership, Placement, PolicyVersion, PueBoundary, PueSide, Register

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.registry.models import DeclaredAct, District, Enterprise, Meter, Site

Version: TypeAlias = "Ownership | Placement | PolicyVersion | PueBoundary"

_EVER: Final = "始终 ever"


def new_words(name: str, thing: District | Enterprise | Site | Meter | Register) -> str:
    """A thing that is not registered yet."""
    if isinstance(thing, Register):
        return f"+ 新增 register {'/'.join(thing.key)}: {_counts(thing)}"
    key = getattr(thing, "key", None)
    return f"+ 新增 {name} {'/'.join(key) if key else thing.code} {thing.name_zh} {thing.name_en}"


def changed_words(name: str, key: str, changed: Mapping[str, tuple[object, object]]) -> str:
    """Fields of a registered thing that change."""
    fields = [f"{field} {_shown(old)} → {_shown(new)}" for field, (old, new) in changed.items()]
    return f"~ 修改 {name} {key}: {', '.join(fields)}"


def version_words(subject: str, old: Sequence[Version] | None, new: Sequence[Version]) -> list[str]:
    """Versions that come and go; those of a new thing only where they are dated."""
    if old is None:
        return [_line("+ 自 from", each, subject) for each in new if each.valid_from]
    gone = [_line("- 作废 no longer", each, subject) for each in old if each not in new]
    come = [_line("+ 自 from", each, subject) for each in new if each not in old]
    return gone + come


def act_words(key: str, act: DeclaredAct, before: DeclaredAct | None) -> str:
    """An act to be declared, and the one it takes the place of."""
    verb = "~ 改为" if before else "+ 声明"
    return f"{verb} {act.kind.value} of register {key} at {iso(act.at)}: {_values(act)} ({act.reason})"


def _counts(register: Register) -> str:
    policy = register.policies[0]
    times = f" ×{register.multiplier}" if register.multiplier != 1 else ""
    rate = "" if policy.max_rate is None else f", ≤ {policy.max_rate} {register.unit}/h"
    carrier = register.carrier or register.quantity
    return f"{carrier} {register.direction.value} {register.kind.value} {register.unit}{times}{rate}"


def _line(verb: str, version: Version, subject: str) -> str:
    return f"{verb} {_from(version)} {subject}: {_terms(version)}"


def _terms(version: Version) -> str:
    if isinstance(version, Ownership):
        terms = f"enterprise {version.enterprise}"
    elif isinstance(version, Placement):
        terms = f"site {version.site}, level {version.level}"
    elif isinstance(version, PueBoundary):
        terms = _boundary(version)
    else:
        return (
            f"max_rate {_shown(version.max_rate or 'unknown')}, resolution {version.resolution}, "
            f"modulus {_shown(version.modulus)}, interval {version.interval_s}s, gap {version.gap_s}s, "
            f"slack {version.slack_s}s, noise {version.noise}, on_fall {version.on_fall.value}"
            f"{'' if version.flat_s is None else f', flat {version.flat_s}s'}"
            f"{'' if version.stamp is Stamp.END else ', stamp start'}"
        )
    return terms if version.valid_until is None else f"{terms}, 至 until {version.valid_until}"


def _boundary(version: PueBoundary) -> str:
    sides = [
        f"{side.value} {' + '.join('/'.join(part.register[1:]) for part in parts)}"
        for side in PueSide
        if (parts := [part for part in version.parts if part.side is side])
    ]
    reported = [] if version.reported is None else [f"reported {'/'.join(version.reported[1:])}"]
    limits = f"minimum IT {version.minimum_it_kw} kW, limit {version.limit_ratio}"
    return ", ".join([f"category {version.category}", *sides, *reported, limits])


def _from(version: Version) -> str:
    start = version.valid_from
    if start is None:
        return _EVER
    return str(start) if isinstance(start, date) else iso(start)


def _values(act: DeclaredAct) -> str:
    named = ("final", "start", "value", "reading")
    values = [f"{name} {getattr(act, name)}" for name in named if getattr(act, name) is not None]
    if act.reading is not None:
        values[-1] += " on the display, before the multiplier"
    return ", ".join([*values, *([f"until {iso(act.until)}"] if act.until is not None else [])]) or "-"


def _shown(value: object) -> str:
    return "-" if value is None else str(value)
