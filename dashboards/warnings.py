"""配额与预警: budgets against plan and forecast, warnings and what became of them."""

from __future__ import annotations

from typing import Final

from dashboards import words
from dashboards.board import dashboard, enterprises, lay, query_variable
from dashboards.fields import (
    AMOUNT,
    BLUE,
    COLOURED_CELL,
    COLOURED_TEXT,
    COUNT,
    GREEN,
    GREY,
    ORANGE,
    SECONDS,
    SHARE,
    Json,
    of,
    steps,
    unknown,
)
from dashboards.panels import bars, series, stat, table
from dashboards.shared import MINE_OR_DISTRICT, budget_table, open_count, warnings_table
from dashboards.sources import OPEN, ZONE, at_most_whole

BUDGETS: Final = f"""
SELECT name_zh AS __text, budget AS __value FROM report.budget_versions
WHERE recorded_until = 'infinity' AND year = extract(year FROM now() AT TIME ZONE '{ZONE}')
  AND (enterprise IN ($enterprise) OR enterprise IS NULL)
ORDER BY 1
"""
CURVE: Final = f"""
WITH months AS MATERIALIZED (
    SELECT budget, starts_on, month, planned_so_far, actual_so_far,
           sum(allowance) OVER (PARTITION BY budget, starts_on) AS allowance
    FROM report.budget_months WHERE budget IN ($budget)
)
SELECT m.month::timestamp AT TIME ZONE '{ZONE}' AS time, m.planned_so_far / nullif(m.allowance, 0) AS "计划累计",
       m.actual_so_far / nullif(m.allowance, 0) AS "实际累计"
FROM months m
WHERE m.starts_on <= (now() AT TIME ZONE '{ZONE}')::date
  AND m.month >= date_trunc('year', now() AT TIME ZONE '{ZONE}')::date
  AND m.budget = (SELECT min(b.budget) FROM months b)
ORDER BY 1
"""
PLANTS: Final = f"""
SELECT s.budget AS "预算", s.site_zh AS "场所", s.state AS "状态", s.registers AS "示数",
       {at_most_whole("s.coverage_ratio")} AS "覆盖率",
       s.metered AS "计量", s.manual AS "填报", s.manual_beside AS "另行填报", s.missing_months AS "缺月",
       s.unit AS "单位"
FROM report.budget_running_sites s
WHERE s.budget IN ($budget) AND s.state <> 'not_expected'
ORDER BY s.budget, s.state, s.site_zh
"""
DAILY: Final = f"""
SELECT date_trunc('day', raised_at AT TIME ZONE '{ZONE}') AT TIME ZONE '{ZONE}' AS time,
       {words.named("rule", words.RULE)} AS metric, count(*) AS n
FROM report.alerts
WHERE {MINE_OR_DISTRICT} AND $__timeFilter(raised_at)
GROUP BY 1, 2
ORDER BY 1, 2
"""
KINDS: Final = f"""
SELECT rule AS "规则", count(*) FILTER (WHERE {OPEN}) AS "未决", count(*) AS "期内发生",
       count(*) FILTER (WHERE acknowledged_at IS NOT NULL) AS "已确认",
       count(*) FILTER (WHERE historical) AS "事后发现",
       avg(extract(epoch FROM acknowledged_at - raised_at)) AS "平均确认用时",
       avg(extract(epoch FROM resolved_at - raised_at)) AS "平均解除用时"
FROM report.alerts
WHERE {MINE_OR_DISTRICT} AND ({OPEN} OR $__timeFilter(raised_at))
GROUP BY rule
ORDER BY 2 DESC, 3 DESC, 1
"""
BY_ENTERPRISE: Final = f"""
SELECT coalesce(enterprise_zh, '全区') AS "企业", count(*) AS "未决预警"
FROM report.alerts
WHERE {MINE_OR_DISTRICT} AND {OPEN} AND severity <> 'notice'
GROUP BY 1
ORDER BY 2 DESC, 1
"""
UNKNOWN_BUDGETS: Final = f"""
SELECT count(*) AS "未知" FROM report.budget_running
WHERE state = 'unknown' AND {MINE_OR_DISTRICT}
"""
MAINTENANCE: Final = """
SELECT site_zh AS "场所", state AS "状态", starts_at AS "开始", ends_at AS "结束", reason AS "原因", author AS "登记人"
FROM report.maintenance
WHERE enterprise IN ($enterprise) AND state IN ('planned', 'active')
ORDER BY starts_at
"""


def build() -> Json:
    """The board of budgets and warnings."""
    closed = f"NOT {OPEN} AND $__timeFilter(raised_at)"
    return dashboard(
        "energy-warnings",
        "04 预算与预警 Budgets and warnings",
        "预算的实际、计划与预测；未决与已解除的预警及其处理。Budgets, forecasts, warnings and their handling.",
        lay(
            _figures(),
            [(budget_table(), 24, 9)],
            [(_curve(), 12, 8), (_plants(), 12, 8)],
            [(warnings_table(MINE_OR_DISTRICT), 24, 9)],
            [(_by_enterprise(), 8, 8), (_kinds(), 16, 8)],
            [(_daily(), 12, 7), (_maintenance(), 12, 7)],
            [(warnings_table(MINE_OR_DISTRICT, title="期内已解除 Resolved", condition=closed, are_open=False), 24, 8)],
        ),
        variables=[enterprises(), query_variable("budget", "预算 Budget", BUDGETS.strip())],
        time=("now-30d", "now"),
        refresh="1m",
    )


def _figures() -> list[tuple[Json, int, int]]:
    alerts = {"unit": COUNT, "thresholds": words.ALERTS}
    over = "rule = 'BudgetExceeded'"
    ahead = "rule IN ('BudgetForecastHigh', 'BudgetPaceHigh')"
    return [
        (stat("严重 Critical", "未决的严重预警。", open_count("严重", "severity = 'critical'"), **alerts), 4, 4),
        (stat("预警 Warning", "未决的预警级。", open_count("预警", "severity = 'warning'"), **alerts), 4, 4),
        (stat("提示 Notice", "未决的提示，不推送。Open notices.", open_count("提示", "severity = 'notice'"),
              unit=COUNT, thresholds=steps(GREEN, (1, BLUE))), 4, 4),
        (stat("越过预算线", "未决的超预算预警（80 % 与 100 %）。Budgets past a level.",
              open_count("越过预算线", over), **alerts), 4, 4),
        (stat("将超预算", "进度或预测超出的未决预警。Pace or forecast over.",
              open_count("将超", ahead), **alerts), 4, 4),
        (stat("状态未知的预算", "数据不足，不评为正常。Budgets whose data is missing are not called fine.",
              UNKNOWN_BUDGETS, unit=COUNT, thresholds=steps(GREEN, (1, GREY))), 4, 4),
    ]  # fmt: skip


def _curve() -> Json:
    return series(
        "累计占预算 So far this year",
        "每月末的计划累计与实际累计；选了多个预算时只画编号最前的一个。缺因子的月份之后留空。"
        "Plan and actual as shares; the first of several chosen budgets; empty after a month that is unknown.",
        CURVE,
        last="1y",
        unit=SHARE,
        thresholds=steps(GREEN, (1, ORANGE)),
        lines="dashed",
        line=2,
    )


def _plants() -> Json:
    return table(
        "预算内场所 Sites in scope",
        "缺数据的场所使预算未知。另行填报：已有计量，不重复计入。A site without data makes the budget unknown.",
        PLANTS,
        [
            of("状态", mappings=[words.SITE_STATE], cell=COLOURED_TEXT, width=110),
            of("覆盖率", unit=SHARE, decimals=1, thresholds=words.COMPLETE, cell=COLOURED_TEXT, mappings=[unknown()]),
            *(of(name, unit=AMOUNT, decimals=1) for name in ("计量", "填报", "另行填报")),
            of("示数", width=60),
            of("缺月", width=60),
            of("单位", width=70),
        ],
    )


def _by_enterprise() -> Json:
    return bars("各企业未决预警 By enterprise", "不含提示。Without notices.", BY_ENTERPRISE,
                unit=COUNT, decimals=0, min=0, thresholds=words.ALERTS)  # fmt: skip


def _kinds() -> Json:
    return table(
        "按规则 By rule",
        "未决的，加上所选范围内发生的。Open ones, and those raised within the range.",
        KINDS,
        [
            of("规则", mappings=[words.RULE], width=150),
            of("未决", thresholds=words.ALERTS, cell=COLOURED_CELL, width=70),
            *(of(name, unit=SECONDS, decimals=1) for name in ("平均确认用时", "平均解除用时")),
        ],
    )


def _daily() -> Json:
    return series("每日发生 Raised per day", "按规则堆叠。Stacked by rule.", DAILY,
                  unit=COUNT, decimals=0, draw="bars", fill=60, stacked=True)  # fmt: skip


def _maintenance() -> Json:
    state = {"type": "value", "options": {"planned": {"text": "计划", "color": BLUE, "index": 0},
                                          "active": {"text": "进行中", "color": ORANGE, "index": 1}}}  # fmt: skip
    return table(
        "检修 Maintenance",
        "检修期间预警照记，只是不推送。Warnings are kept but not sent meanwhile.",
        MAINTENANCE,
        [of("状态", mappings=[state], cell=COLOURED_TEXT, width=80), of("场所", width=130), of("登记人", width=90)],
    )
