"""What the registry holds: district, enterprises, sites, meters, registers, their dated versions and declared acts.

The same types stand for a file and for the database's content; a plan is their difference. Amounts are exact
decimals in the register's declared unit. Instants are microseconds since 1970; None for `valid_from` is 'ever'.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from services.model import Stamp

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from services.model import ActKind, Direction, Kind, OnFall

MeterKey = tuple[str, str]
RegisterKey = tuple[str, str, str]


class PueSide(StrEnum):
    """What a register of a data centre's boundary measures; all but IT adds to the total."""

    TOTAL = "total"
    IT = "it"
    FUEL = "fuel"
    CHILLED_WATER = "chilled_water"


@dataclass(frozen=True, slots=True)
class District:
    """The district: its zone is the default of its sites; its factors turn grid electricity into CO₂."""

    code: str
    name_zh: str
    name_en: str
    zone: str
    factor_region: str
    factor_method: str
    factor_policy: str


@dataclass(frozen=True, slots=True)
class Enterprise:
    """A key energy user, 重点用能单位."""

    code: str
    district: str
    industry: str
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True)
class Ownership:
    """Whose a site is in [valid_from, valid_until) of its days; None: since or for ever."""

    valid_from: date | None
    valid_until: date | None
    enterprise: str


@dataclass(frozen=True, slots=True, order=True)
class PuePart:
    """A register inside a data centre's boundary, and the kWh that one unit of its carrier counts for."""

    side: PueSide
    register: RegisterKey
    kwh_per_unit: Decimal


@dataclass(frozen=True, slots=True)
class PueBoundary:
    """What is measured of a data centre in [valid_from, valid_until) of its days; `parts` are in order.

    `category` says where IT energy is measured: 1 UPS output, 2 PDU output, 3 input of the equipment. Below
    `minimum_it_kw` of mean IT load there is no PUE; above `limit_ratio` it is high. `reported` publishes a ratio.
    """

    valid_from: date | None
    valid_until: date | None
    category: int
    minimum_it_kw: Decimal
    limit_ratio: Decimal
    reported: RegisterKey | None
    parts: tuple[PuePart, ...]


@dataclass(frozen=True, slots=True)
class Site:
    """A plant, data centre, public building or base station; its zone says when its days begin."""

    code: str
    kind: str
    zone: str
    floor_area_m2: Decimal | None
    name_zh: str
    name_en: str
    owners: tuple[Ownership, ...]
    pue: tuple[PueBoundary, ...] = ()
    """Of a data centre; empty in a file that does not say."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a meter hangs, and at which level, in [valid_from, valid_until) of the site's days."""

    valid_from: date | None
    valid_until: date | None
    site: str
    level: int


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter, published with the credentials of `enterprise`."""

    enterprise: str
    code: str
    naive_zone: str | None
    name_zh: str
    name_en: str
    placements: tuple[Placement, ...]

    @property
    def key(self) -> MeterKey:
        """How plans and directories name it."""
        return self.enterprise, self.code


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """How a register's readings are judged from `valid_from` on.

    `max_rate`: units per hour on the primary side, None = unknown. `resolution`, `modulus` (None: no rollover) and
    `noise` as displayed, before the multiplier. `flat_s`: the longest believable standstill, None = of any length.
    """

    valid_from: int | None
    max_rate: Decimal | None
    resolution: Decimal
    modulus: Decimal | None
    interval_s: int
    gap_s: int
    slack_s: int
    noise: Decimal
    on_fall: OnFall
    flat_s: int | None = None
    stamp: Stamp = Stamp.END


@dataclass(frozen=True, slots=True)
class DeclaredAct:
    """What an operator declares to have happened to a register; values as displayed, in the declared unit."""

    kind: ActKind
    at: int
    until: int | None
    final: Decimal | None
    start: Decimal | None
    value: Decimal | None
    reading: Decimal | None
    reason: str
    number: int | None = field(default=None, compare=False)
    """Its row in the store, where it is declared already."""

    def says_as(self, other: DeclaredAct) -> bool:
        """Whether both state the same; the reason may differ."""
        return replace(self, reason=other.reason) == other


@dataclass(frozen=True, slots=True)
class Register:
    """One counted or measured quantity of a meter."""

    enterprise: str
    meter: str
    code: str
    quantity: str
    direction: Direction
    carrier: str | None
    unit: str
    kind: Kind
    integrate: bool
    multiplier: Decimal
    """The first one; later ones are acts."""
    emission_exempt: str | None
    policies: tuple[PolicyVersion, ...]
    acts: tuple[DeclaredAct, ...] = ()

    @property
    def key(self) -> RegisterKey:
        """How plans name it."""
        return self.enterprise, self.meter, self.code


@dataclass(slots=True)
class Content:
    """A whole registry, or the part of one that a file declares."""

    districts: dict[str, District] = field(default_factory=dict)
    enterprises: dict[str, Enterprise] = field(default_factory=dict)
    sites: dict[str, Site] = field(default_factory=dict)
    meters: dict[MeterKey, Meter] = field(default_factory=dict)
    registers: dict[RegisterKey, Register] = field(default_factory=dict)
    version: int = 0
    """The registry version of the database's content."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """What the store knows of an energy carrier."""

    code: str
    unit: str
    has_coal: bool
    """It has a coal coefficient, or needs none because it is a process material."""
    has_factor: bool
    """It has an enabled emission factor for the district."""
