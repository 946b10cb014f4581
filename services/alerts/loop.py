"""The evaluator's loop: after each booking, coalesced, and by a timer, every rule that is due is looked for.

A rule whose look fails is logged, counted and remembered with its problem; the others go on. While the database's clock
is not believed, ClockDiffers alone is looked for.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog

from services.alerts.catalogue import RULES
from services.alerts.evaluations import booked_times, moment, save_look
from services.alerts.file import default_rules, from_settings
from services.alerts.once import look_once
from services.alerts.rule_versions import add_missing
from services.alerts.trust import Trust
from services.clocks import Clock
from services.errors import TanfengError
from services.store.pool import connect
from services.store.problems import StoreAwayError, away_problems, is_away
from services.waiting import Backoff

if TYPE_CHECKING:
    from services.alerts.evaluations import Session
    from services.alerts.rule import RuleVersion

TIMER_S: Final = 3.0
"""Meters fall silent and durations end without any commit: this often everything is looked at anyway."""
POLL_S: Final = 0.25
"""How often it is asked whether anything was booked: booking itself tells nobody, so that nobody can hold it up."""
PAUSE_S: Final = 0.5
"""At least this long between two rounds, however many commits come: they are one round's news together."""
STOP_S: Final = 2.0
"""A look that has not ended so long after being told to stop is cut off: nothing of it stands, the next one does it."""
CLOCK_RULE: Final = "ClockDiffers"
_RETRY_S: Final = (1.0, 30.0)
LONGEST_S: Final = 45.0
"""A statement that takes longer is ended; a server that does not end it is lost."""
_log = structlog.get_logger("evaluate")


class Evaluator:
    """Looks for all rules, round after round, on one connection that it renews."""

    def __init__(self, dsn: str, stop: asyncio.Event, *, timer_s: float = TIMER_S, clock: Clock | None = None) -> None:
        self.rounds = 0
        self.well_at = 0.0
        """When the latest round ended in which every look succeeded and the clock was believed (monotonic; 0: none)."""
        self.alive_at = time.monotonic()
        """When it last finished a look, or found the database away (monotonic)."""
        self.failures: dict[str, int] = {}
        self._dsn = dsn
        self._stop = stop
        self._timer_s = timer_s
        self._trust = Trust(clock or Clock())
        self._shipped = {name: version.settings for name, version in default_rules().items()}
        self._seen = -1
        """How often something had been booked when we last began to look."""
        self._backoff = Backoff(*_RETRY_S)
        self._failed = False
        self._wanted: dict[str, bool] = {}
        """Rules that something was booked for since their last look."""
        self._looked: dict[str, float] = {}

    async def run(self) -> None:
        """Evaluate until told to stop; a database that is away is waited for."""
        while not self._stop.is_set():
            try:
                with away_problems():
                    await self._connected()
            except StoreAwayError as problem:
                pause = self._backoff.next_s()
                _log.warning("database away", problem=str(problem), retry_s=round(pause, 1))
                self.alive_at = time.monotonic()
                await self._sleep(pause)

    async def _connected(self) -> None:
        con = await connect(self._dsn, name="tanfeng-evaluate", longest_s=LONGEST_S)
        cut_off = asyncio.create_task(self._cut_off(con))
        try:
            self._seen = -1
            while not self._stop.is_set():
                await self._wait(con)
                await self.round(con)
                await self._sleep(PAUSE_S)
        finally:
            cut_off.cancel()
            await con.close()

    async def _cut_off(self, con: Session) -> None:
        """Once told to stop, wait for a look that is at work, but not for long."""
        await self._stop.wait()
        await asyncio.sleep(STOP_S)
        con.terminate()

    async def round(self, con: Session) -> int:
        """Look for every rule that is due; gives how many steps the alerts took."""
        started = time.monotonic()
        if (times := await booked_times(con)) != self._seen:
            self._seen = times
            self._wanted = dict.fromkeys(RULES, True)
        steps = 0
        self._failed = not await self._trust.look(con)
        for version in (await self._versions(con)).values():
            is_judged = self._trust.is_good or version.rule.name == CLOCK_RULE
            if is_judged and self._is_due(version, time.monotonic()) and not self._stop.is_set():
                steps += await self._look(con, version)
        self.rounds += 1
        self._backoff.reset()
        self.alive_at = time.monotonic()
        if not self._failed:
            self.well_at = time.monotonic()
        if steps:
            _log.info("round", steps=steps, seconds=round(time.monotonic() - started, 3))
        return steps

    async def _versions(self, con: Session) -> dict[str, RuleVersion]:
        stored = await add_missing(con, self._shipped)
        return {
            name: from_settings(RULES[name], each.settings, each.version, each.since)
            for name, each in stored.items()
            if name in RULES
        }

    async def _look(self, con: Session, version: RuleVersion) -> int:
        name = version.rule.name
        self._wanted[name] = False
        self.alive_at = time.monotonic()
        self._looked[name] = time.monotonic()
        try:
            looked = await look_once(con, version)
        except Exception as problem:
            is_own = isinstance(problem, TanfengError)  # of a setting: whoever connects says so of the server too
            if con.is_closed() or (is_away(problem) and not is_own):
                raise
            self._failed = True
            self.failures[name] = self.failures.get(name, 0) + 1
            _log.exception("rule failed", rule=name, failures=self.failures[name])
            await save_look(con, name, await moment(con), 0, 0, f"{type(problem).__name__}: {problem}")
            return 0
        if not looked.is_done:
            self._wanted[name] = True
        if looked.steps:
            _log.info("rule", rule=name, observed=looked.observed, steps=looked.steps, seconds=round(looked.seconds, 3))
        return looked.steps

    def _is_due(self, version: RuleVersion, now: float) -> bool:
        return self._due_in(version.rule.name, version.rule.every_s, now) <= 0

    def _due_in(self, name: str, every_s: float, now: float) -> float:
        """Seconds until a rule is due: at once after a commit, else by the timer; never more often than its own."""
        if name not in self._looked:
            return 0
        least = every_s if self._wanted.get(name) else max(every_s, self._timer_s)
        return self._looked[name] + least - now

    async def _wait(self, con: Session) -> None:
        """Until something was booked, or until some rule is due."""
        while not self._stop.is_set():
            now = time.monotonic()
            first = min(self._due_in(name, rule.every_s, now) for name, rule in RULES.items())
            if first <= 0 or await booked_times(con) != self._seen:
                return
            await self._sleep(min(first, POLL_S))

    async def _sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)
