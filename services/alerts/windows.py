"""Looking at figures over windows: slice by slice, so that no history holds up the rules.

What changed now is read first. What lies further back (the first look, late data of years ago) is remembered in
`core.window_backlog` and read look by look, each going on where the one before has stopped.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from services.alerting.windows import decide_windows, restart
from services.alerts.evaluations import save_backlog, window_backlog
from services.alerts.rows import alerts_since
from services.alerts.watchers import WINDOW_WATCHERS
from services.model import HOUR_US

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.alerting.model import Alert, Change, Observation
    from services.alerts.watch.look import Look
    from services.store.pool import Connection

    Span = tuple[int, int]

SLICE_WINDOWS: Final = 1_000
"""At most so many windows are read at once: half a second's worth."""
LOOK_S: Final = 2.0
"""No further slice is begun after so long in one look."""
QUIET_US: Final = HOUR_US
"""How far back an open alert is looked at again when nothing of it changed."""


async def look_at_windows(con: Connection, look: Look, present: Mapping[str, Alert]) -> tuple[int, list[Change], bool]:
    """How many windows were seen, what changes, and whether none are left for the next look."""
    started, rule = time.monotonic(), look.version.rule.name
    watcher = WINDOW_WATCHERS[rule]
    before = await window_backlog(con, rule)
    since = dict.fromkeys(present, look.now - QUIET_US)
    for found in (await watcher.touched(con, look), before):
        since |= {subject: min(at, since.get(subject, at)) for subject, at in found.items()}
    extents = await watcher.extents(con, look, list(since))
    left = {subject: max(at, extents[subject][0]) for subject, at in since.items() if subject in extents}
    observed = 0
    changes: list[Change] = []
    for spans in slices(left, extents, SLICE_WINDOWS * watcher.step_us(look)):
        if observed and time.monotonic() - started > LOOK_S:
            break
        starts = {subject: await _start(con, look, subject, since_at) for subject, (since_at, _) in spans.items()}
        points = await watcher.points(con, look, {each: (starts[each], until) for each, (_, until) in spans.items()})
        for subject, (_, until) in spans.items():
            seen = points.get(subject, [])
            is_whole = until >= extents[subject][1]
            changes += await _decide(con, look, seen, subject, starts[subject], None if is_whole else until)
            observed, left[subject] = observed + len(seen), until
    rest = {subject: at for subject, at in left.items() if at < extents[subject][1]}
    await save_backlog(con, rule, [each for each in before if each not in rest], rest)
    return observed, changes, not rest


def slices(since: Mapping[str, int], extents: Mapping[str, Span], width_us: int) -> list[dict[str, Span]]:
    """What to read together, in order: windows of each subject that end later than `since`, up to the extent's end.

    The newest come first. Together they are no more than those of one subject over `width_us`, at which a longer
    stretch is cut.
    """
    found: list[dict[str, Span]] = []
    for subject, at in sorted(since.items(), key=lambda each: (-each[1], each[0])):
        until = min(extents[subject][1], at + width_us)
        if until <= at:
            continue
        group = {**found[-1], subject: (at, until)} if found else {}
        if group and len(group) * (max(end for _, end in group.values()) - at) <= width_us:
            found[-1] = group
        else:
            found.append({subject: (at, until)})
    return found


async def _start(con: Connection, look: Look, subject: str, since: int) -> int:
    """From where points must be read: one that ended exactly at `since` may go on in them."""
    duration_us = look.version.conduct.duration_us
    near = await alerts_since(con, look.version.rule.name, subject, since - 1 - duration_us)
    return restart(since - 1, duration_us, near)


async def _decide(
    con: Connection, look: Look, points: list[Observation], subject: str, start: int, until: int | None
) -> list[Change]:
    stored = await alerts_since(con, look.version.rule.name, subject, start)
    return decide_windows(points, stored, start, look.version.conduct, look.now, until)
