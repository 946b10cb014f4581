"""One look at the database: what the live view shows, and its words; pure but for `take`."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from services.alerts.acts import listed
from services.figures.access import act_as
from services.figures.today import ingest_totals, today_by_enterprise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.figures.today import EnterpriseToday, IngestTotals
    from services.store.pool import Connection, Row

DISTRICT: Final = "tanfeng_district"
UNKNOWN: Final = "未知 unknown"
ALERTS: Final = 8
COLOURS: Final = {"red": "红", "yellow": "黄", "blue": "蓝"}


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """A warning that is not resolved; its summaries say what to do."""

    number: int
    rule: str
    severity: str
    colour: str
    summary_zh: str
    summary_en: str


@dataclass(frozen=True, slots=True)
class Look:
    """Totals of ingest and the day's figures so far, at one moment of a monotonic clock."""

    at_s: float
    totals: IngestTotals
    today: list[EnterpriseToday]
    alerts: tuple[OpenAlert, ...] = ()
    """What warns now, the worst first, at most `ALERTS`."""

    @property
    def energy_kwh(self) -> Decimal | None:
        """Electricity of all enterprises today; None before anything is booked."""
        return _total([row.energy_kwh for row in self.today])

    @property
    def coal_tce(self) -> Decimal | None:
        """Standard coal (calorific) of all carriers and enterprises today; None before anything is booked."""
        return _total([row.coal_tce for row in self.today])

    @property
    def emissions_kgco2(self) -> Decimal | None:
        """CO₂ of all enterprises today; None if it is unknown for one of them, never a sum that leaves it out."""
        return _total([row.emissions_kgco2 for row in self.today])

    @property
    def provisional(self) -> bool:
        """Whether a factor of an earlier data year stands in for this year's."""
        return any(row.provisional for row in self.today)


def _total(parts: Sequence[Decimal | None]) -> Decimal | None:
    known = [part for part in parts if part is not None]
    return sum(known, Decimal(0)) if parts and len(known) == len(parts) else None


async def take(con: Connection, at_s: float) -> Look:
    """Read everything the view shows, as the district sees it."""
    totals = await ingest_totals(con)
    async with con.transaction():
        await act_as(con, DISTRICT)
        today = await today_by_enterprise(con)
        rows = await listed(con, everything=False, enterprise=None, rule=None, limit=ALERTS)
    return Look(at_s, totals, today, tuple(_alert(row) for row in rows))


def _alert(row: Row) -> OpenAlert:
    words = (row[name] for name in ("rule", "severity", "colour", "summary_zh", "summary_en"))
    return OpenAlert(row["alert_id"], *words)


def alert_lines(alert: OpenAlert) -> tuple[str, str]:
    """A warning in Chinese and in English."""
    colour = COLOURS[alert.colour]
    return f"{colour} 预警 {alert.rule} · {alert.summary_zh}", f"{alert.severity} {alert.rule} · {alert.summary_en}"


def received(totals: IngestTotals) -> int:
    """Register values ingest has decided on."""
    return totals.accepted + totals.duplicates + totals.rejected


def per_second(before: Look | None, now: Look) -> float:
    """Register values per second between two looks."""
    if before is None or now.at_s <= before.at_s:
        return 0.0
    return (received(now.totals) - received(before.totals)) / (now.at_s - before.at_s)


def amount(value: Decimal | None, places: int = 0) -> str:
    """A number with separators, or unknown."""
    return UNKNOWN if value is None else f"{value:,.{places}f}"


def counts(totals: IngestTotals) -> str:
    """What ingest did, in one line."""
    return (
        f"入库 accepted {totals.accepted:,} · 重复 duplicate {totals.duplicates:,} · "
        f"挂起 held {totals.held:,}（待处理 open {totals.held_open:,}）· 拒收 rejected {totals.rejected:,}"
    )


def figures(look: Look) -> str:
    """The day's totals in one line."""
    mark = "（暂定因子 provisional factor）" if look.provisional else ""
    return (
        f"今日 today {amount(look.energy_kwh)} kWh · {amount(look.coal_tce, 3)} tce · "
        f"{amount(look.emissions_kgco2)} kgCO₂{mark}"
    )


def log_line(before: Look | None, now: Look) -> str:
    """One line for logs."""
    return f"{per_second(before, now):,.0f} 读数/s readings/s · {figures(now)} · {counts(now.totals)}"


def summary_line(look: Look) -> str:
    """The last line of a run."""
    return f"合计 total: {figures(look)} · {counts(look.totals)}"
