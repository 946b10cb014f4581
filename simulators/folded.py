"""A stretch through the decoder and the fold alone, without broker and database: what their books would hold.

Books are a function of the set of accepted readings and acts, so one fold over all of them gives what a database has in
the end. A year of the example district takes minutes on one core.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from services.accounting.fold import Fold
from services.accounting.policy import EVER, Version, compile_policy
from services.accounting.split import split
from services.accounting.state import Outcome
from services.model import SECOND_US, MeterRef, RegisterRef
from services.units import MILLI, declared_factor
from services.wire import Limits, decode
from simulators.compare import Books
from simulators.expected import compared, standing
from simulators.incidents import TOLD
from simulators.known import known_days
from simulators.ledger import booked_unit, truth_of
from simulators.loads import DAY_US
from simulators.points import Key
from simulators.told import acts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from services.accounting.policy import Act, Policy
    from services.registry.models import PolicyVersion, Register
    from simulators.compare import Compared
    from simulators.feed import Feed
    from simulators.fleet import Fleet
    from simulators.points import Display
    from simulators.sample import Message
    from simulators.stretch import Stretch

LIMITS: Final = Limits(payload_bytes=1 << 20, readings=10_000, ahead_us=300 * SECOND_US, horizon_us=400 * DAY_US)


@dataclass(frozen=True)
class Folded:
    """One register of a stretch: its books, and how they stand to the truth."""

    key: Key
    books: Books
    compared: Compared
    days: int
    known_days: int


def fold_stretch(registers: Iterable[Register], stretch: Stretch, watch: Callable[[int], None]) -> Iterator[Folded]:
    """Publish, decode and fold a stretch, register by register.

    Args:
        registers: Those of the registry files whose points the stretch has.
        stretch: Whole days.
        watch: Is told each moment that has been published.
    """
    feed = stretch.feed()
    inbox = Inbox(feed.fleet)
    for at, messages in stretch.messages(feed):
        inbox.take(messages, at)
        watch(at)
    inbox.take(feed.aftermath, stretch.until_us)
    truth = truth_of(feed, stretch.seed, stretch.from_us, stretch.until_us)
    days = (stretch.until_us - stretch.from_us) // DAY_US
    for register in registers:
        key = Key(*register.key)
        if key in feed.fleet.metered:
            books = folded(register, feed, inbox.readings.pop(key))
            found = compared(books, feed.fleet.metered[key], truth)
            yield Folded(key, books, found, days, known_days(books, stretch.from_us, days))


class Inbox:
    """The accepted readings of every booked register of a fleet; of two values for one moment the first stands."""

    def __init__(self, fleet: Fleet) -> None:
        self.readings: dict[Key, dict[int, int | Fraction]] = {key: {} for key in fleet.metered}
        self._keys: list[Key] = []
        self._directory: dict[tuple[str, str], MeterRef] = {}
        for meter in fleet.meters:
            name = meter.enterprise, meter.code
            zone = next(display.point.naive_zone for display in meter.displays.values())
            registers = {code: self._register(display) for code, display in meter.displays.items()}
            self._directory[name] = MeterRef(*name, registers=registers, zone=zone)

    def take(self, messages: Iterable[Message], received_us: int) -> None:
        """Decode what arrives at a moment; what is rejected leaves nothing."""
        for topic, payload, _ in messages:
            for arrival in decode(topic, payload, self._directory, received_us, LIMITS).arrivals:
                key = self._keys[arrival.register_id]
                if (stored := self.readings.get(key)) is not None:
                    stored.setdefault(arrival.at, self._raw(arrival.register_id, arrival.raw, arrival.text))

    def _register(self, display: Display) -> RegisterRef:
        self._keys.append(display.point.key)
        return RegisterRef(len(self._keys) - 1, unit_factor(display), Fraction(display.point.multiplier))

    def _raw(self, register_id: int, raw: int, text: str | None) -> int | Fraction:
        if text is None:
            return raw
        key = self._keys[register_id]
        return Fraction(Decimal(text)) * self._directory[key[:2]].registers[key.register].unit_factor * MILLI


def unit_factor(display: Display) -> Fraction:
    """What one declared unit is in the unit in which the books keep the register."""
    unit = booked_unit(display) if display.point.counts else None
    return declared_factor(display.point.unit, unit, momentary=not display.point.counts)


def policy_of(register: Register, display: Display, acts: Iterable[Act]) -> Policy:
    """The policy of a register of the registry file, under these acts."""
    return compile_policy(
        register.kind,
        [_version(each) for each in register.policies],
        acts,
        unit_factor=unit_factor(display),
        multiplier=Fraction(register.multiplier),
        integrate=register.integrate,
    )


def _version(policy: PolicyVersion) -> Version:
    return Version(
        max_rate=policy.max_rate,
        resolution=policy.resolution,
        modulus=policy.modulus,
        interval_us=policy.interval_s * SECOND_US,
        gap_us=policy.gap_s * SECOND_US,
        slack_us=policy.slack_s * SECOND_US,
        noise=policy.noise,
        on_fall=policy.on_fall,
        valid_from=EVER if policy.valid_from is None else policy.valid_from,
        flat_us=None if policy.flat_s is None else policy.flat_s * SECOND_US,
        stamp=policy.stamp,
    )


def folded(register: Register, feed: Feed, readings: Mapping[int, int | Fraction]) -> Books:
    """The books of one register over all its accepted readings, and the acts that its incidents ask for."""
    key = Key(*register.key)
    told = [each for each in feed.incidents if each.kind in TOLD and each.hits(key.enterprise, key.meter)]
    display = feed.fleet.metered[key]
    counter = feed.fleet.counters.get(key)
    acts = [act for each in told if counter is not None for act in acts_of(each, counter, feed.every_us)]
    policy = policy_of(register, display, acts)
    fold = Fold(policy)
    fold.take_all(sorted(readings.items()))
    effects = fold.effects
    return Books(
        values={at: policy.rules_at(at).level(raw) for at, raw in readings.items()},
        doubts={at: said.outcome for at, said in effects.verdicts.items() if said.outcome is not Outcome.SOUND},
        events=[(kind, at) for (kind, at), shift in effects.events.items() if shift is not None],
        segments=standing(effects.segments),
        bound=lambda start, end: policy.rules_at(end).bound(end - start),
        parts=policy.parts,
        ledger={bucket: (row[0], row[1], row[2], row[3]) for bucket, row in split(effects.segments).items()},
    )
