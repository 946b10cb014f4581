"""The words of the live view: rates, sums, and unknown where something is unknown."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from services.figures.today import EnterpriseToday, IngestTotals
from tanfeng.demo.look import Look, OpenAlert, alert_lines, log_line, per_second, summary_line

TOTALS = IngestTotals(accepted=1000, duplicates=20, rejected=3, held=2, held_open=1)
STEEL = EnterpriseToday(
    code="steel",
    name_zh="示例钢铁厂",
    name_en="Steelworks",
    energy_kwh=Decimal("1234567.891"),
    coal_tce=Decimal("151.728"),
    emissions_kgco2=Decimal(689),
    provisional=False,
)
TYRE = replace(
    STEEL, energy_kwh=Decimal("1000.109"), coal_tce=Decimal("0.123"), emissions_kgco2=Decimal(558), provisional=True
)
SILENT = replace(STEEL, emissions_kgco2=None)


def test_the_sums_are_those_of_the_enterprises() -> None:
    """Energy, coal and CO₂ of the district today."""
    look = Look(0.0, TOTALS, [STEEL, TYRE])
    assert (look.energy_kwh, look.coal_tce, look.emissions_kgco2) == (
        Decimal("1235568.000"),
        Decimal("151.851"),
        Decimal(1247),
    )
    assert look.provisional


def test_a_missing_factor_makes_the_sum_unknown() -> None:
    """CO₂ of one enterprise unknown: the district's is unknown, not smaller."""
    look = Look(0.0, TOTALS, [STEEL, SILENT])
    assert look.emissions_kgco2 is None
    assert "未知 unknown kgCO₂" in summary_line(look)


def test_the_rate_is_what_ingest_decided_per_second() -> None:
    """Accepted, found again and rejected, between two looks; nothing before the first."""
    later = IngestTotals(accepted=1100, duplicates=30, rejected=13, held=2, held_open=0)
    before, now = Look(10.0, TOTALS, []), Look(12.0, later, [])
    assert per_second(before, now) == 60.0
    assert per_second(None, now) == 0.0


def test_the_last_line_names_energy_co2_and_counts() -> None:
    """One line with kWh and kgCO₂, marked where a factor is provisional."""
    line = summary_line(Look(0.0, TOTALS, [STEEL, TYRE]))
    assert "\n" not in line
    for part in ("1,235,568 kWh", "151.851 tce", "1,247 kgCO₂", "provisional", "1,000", "open 1", "rejected 3"):
        assert part in line


def test_a_database_without_readings_knows_nothing() -> None:
    """Before anything is booked the figures are unknown, not zero."""
    line = log_line(None, Look(0.0, IngestTotals(0, 0, 0, 0, 0), []))
    assert line.count("未知 unknown") == 3


def test_a_warning_is_told_in_chinese_then_in_english() -> None:
    """Each with the rule's name; the Chinese one with its colour."""
    alert = OpenAlert(7, "PueHigh", "warning", "yellow", "PUE 1.62，限值 1.5", "PUE 1.62, limit 1.5")
    assert alert_lines(alert) == ("黄 预警 PueHigh · PUE 1.62，限值 1.5", "warning PueHigh · PUE 1.62, limit 1.5")
