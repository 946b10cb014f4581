"""What a replay sends, in which order and when: pure functions over samples."""

from __future__ import annotations

import random
from itertools import islice
from typing import TYPE_CHECKING, Final

from services.model import QUARTER_US, SECOND_US
from simulators.replay import ion6200, opsd, plain, steel
from simulators.sample import Message, Sample, meter_message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

DEFAULT_COLUMNS: Final = {
    "steel": steel.COLUMNS,
    "opsd": {"import": opsd.PREFIX + "grid_import"},
    "ion6200": ion6200.COLUMNS,
    "csv": plain.COLUMNS,
}
"""Register → column, where the command line names none."""


def read(kind: str, lines: Iterable[str], columns: Mapping[str, str], *, interpolated: bool = True) -> list[Sample]:
    """The samples of a recording of one of the kinds of `DEFAULT_COLUMNS`."""
    if kind == "steel":
        return list(steel.samples(lines, columns))
    if kind == "opsd":
        return list(opsd.samples(lines, columns, interpolated=interpolated))
    if kind == "ion6200":
        return list(ion6200.samples(lines, columns))
    return list(plain.samples(lines, columns))


def shifted_to(samples: Sequence[Sample], now_us: int) -> list[Sample]:
    """The same readings moved by whole quarter-hours, so that the newest is within the one before `now_us`."""
    newest = max((sample.read_at_us for sample in samples), default=now_us)
    shift = (now_us - newest) // QUARTER_US * QUARTER_US
    return [Sample(sample.read_at_us + shift, sample.registers) for sample in samples]


def arranged(samples: Sequence[Sample], *, shuffle: int | None, twice: bool) -> list[Sample]:
    """The order of sending: as recorded, or shuffled by a seed; `twice` sends every reading two times."""
    order = [*samples, *samples] if twice else list(samples)
    if shuffle is not None:
        random.Random(shuffle).shuffle(order)
    return order


def messages(enterprise: str, meter: str, samples: Iterable[Sample], batch: int) -> Iterator[tuple[int, Message]]:
    """Messages of up to `batch` readings, each with the `read_at` of its last one, for the pace."""
    rest = iter(samples)
    while chunk := list(islice(rest, batch)):
        yield chunk[-1].read_at_us, meter_message(enterprise, meter, chunk)


def due_s(read_at_us: int, first_us: int, speed: float | None) -> float:
    """Seconds after the start at which a reading is due at `speed` times real time; None: at once."""
    return 0.0 if speed is None else (read_at_us - first_us) / SECOND_US / speed


def moments(samples: Iterable[Sample]) -> dict[str, list[int]]:
    """The distinct moments of each register: what must be stored in the end."""
    found: dict[str, set[int]] = {}
    for sample in samples:
        for register in sample.registers:
            found.setdefault(register, set()).add(sample.read_at_us)
    return {register: sorted(when) for register, when in found.items()}


def values(samples: Iterable[Sample]) -> int:
    """How many register values these samples carry."""
    return sum(len(sample.registers) for sample in samples)


def beyond_horizon(samples: Iterable[Sample], now_us: int, horizon_days: int) -> int:
    """How many readings are older than the horizon allows; 0 days is no horizon."""
    if horizon_days == 0:
        return 0
    oldest = now_us - horizon_days * 86_400 * SECOND_US
    return sum(sample.read_at_us < oldest for sample in samples)
