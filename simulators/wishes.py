"""Faults asked for while a fleet runs: what `tanfeng simulate fault` says and a running `tanfeng simulate run` hears.

They travel on a topic of the broker that ingest does not read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from services.model import SECOND_US
from simulators.incidents import LEVELS, Incident, What
from simulators.sample import Message

if TYPE_CHECKING:
    from collections.abc import Iterable

TOPIC: Final = "keu-simulator/v1/faults"


@dataclass(frozen=True, slots=True)
class Wish:
    """One fault of one meter (none named: of the whole enterprise), lasting so long."""

    kind: What
    enterprise: str
    meter: str
    lasts_us: int

    def message(self) -> Message:
        """How it is said."""
        fields = {"kind": self.kind, "enterprise": self.enterprise, "meter": self.meter, "lasts_us": self.lasts_us}
        return Message(TOPIC, json.dumps(fields).encode())

    def incident(self, at_us: int, every_us: int) -> Incident:
        """What happens from the tick at `at` on: at least one reading long, a new display from just after the last."""
        if self.kind in LEVELS:
            return Incident(self.kind, self.enterprise, self.meter, at_us - every_us // 2, at_us)
        until = at_us + max(every_us, self.lasts_us // every_us * every_us)
        return Incident(self.kind, self.enterprise, self.meter, at_us, until)


def heard(payload: bytes, meters: Iterable[tuple[str, str]]) -> Wish | None:
    """The wish in a payload; None where it is none, or names no meter of this fleet."""
    try:
        fields = json.loads(payload)
        wish = Wish(What(fields["kind"]), str(fields["enterprise"]), str(fields["meter"]), int(fields["lasts_us"]))
    except (ValueError, LookupError, TypeError):
        return None
    named = any(enterprise == wish.enterprise and wish.meter in {"", meter} for enterprise, meter in meters)
    return wish if named and 0 <= wish.lasts_us <= 86_400 * SECOND_US else None
