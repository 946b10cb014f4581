"""How a person reads a budget: Chinese with English beside it, amounts rounded for the eye only."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from rich.console import Group
from rich.table import Table
from rich.text import Text

from services.model import from_us

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from services.budgets.crossings import Crossing
    from services.budgets.status import BudgetSite, BudgetStatus
    from services.store.pool import Row

STATES: Final = {
    "within": ("在预算之内", "within the budget"),
    "ahead": ("快于计划进度", "ahead of the planned curve"),
    "forecast_over": ("预计期末超预算", "forecast to end above the budget"),
    "exceeded": ("已超预算", "exceeded"),
    "unknown": ("数据不足", "unknown: data is missing"),
}
WHY: Final = {
    "data_missing": ("缺数据的场所", "sites without enough data"),
    "factor_missing": ("缺排放因子或折标系数", "a factor is missing"),
    "production_missing": ("缺产量", "production is not declared"),
    "just_begun": ("周期刚开始", "the period has just begun"),
    "no_data": ("没有数据", "no data at all"),
}
SITES: Final = {
    "known": ("已知", "known"),
    "coverage_low": ("表计数据不全", "metered data incomplete"),
    "figure_missing": ("缺月度填报", "monthly figure missing"),
    "no_data": ("无数据", "no data"),
    "factor_missing": ("缺因子", "factor missing"),
    "just_begun": ("刚开始", "just begun"),
    "not_expected": ("无表计、无填报", "neither metered nor reported"),
}
_COLOURS: Final = {"red": "red", "orange": "dark_orange", "green": "green", "grey": "bright_black"}


def report(status: BudgetStatus, sites: Sequence[BudgetSite], crossed: Sequence[Crossing]) -> Group:
    """One period: a heading with its colour and scheme, the figures, the crossings, and its own sites.

    Its own are those that are metered, reported by hand or named as a plant of it; of the others the number is told.
    """
    lines: list[Text | Table] = [
        _heading(status),
        *map(Text, [*_figures(status), *(_crossing(each, status) for each in crossed)]),
    ]
    own = [site for site in sites if site.state != "not_expected"]
    if own:
        lines.append(_sites(own, status.unit))
    if others := len(sites) - len(own):
        zh, en = SITES["not_expected"]
        lines.append(Text(f"  其余 {others} 个场所{zh} {others} further sites are {en}"))
    return Group(*lines, Text(""))


def _heading(status: BudgetStatus) -> Text:
    zh, en = STATES[status.state]
    subject = status.site or status.enterprise or status.district
    text = Text(f"{status.budget} {status.name_zh} {status.name_en} · {subject} · {status.starts_on:%Y-%m}")
    text.append(f" · {status.period}\n  ")
    text.append(f"{zh} {en} — {status.scheme_zh} {status.scheme_en}: {status.level_zh} {status.level_en}",
                style=_COLOURS.get(status.colour, ""))  # fmt: skip
    if status.why:
        text.append("\n  " + " ".join(WHY[status.why]))
        text.append(f": {', '.join(status.missing_sites)}" if status.missing_sites else "")
    return text


def _figures(status: BudgetStatus) -> list[str]:
    unit = status.unit + (f"/{status.product_unit} {status.product}" if status.product else "")
    is_over = status.actual is not None and status.actual > status.allowance
    can_fall = is_over and status.state == "unknown"  # exports are missing, so that the sum may be too large
    least = "已知部分 known so far " if can_fall else "至少 at least " if status.why == "data_missing" else ""
    lines = [
        f"  实际 actual {least}{number(status.actual)} / 预算 allowance {number(status.allowance)} {unit}"
        f" ({percent(status.used_ratio)}) · 计划进度 planned so far {number(status.planned)}"
        + (f" · 进度比 pace {status.pace_ratio:.2f}" if status.pace_ratio is not None else "")
    ]
    if status.manual is not None:
        lines.append(f"  其中 of it: 表计 metered {number(status.metered)}, 填报 by hand {number(status.manual)}")
    if status.forecast_p50 is not None:
        band = f"P10–P90 {number(status.forecast_p10)} … {number(status.forecast_p90)}"
        lines.append(
            f"  预计期末 forecast {number(status.forecast_p50)} {status.unit} ({band}, {status.forecast_method})"
        )
    if status.needed_per_day is not None and status.is_current:
        lines.append(
            f"  要在预算内结束，今起每天 to end within, {number(status.needed_per_day)} {status.unit} a day from today"
            f" (至今每天 so far {number(status.pace_per_day)})"
        )
    if status.runs_out_on is not None and status.is_current:
        lines.append(f"  按目前速度将用尽于 at this pace it runs out on {status.runs_out_on}")
    return lines


def _crossing(crossing: Crossing, status: BudgetStatus) -> str:
    level = percent(crossing.level)
    if crossing.starts_at is None:
        month = f"{crossing.figure_month:%Y-%m}" if crossing.figure_month else ""
        return f"  越过 crossed {level}: 填报 figure of {month} → {crossing.value}"
    read_at = (
        "" if crossing.read_at is None else f", 读数 reading {crossing.register} {_local(crossing.read_at, status)}"
    )
    return f"  越过 crossed {level}: 账行 row {_local(crossing.starts_at, status)}{read_at} → {crossing.told}"


def _local(at: int, status: BudgetStatus) -> str:
    moment: datetime = from_us(at).astimezone(ZoneInfo(status.zone))
    return f"{moment:%Y-%m-%d %H:%M}"


def _sites(sites: Sequence[BudgetSite], unit: str) -> Table:
    table = Table(box=None, padding=(0, 2))
    for heading in ("场所 site", f"表计 metered ({unit})", f"填报 by hand ({unit})", "覆盖 coverage", "数据 data"):
        table.add_column(heading)
    for site in sites:
        beside = "" if site.manual_beside is None else f" (不计入 not counted: {number(site.manual_beside)})"
        table.add_row(
            f"{site.enterprise}/{site.site} {site.site_zh}",
            number(site.metered),
            number(site.manual) + beside,
            percent(site.coverage_ratio),
            " ".join(SITES[site.state]),
        )
    return table


def list_table(rows: Sequence[Row]) -> Table:
    """The versions in force."""
    table = Table(title="预算 / budgets")
    for heading in (
        "代码 code",
        "年 year",
        "名称 name",
        "对象 of",
        "周期 per",
        "计量 measure",
        "单位 unit",
        "录入 by",
        "依据 source",
    ):
        table.add_column(heading)
    for row in rows:
        measure = " ".join(filter(None, (row["measure"], row["basis"], ",".join(row["carriers"] or []))))
        unit = row["unit"] + (f"/{row['product_unit']} {row['product']}" if row["product"] else "")
        by = f"{row['author']} {from_us(row['recorded_at']):%Y-%m-%d}"
        name = f"{row['name_zh']} {row['name_en']}"
        table.add_row(
            row["budget"], str(row["year"]), name, row["subject"], row["period"], measure, unit, by, row["source"]
        )
    return table


def figures_table(rows: Sequence[Row]) -> Table:
    """The figures reported by hand that are in force."""
    table = Table(title="月度填报 / figures by hand")
    for heading in ("场所 site", "品种 carrier", "月 month", "数量 amount", "出处 source", "填报 by"):
        table.add_column(heading)
    for row in rows:
        amount = f"{number(row['amount'])} {row['unit']}"
        table.add_row(row["site"], row["carrier"], f"{row['month']:%Y-%m}", amount, row["source"], row["author"])
    return table


def number(value: Decimal | None) -> str:
    """A number for the eye: at most three decimals, thousands apart; a dash where it is unknown."""
    if value is None:
        return "—"
    text = f"{value.quantize(Decimal('0.001')):,f}"
    return text.rstrip("0").rstrip(".")


def percent(share: Decimal | None) -> str:
    """A share as per cent, one decimal; a dash where it is unknown."""
    return "—" if share is None else f"{share * 100:.1f} %"
