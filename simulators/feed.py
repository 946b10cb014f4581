"""A fleet whose meters and networks suffer incidents: what arrives, in the order in which it arrives."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from simulators.fleet import GATEWAY_READINGS
from simulators.incidents import BUFFERED, FALSIFIED, LASTING, LEVELS, Incident, What
from simulators.levels import set_displays
from simulators.mistold import jittered, lag_us, scaled, stuck
from simulators.sample import gateway_message, meter_message
from simulators.spoilt import falsified, spoilt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulators.fleet import Fleet, Meter
    from simulators.sample import Message, Sample

LATE_TICKS: Final = (2, 3, 9, 30)
AGAIN_TICKS: Final = 20
"""After how many ticks what was sent already comes once more."""
_SILENT: Final = frozenset({What.LOST, What.UNDECIDABLE})
_WHOLE: Final = frozenset({What.LATE, What.DUPLICATE, What.RETAINED})


class Feed:
    """The messages of a fleet under incidents; a pure function of both, tick after tick.

    Incidents may be added while it runs; they take effect from the next tick on.
    """

    def __init__(self, fleet: Fleet, every_us: int, incidents: Iterable[Incident] = ()) -> None:
        self.fleet = fleet
        self.every_us = every_us
        self.incidents: list[Incident] = []
        self.aftermath: list[Message] = []
        """What must come only once everything else is stored: other values for the same moments."""
        self._by_meter: dict[tuple[str, str], list[Incident]] = defaultdict(list)
        self._due: dict[int, list[Message]] = defaultdict(list)
        self._buffers: dict[tuple[str, str], list[Sample]] = defaultdict(list)
        for incident in incidents:
            self.add(incident)

    @property
    def meters(self) -> list[Meter]:
        """Every meter."""
        return self.fleet.meters

    def add(self, incident: Incident) -> None:
        """Let it happen."""
        self.incidents.append(incident)
        for meter in self.fleet.meters:
            if incident.hits(meter.enterprise, meter.code) and incident.kind not in LEVELS:
                self._by_meter[meter.enterprise, meter.code].append(incident)
        if incident.kind in LEVELS:
            set_displays(self.fleet, incident, self.every_us)

    def tick(self, at_us: int, without: Meter | None = None) -> list[Message]:
        """What arrives at this moment, but for the live message of `without`."""
        live = [m for meter in self.fleet.meters if meter is not without for m in self._of_meter(meter, at_us)]
        before, after = self._restored(at_us)
        due = [message for moment in sorted(m for m in self._due if m <= at_us) for message in self._due.pop(moment)]
        return [*before, *due, *live, *after]

    def rest(self) -> list[Message]:
        """What is still on its way, or buffered, at the end."""
        late = [message for moment in sorted(self._due) for message in self._due.pop(moment)]
        backlog = [
            meter_message(*name, samples[n : n + GATEWAY_READINGS])
            for name, samples in self._buffers.items()
            for n in range(0, len(samples), GATEWAY_READINGS)
        ]
        self._buffers.clear()
        return [*late, *backlog]

    def _active(self, meter: Meter, at_us: int) -> Incident | None:
        mine = self._by_meter.get((meter.enterprise, meter.code), ())
        return next((incident for incident in mine if incident.from_us <= at_us < incident.until_us), None)

    def _of_meter(self, meter: Meter, at_us: int) -> list[Message]:
        incident = self._active(meter, at_us)
        samples = [sample for sample in meter.samples(at_us, self.every_us) if sample.registers]
        if not samples:
            return []
        if incident is None:
            return [meter_message(meter.enterprise, meter.code, samples)]
        return self._disturbed(incident, meter, samples, at_us)

    def _disturbed(self, incident: Incident, meter: Meter, samples: list[Sample], at_us: int) -> list[Message]:
        """What arrives of what a meter says at this moment, while an incident lasts."""
        kind = incident.kind
        if kind in _SILENT:
            return []
        if kind in BUFFERED:
            self._buffers[meter.enterprise, meter.code] += samples
            return []
        good = meter_message(meter.enterprise, meter.code, samples)
        if kind in _WHOLE:
            return self._delayed(incident, good, at_us)
        if kind is What.CONFLICT:
            self.aftermath.append(falsified(kind, meter, at_us))
            return [good]
        if kind in LASTING or kind is What.JITTER:
            return self._mistold(incident, meter, samples, at_us)
        is_value = kind in FALSIFIED or kind is What.NOISE
        return [falsified(kind, meter, at_us) if is_value else spoilt(kind, meter, at_us)]

    def _mistold(self, incident: Incident, meter: Meter, samples: list[Sample], at_us: int) -> list[Message]:
        """What a meter says that goes on with what is not so."""
        if incident.kind is What.JITTER:
            samples = [jittered(incident, meter, sample) for sample in samples]
        elif incident.kind is What.STUCK:
            samples = [stuck(incident, meter, at_us, self.every_us)]
        elif incident.kind is What.CLOCK_BEHIND:
            samples = [sample._replace(read_at_us=at_us - lag_us(incident)) for sample in samples]
        else:
            samples = [scaled(incident, meter, at_us)]
        message = meter_message(meter.enterprise, meter.code, samples)
        if incident.kind is What.CLOCK_BEHIND and samples[0].read_at_us < incident.from_us:
            self.aftermath.append(message)  # of a moment that has its reading: the first committed stands
            return []
        return [message]

    def _delayed(self, incident: Incident, good: Message, at_us: int) -> list[Message]:
        """A right reading that comes late, or more than once."""
        if incident.kind is What.LATE:
            ticks = random.Random(f"{incident}").choice(LATE_TICKS)
            self._due[at_us + ticks * self.every_us].append(good)
            return []
        good = good._replace(retain=incident.kind is What.RETAINED)
        self._due[at_us + AGAIN_TICKS * self.every_us].append(good)
        return [good, good] if incident.kind is What.DUPLICATE else [good]

    def _restored(self, at_us: int) -> tuple[list[Message], list[Message]]:
        """The backlogs that come now: those before the live readings, and those after them."""
        before: list[Message] = []
        after: list[Message] = []
        for incident in self.incidents:
            if incident.kind in BUFFERED and at_us - self.every_us < incident.until_us <= at_us:
                (after if incident.kind is What.LIVE_FIRST else before).extend(self._backlog(incident))
        return before, after

    def _backlog(self, incident: Incident) -> list[Message]:
        names = [name for name in self._buffers if incident.hits(*name)]
        samples = [(meter, sample) for _, meter in names for sample in self._buffers[incident.enterprise, meter]]
        for name in names:
            del self._buffers[name]
        if incident.kind is What.NETWORK:
            parts = (samples[n : n + GATEWAY_READINGS] for n in range(0, len(samples), GATEWAY_READINGS))
            return [gateway_message(incident.enterprise, part) for part in parts]
        if incident.kind is What.NEWEST_FIRST:
            samples.reverse()
        return [meter_message(incident.enterprise, meter, [sample]) for meter, sample in samples]
