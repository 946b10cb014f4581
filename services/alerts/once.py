"""One look of one rule: observe, decide, write, in one transaction that evaluators take turns in.

Doing it twice, or in two processes, changes nothing: the second sees what the first has written.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from services.alerting.life import ended
from services.alerting.model import Sign, State
from services.alerting.occurrences import decide_occurrences
from services.alerting.states import decide_states
from services.alerts.evaluations import lock_rule, mark_of, moment, save_look
from services.alerts.rows import closed_alerts, newest_alerts, open_alerts, write_changes
from services.alerts.rule import Mode
from services.alerts.watch.look import Look
from services.alerts.watchers import WATCHERS
from services.alerts.windows import look_at_windows
from services.alerts.words import summaries
from services.model import SECOND_US

if TYPE_CHECKING:
    from services.alerting.model import Alert, Change
    from services.alerts.rule import RuleVersion
    from services.store.pool import Connection

MARGIN_US: Final = 360 * SECOND_US
"""A row is dated by its transaction's start, and a transaction may take five minutes to commit."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look came to."""

    rule: str
    observed: int
    steps: int
    seconds: float
    is_done: bool = True
    """Whether nothing is left of what was to be looked at; else the next look goes on where this one stopped."""


async def look_once(con: Connection, version: RuleVersion, *, now: int | None = None) -> Looked:
    """Look for one rule and write what changed; a rule that is switched off only ends its alerts.

    `now`: the moment to judge by, in µs; default: the database's clock. What a rule does not look at while it is off,
    it looks at when it is on again.
    """
    started, rule = time.monotonic(), version.rule.name
    async with con.transaction():
        await lock_rule(con, rule)
        present_moment = await moment(con)
        at = present_moment.at if now is None else now
        present = await open_alerts(con, rule)
        if not version.enabled:
            steps = await write_changes(con, [ended(alert, at, at) for alert in present.values()], at)
            return Looked(rule, 0, steps, time.monotonic() - started)
        mark = await mark_of(con, rule)
        since = min(mark.at, present_moment.at) - MARGIN_US
        look = Look(version, at, since, frozenset(present), mark.age)
        observed, changes, is_done = await _decide(con, look, present)
        steps = await write_changes(con, [_worded(change, version) for change in changes], at)
        seconds = time.monotonic() - started
        await save_look(con, rule, present_moment, seconds, observed)
    return Looked(rule, observed, steps, seconds, is_done)


async def _decide(con: Connection, look: Look, present: dict[str, Alert]) -> tuple[int, list[Change], bool]:
    """How much was seen, what changes, and whether that was everything."""
    version = look.version
    rule, conduct = version.rule.name, version.conduct
    if version.rule.mode is Mode.WINDOWS:
        return await look_at_windows(con, look, present)
    seen = await WATCHERS[rule](con, look)
    if version.rule.mode is Mode.OCCURRENCES:
        stored = await newest_alerts(con, rule, [each.subject for each in seen])
        return len(seen), decide_occurrences(seen, stored, conduct, look.now), True
    moments = {(alert.subject, alert.occurred_at) for alert in present.values()}
    begun = [(each.subject, each.occurred_at) for each in seen if each.sign is Sign.BAD]
    closed = await closed_alerts(con, rule, [each for each in begun if each not in moments])
    return len(seen), decide_states(seen, present, closed, conduct, look.now), True


def _worded(change: Change, version: RuleVersion) -> Change:
    """The change with its alert's words, and the version of the rule it was decided by."""
    after = change.after
    if after is None or (not change.steps and after.state is not State.PENDING):
        return change
    zh, en = summaries(version.rule, after)
    return replace(change, after=replace(after, rule_version=version.version, summary_zh=zh, summary_en=en))
