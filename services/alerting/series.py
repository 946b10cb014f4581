"""Episodes of a series: when a figure over windows was bad long enough, and until when. A pure function of its points.

A run of known bad points that spans the duration fires at the point that completes it; a point that is not bad breaks
the run before it fires, an unknown one too. Once fired only a good point ends it: the band and the unknown do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.alerting.model import Sign

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.alerting.model import Observation


@dataclass(slots=True)
class Episode:
    """One stretch of a bad figure; `fired` None: still pending; `ended_at` None: it goes on.

    `begun` None: it began before the first point, as a stored alert says.
    """

    occurred_at: int
    begun: Observation | None
    fired: Observation | None = None
    ended_at: int | None = None
    is_firing: bool = False


def episodes(
    points: Sequence[Observation], duration_us: int, *, firing_since: int | None = None, is_cut: bool = False
) -> list[Episode]:
    """The episodes of one subject's points, which are in order of time.

    Args:
        points: Signs at instants `occurred_at`.
        duration_us: How long bad points must span to fire.
        firing_since: It fires already before the first point, since this instant.
        is_cut: The series goes on after the last point.
    """
    found: list[Episode] = []
    current = None if firing_since is None else Episode(firing_since, None, is_firing=True)
    known = points if is_cut else _without_unknown_end(points)
    for point in known:
        if current is not None and current.is_firing:
            if point.sign is Sign.GOOD:
                current.ended_at = point.occurred_at
                found.append(current)
                current = None
        elif point.sign is Sign.BAD:
            current = current or Episode(point.occurred_at, point)
            if point.occurred_at - current.occurred_at >= duration_us:
                current.fired, current.is_firing = point, True
        else:
            current = None
    return found if current is None else [*found, current]


def _without_unknown_end(points: Sequence[Observation]) -> Sequence[Observation]:
    """Windows that are unknown because their data has not come yet break nothing."""
    end = len(points)
    while end and points[end - 1].sign is Sign.UNKNOWN:
        end -= 1
    return points[:end]
