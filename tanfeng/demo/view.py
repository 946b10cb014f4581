"""What is happening, live: a table that renews itself in a terminal, or a log line every few seconds."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from services.errors import TanfengError
from services.settings import Settings
from services.store.visit import visit
from tanfeng.demo import look as looks

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from rich.console import RenderableType

    from tanfeng.demo.look import Look

LIVE_S: Final = 1.0
PLAIN_S: Final = 5.0
RATE_S: Final = 10.0
"""Readings per second are those of about so many seconds."""
NAME: Final = "tanfeng-view"
_STYLES: Final = {"red": "bold red", "yellow": "yellow", "blue": "blue"}


async def run(dsn: str, *, plain: bool, stop: asyncio.Event, api_url: str | None = None) -> None:
    """Show what is happening until `stop`; a database that is away is said and waited for.

    `plain`: a log line every few seconds instead of the live table. `api_url`: where to look; default: the settings'.
    """
    url = api_url or _api_url()
    if plain:
        await _follow(dsn, stop, PLAIN_S, Log())
        return
    with Live(console=Console(), auto_refresh=False, transient=False) as live:
        await _follow(dsn, stop, LIVE_S, lambda before, now: live.update(_screen(before, now, url), refresh=True))


async def summary(dsn: str) -> str:
    """The last line of a run: energy, standard coal, CO₂ and counts.

    Raises:
        TanfengError: The database cannot be asked.
    """
    async with visit(dsn, name=NAME) as con:
        return looks.summary_line(await looks.take(con, time.monotonic()))


async def _follow(dsn: str, stop: asyncio.Event, every_s: float, show: Callable[[Look | None, Look], None]) -> None:
    """Look every `every_s`; on a lost database start over."""
    while not stop.is_set():
        try:
            async with visit(dsn, name=NAME) as con:
                recent: deque[Look] = deque()
                while not stop.is_set():
                    now = await looks.take(con, time.monotonic())
                    while len(recent) > 1 and now.at_s - recent[0].at_s > RATE_S:
                        recent.popleft()
                    show(recent[0] if recent else None, now)
                    recent.append(now)
                    await _pause(stop, every_s)
        except TanfengError as problem:
            sys.stderr.write(f"{problem}\n")
            await _pause(stop, every_s)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


class Log:
    """Lines of log: what is booked, and each warning once, when it comes."""

    def __init__(self) -> None:
        self._told: set[int] = set()

    def __call__(self, before: Look | None, now: Look) -> None:
        """Write what is new."""
        lines = [looks.log_line(before, now)]
        for alert in now.alerts:
            if alert.number not in self._told:
                lines += looks.alert_lines(alert)
        self._told |= {alert.number for alert in now.alerts}
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()


def _api_url() -> str:
    settings = Settings()
    return f"http://{settings.api_host}:{settings.api_port}"


def _screen(before: Look | None, now: Look, url: str) -> RenderableType:
    head = Text(f"碳峰 Tanfeng · {looks.per_second(before, now):,.0f} 读数/秒 readings/s", style="bold")
    where = Text(f"接口 API {url}/docs · 停止 stop: Ctrl-C", style="dim")
    return Group(head, _table(now), *_alerts(now), Text(looks.counts(now.totals)), where)


def _alerts(now: Look) -> list[Text]:
    """The open warnings, two lines each."""
    shown = [Text("预警 warnings: " + ("" if now.alerts else "无 none"), style="bold")]
    for alert in now.alerts:
        chinese, english = looks.alert_lines(alert)
        shown += [Text(f"  {chinese}", style=_STYLES[alert.colour]), Text(f"    {english}", style="dim")]
    return shown


def _co2(value: Decimal | None, *, provisional: bool) -> str:
    return looks.amount(value) + ("*" if provisional and value is not None else "")


def _table(now: Look) -> Table:
    table = Table(title="今日 today", title_justify="left")
    table.add_column("企业 enterprise")
    for title in ("用电 energy kWh", "标煤 coal tce", "CO₂ kg"):
        table.add_column(title, justify="right")
    for row in now.today:
        co2 = looks.amount(row.emissions_kgco2) + ("*" if row.provisional else "")
        table.add_row(f"{row.name_zh} {row.name_en}", looks.amount(row.energy_kwh), looks.amount(row.coal_tce, 3), co2)
    table.add_section()
    co2 = _co2(now.emissions_kgco2, provisional=now.provisional)
    table.add_row("合计 total", looks.amount(now.energy_kwh), looks.amount(now.coal_tce, 3), co2)
    if now.provisional:
        table.caption = "* 暂定因子：本年因子尚未公布 provisional: this year's factor is not published yet"
    return table
