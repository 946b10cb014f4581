"""Any number of like meters, for large data sets and load: their registry file, and what each shows.

A hundred meters make a site of an enterprise of its own. Every meter counts kWh in hundredths and may run at 1,200 kW.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from simulators.loads import MINUTE_US, day_minute
from simulators.sample import Sample, gateway_message, meter_message
from simulators.shapes import FULL, VARIANTS, days

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulators.sample import Message
    from simulators.shapes import Day

PER_SITE: Final = 100
MAX_RATE_KW: Final = 1200
PEAK_KW: Final = (150, 400, 900, 1100)
SHAPES: Final = ("shifts", "kiln", "clean_room", "office", "servers")
RAW_PER_STEP: Final = 10
"""Thousandths of a kWh in a hundredth."""
REGISTER: Final = "import"


_PARTS: Final = FULL * 60 * MINUTE_US // 100
"""Parts of a hundredth of a kWh in `kW × weight × µs`."""


@dataclass(frozen=True, slots=True)
class Member:
    """One meter of the crowd."""

    number: int
    day: Day
    """Every one of its days; a closed form, so that a hundred thousand meters start at once."""

    @property
    def enterprise(self) -> str:
        """Code of its enterprise."""
        return f"crowd-{self.number // PER_SITE:04}"

    @property
    def meter(self) -> str:
        """Its code."""
        return f"m-{self.number:06}"

    def steps(self, at_us: int) -> int:
        """Hundredths of a kWh on its display."""
        number, minute, rest = day_minute(at_us)
        weighted = number * self.day.before[-1] + self.day.before[minute]
        peak = PEAK_KW[self.number % len(PEAK_KW)]
        return peak * (weighted * MINUTE_US + self.day.weights[minute] * rest) // _PARTS

    def sample(self, at_us: int) -> Sample:
        """Its reading at a moment."""
        return Sample(at_us, {REGISTER: Decimal(self.steps(at_us)).scaleb(-2)})


def members(count: int, seed: int, first: int = 0) -> list[Member]:
    """`count` meters from number `first` on; the same seed gives the same."""
    return [
        Member(n, days(SHAPES[n % len(SHAPES)], seed)[n // len(SHAPES) % VARIANTS]) for n in range(first, first + count)
    ]


def places_yaml(count: int) -> str:
    """The registry file of their enterprises and sites."""
    lines = ["district: {code: crowd, name_zh: 压测区, name_en: Crowd, zone: Asia/Shanghai, factor_region: CN-CQ}"]
    lines.append("enterprises:")
    for n in range(-(-count // PER_SITE)):
        code = f"crowd-{n:04}"
        lines += [
            f"  {code}:",
            "    industry: steel",
            f"    name_zh: 压测企业{n}",
            f"    name_en: Crowd {n}",
            f"    sites: {{{code}: {{kind: plant, name_zh: 压测厂区{n}, name_en: Crowd site {n}}}}}",
        ]
    return "\n".join(lines) + "\n"


def meters_csv(crowd: Iterable[Member]) -> str:
    """The registry file of the meters, in bulk."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(
        ("enterprise", "site", "meter", "level", "register", "carrier", "kind", "unit", "resolution", "max_rate",
         "meter_name_zh", "meter_name_en")
    )  # fmt: skip
    for each in crowd:
        name = f"{each.number}"
        rows.writerow(
            (each.enterprise, each.enterprise, each.meter, 1, REGISTER, "electricity", "total_increasing", "kWh",
             "0.01", MAX_RATE_KW, f"压测表{name}", f"Crowd meter {name}")
        )  # fmt: skip
    return text.getvalue()


def message(batch: list[tuple[Member, int]]) -> Message:
    """The readings of some meters of one enterprise, each at its own moment: one alone, or a gateway's batch."""
    first, at = batch[0]
    if len(batch) == 1:
        return meter_message(first.enterprise, first.meter, [first.sample(at)])
    return gateway_message(first.enterprise, [(each.meter, each.sample(moment)) for each, moment in batch])
