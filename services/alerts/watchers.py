"""Which function looks for which rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from services.alerts.watch import pue
from services.alerts.watch.broker import broker_drops, login_refused, session_takeover
from services.alerts.watch.budgets import budget_exceeded, budget_forecast, budget_pace, intensity_high
from services.alerts.watch.clock_differs import clock_differs
from services.alerts.watch.clocks import clock_behind
from services.alerts.watch.demand import Demand
from services.alerts.watch.figures import backdated_change, factor_missing
from services.alerts.watch.ingest import ingest_lag
from services.alerts.watch.maintenance import maintenance_failed
from services.alerts.watch.meters import completeness_low, meter_silent
from services.alerts.watch.pue import PueWindows
from services.alerts.watch.readings import data_conflict, reading_held, register_events
from services.alerts.watch.rejected import messages_rejected
from services.alerts.watch.standstills import meter_stuck
from services.budgets.outlook import forecast_budgets

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from services.alerting.model import Observation
    from services.alerts.watch.look import Look
    from services.store.pool import Connection

    Watcher = Callable[[Connection, Look], Awaitable[list[Observation]]]


async def budget_outlook(con: Connection, look: Look) -> list[Observation]:
    """Running budgets against their forecasts, which are made anew first where they are an hour old."""
    await forecast_budgets(con, look.now)
    return await budget_forecast(con, look)


class WindowWatcher(Protocol):
    """Looks at figures over windows, only where something changed."""

    async def touched(self, con: Connection, look: Look) -> dict[str, int]:
        """Subjects whose figures may have changed, and from when on."""

    async def extents(self, con: Connection, look: Look, subjects: list[str]) -> dict[str, tuple[int, int]]:
        """Between which instants the windows of each subject end; one that is not there has none."""

    def step_us(self, look: Look) -> int:
        """How far apart the ends of two windows are."""

    async def points(
        self, con: Connection, look: Look, spans: Mapping[str, tuple[int, int]]
    ) -> dict[str, list[Observation]]:
        """The windows of each subject that end in (start, until], in order."""


WATCHERS: Final[Mapping[str, Watcher]] = {
    "MeterSilent": meter_silent,
    "MessagesRejected": messages_rejected,
    "ClockBehind": clock_behind,
    "CompletenessLow": completeness_low,
    "ReadingHeld": reading_held,
    "MeterStuck": meter_stuck,
    "ReadingOverruled": register_events,
    "RegisterBreak": register_events,
    "ActInconsistent": register_events,
    "DataConflict": data_conflict,
    "BackdatedChange": backdated_change,
    "FactorMissing": factor_missing,
    "IngestLagHigh": ingest_lag,
    "ClockDiffers": clock_differs,
    "MaintenanceFailed": maintenance_failed,
    "BrokerDrops": broker_drops,
    "SessionTakeover": session_takeover,
    "LoginRefused": login_refused,
    "BudgetExceeded": budget_exceeded,
    "BudgetPaceHigh": budget_pace,
    "BudgetForecastHigh": budget_outlook,
    "IntensityHigh": intensity_high,
}
"""Of rules about states and occurrences: everything there is to see now."""

WINDOW_WATCHERS: Final[Mapping[str, WindowWatcher]] = {
    "DemandHigh": Demand(),
    "PueHigh": PueWindows(pue.high, measured=True, reported=False),
    "PueReportedHigh": PueWindows(pue.reported_high, measured=False, reported=True),
    "PueDisagrees": PueWindows(pue.disagrees, measured=True, reported=True),
    "PueImplausible": PueWindows(pue.implausible, measured=True, reported=False),
}
"""Of rules about windows."""
