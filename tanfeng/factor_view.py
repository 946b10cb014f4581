"""How a person reads what a new emission factor changes: Chinese with English beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from services.alerts.words import number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from services.figures.factors import FactorKey
    from services.figures.restatement import CarbonYear, Restatement, YearChange


def told(key: FactorKey, found: Restatement) -> list[str]:
    """What is replaced, by how much it differs, and whether any booked figure changes."""
    new = found.kgco2_per_unit
    lines = [f"新增 new: {_named(key)}: {new} kgCO₂/单位 unit"]
    if found.beside is not None:
        what = "替换 replaces" if found.beside.is_replaced else "没有同名因子，最接近者 replaces none; the nearest"
        ratio = "—" if found.ratio is None else number(found.ratio)
        lines.append(f"{what}: {_named(found.beside.key)}: {found.beside.kgco2_per_unit} (× {ratio})")
    else:
        lines.append("该能源尚无任何因子。The carrier has no factor yet.")
    if not found.years:
        lines.append("没有已入账的数字会改变。No booked figure changes.")
    return lines


def years_table(years: Sequence[YearChange]) -> Table:
    """One row per enterprise and year whose CO₂ is restated, in tonnes."""
    table = Table(title="重述 restated (tCO₂)")
    for heading in ("企业 enterprise", "年 year", "用量 amount", "原 before", "新 after", "变化 change"):
        table.add_column(heading, justify="left" if heading.startswith("企业") else "right")
    for each in years:
        table.add_row(
            f"{each.name_zh} {each.enterprise}",
            str(each.year),
            f"{number(each.amount)} {each.unit}",
            _carbon(each.before),
            _carbon(each.after),
            _change(each.before.kgco2, each.after.kgco2),
        )
    return table


def _named(key: FactorKey) -> str:
    return " ".join([key.carrier, key.region, key.method, *([] if key.data_year is None else [str(key.data_year)])])


def _carbon(carbon: CarbonYear) -> str:
    if carbon.kgco2 is None:
        return "未知 unknown"
    year = "" if carbon.data_year is None else f", {carbon.data_year}"
    return f"{number(carbon.kgco2 / 1000)} ({carbon.kgco2_per_unit}{year})"


def _change(before: Decimal | None, after: Decimal | None) -> str:
    return "—" if before is None or after is None else f"{number((after - before) / 1000)}"
