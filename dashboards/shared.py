"""Queries and panels that several boards show alike."""

from __future__ import annotations

from typing import Final

from dashboards import words
from dashboards.fields import AMOUNT, COLOURED_CELL, COLOURED_TEXT, SHARE, SINCE, Json, hidden, link, of, unknown
from dashboards.panels import table
from dashboards.sources import MONTH, OPEN, TODAY, ZONE, at_most_whole

MINE: Final = "enterprise IN ($enterprise)"
MINE_OR_DISTRICT: Final = "(enterprise IN ($enterprise) OR enterprise IS NULL)"
REASON: Final = [
    of("原因", mappings=[words.REJECTION_ZH], width=345),
    of("Reason", mappings=[words.REJECTION_EN], width=480),
    of("代码", width=140),
]
"""A rejection's code three times: in Chinese, in English, and itself for whoever looks for it."""


COAL: Final = f"""
SELECT CASE WHEN bool_and(state <> 'coefficient_missing') THEN sum(coal_tce) END AS "综合能耗"
FROM report.coal_1mo
WHERE {MINE} AND basis = 'calorific' AND month = {MONTH}
HAVING count(*) > 0
"""


def energy_sum(name: str, since: str) -> str:
    """Electricity of the chosen enterprises from a day on until today."""
    return f"""
SELECT sum(amount) AS "{name}"
FROM report.energy_enterprise_1d
WHERE {MINE} AND carrier = 'electricity' AND day BETWEEN {since} AND {TODAY}
HAVING count(*) > 0
"""


def co2_sum(name: str, since: str) -> str:
    """CO2 in tonnes of today or this month; null where a factor is missing, no row where there is nothing."""
    rows = {TODAY: f"report.emissions_enterprise_1d WHERE day = {TODAY}",
            MONTH: f"report.emissions_enterprise_1mo WHERE month = {MONTH}"}[since]  # fmt: skip
    return f"""
SELECT CASE WHEN bool_and(state <> 'factor_missing') THEN sum(emissions_kgco2) * 0.001 END AS "{name}"
FROM {rows} AND {MINE}
HAVING count(*) > 0
"""


def open_count(name: str, condition: str, scope: str = MINE_OR_DISTRICT) -> str:
    """How many warnings are open; zero is a fact here, the table of warnings is always known."""
    return f'SELECT count(*) AS "{name}" FROM report.alerts WHERE {OPEN} AND {condition} AND {scope}'


def coverage_today() -> str:
    """Booked seconds of level-1 registers today ÷ those that could be booked by now, silent registers included."""
    return f"""
SELECT least(1, b.covered_s / nullif(r.registers * greatest(0, extract(epoch FROM
           now() - interval '15 minutes' - ({TODAY}::timestamp AT TIME ZONE '{ZONE}'))), 0)) AS "覆盖率"
FROM (SELECT count(*) AS registers FROM report.registers
      WHERE {MINE} AND level = 1 AND direction <> 'produced'
        AND {TODAY} >= valid_from AND {TODAY} < valid_until) AS r
CROSS JOIN (SELECT coalesce(sum(covered_s), 0) AS covered_s FROM report.energy_enterprise_1d
            WHERE {MINE} AND day = {TODAY}) AS b
WHERE r.registers > 0
"""


BUDGETS: Final = f"""
SELECT b.name_zh AS "预算", coalesce(b.enterprise_zh, '全区') AS "范围", b.state AS "状态",
       CASE WHEN a.open > 0 THEN '预警中' ELSE '无' END AS "预警",
       b.used_ratio AS "已用", b.planned_ratio AS "计划", b.forecast_p50 / nullif(b.allowance, 0) AS "预测",
       coalesce(nullif(b.why, ''), '—') AS "缺什么", {at_most_whole("b.coverage_ratio")} AS "覆盖率",
       b.allowance AS "预算量", b.actual AS "实际", b.unit AS "单位",
       coalesce(round(b.forecast_p10, 1) || ' – ' || round(b.forecast_p90, 1), '—') AS "预测区间",
       b.ends_on - {TODAY} AS "剩余天数", coalesce(b.runs_out_on::text, '—') AS "用完日期",
       b.level_zh || ' · ' || b.scheme_zh AS "等级", b.enterprise AS enterprise_code
FROM report.budget_running b
LEFT JOIN (
    SELECT split_part(subject, '/', 1) AS budget, count(*) AS open FROM report.alerts
    WHERE rule LIKE 'Budget%' AND {OPEN} GROUP BY 1
) AS a ON a.budget = b.budget
WHERE (b.enterprise IN ($enterprise) OR b.enterprise IS NULL)
ORDER BY array_position(ARRAY['exceeded', 'forecast_over', 'ahead', 'unknown', 'within'], b.state),
         b.used_ratio DESC NULLS LAST
"""
SHORT: Final = """
SELECT "预算", "状态", "预警", "已用", "计划", "预测", enterprise_code
FROM ({query}) AS b
"""


def budget_table(*, short: bool = False) -> Json:
    """Running budgets, the worst first; `short` leaves out all but the verdict."""
    used = {"unit": SHARE, "decimals": 1, "thresholds": words.USED, "cell": COLOURED_TEXT, "width": 70,
            "mappings": [unknown()]}  # fmt: skip
    more = [] if short else [
        of("覆盖率", unit=SHARE, decimals=1, thresholds=words.COMPLETE, cell=COLOURED_TEXT, mappings=[unknown()]),
        of("缺什么", mappings=[words.BUDGET_WHY]),
        of("预算量", unit=AMOUNT, decimals=1),
        of("实际", unit=AMOUNT, decimals=1, mappings=[unknown()]),
    ]  # fmt: skip
    return table(
        "预算状态 Budgets",
        "已用、计划、预测都是占本期预算的比例。“预警中”才是红色；数据不足即未知，不评为正常。"
        "Shares of this period's allowance; red only with an open warning; missing data is unknown, never fine.",
        SHORT.format(query=BUDGETS.strip()) if short else BUDGETS,
        [
            hidden("enterprise_code"),
            of("预算", width=150 if short else 200,
               links=[link("企业明细", "energy-enterprise", "var-enterprise=${__data.fields.enterprise_code}")]),
            of("状态", mappings=[words.BUDGET_STATE], cell=COLOURED_TEXT, width=100),
            of("预警", mappings=[words.OPEN_ALERT], cell=COLOURED_CELL, width=70),
            of("已用", **used),
            of("计划", unit=SHARE, decimals=1, width=70),
            of("预测", **used),
            *more,
        ],
    )  # fmt: skip


PUE_NOW: Final = f"""
SELECT p.site_zh AS "数据中心",
       max(p.pue_ratio) FILTER (WHERE p.span = '24h') AS "24 小时",
       max(p.pue_ratio) FILTER (WHERE p.span = '30d') AS "30 天",
       max(p.pue_ratio) FILTER (WHERE p.span = '12mo') AS "12 个月",
       max(p.state) FILTER (WHERE p.span = '24h') AS "状态",
       CASE WHEN max(a.open) > 0 THEN '预警中' ELSE '无' END AS "预警",
       coalesce(max(p.why) FILTER (WHERE p.span = '24h'), '—') AS "缺什么",
       p.site AS site_code, p.enterprise AS enterprise_code
FROM report.pue_current p
LEFT JOIN LATERAL (
    SELECT count(*) AS open FROM report.alerts a
    WHERE a.rule IN ('PueHigh', 'PueReportedHigh') AND a.{OPEN} AND a.site = p.site
) AS a ON true
WHERE p.{MINE}
GROUP BY p.site_zh, p.site, p.enterprise
ORDER BY max(a.open) DESC, 2 DESC NULLS LAST
"""


def pue_table() -> Json:
    """Each data centre with its newest PUE over three windows."""
    ratio = {"unit": "none", "decimals": 2, "mappings": [unknown()]}
    return table(
        "数据中心 PUE",
        "总电量 ÷ IT 电量，窗口内先求和再相除。12 个月以下是 iPUE。缺数据即未知。"
        "Energy ÷ energy over a window; below 12 months it is iPUE; unknown where data is missing.",
        PUE_NOW,
        [
            hidden("site_code"),
            hidden("enterprise_code"),
            of("数据中心", width=120,
               links=[link("PUE 明细", "energy-pue", "var-site=${__data.fields.site_code}")]),
            *(of(name, **ratio, width=65) for name in ("24 小时", "30 天", "12 个月")),
            of("状态", mappings=[words.PUE_STATE], cell=COLOURED_TEXT, width=100),
            of("预警", mappings=[words.OPEN_ALERT], cell=COLOURED_CELL, width=70),
            of("缺什么", mappings=[words.PUE_WHY]),
        ],
    )  # fmt: skip


WARNINGS: Final = """
SELECT severity AS "级别", rule AS "规则", coalesce(enterprise_zh, '全区') AS "企业", coalesce(site_zh, '—') AS "场所",
       summary_zh AS "说明", value AS "值", limit_value AS "限值", coalesce(nullif(unit, ''), '—') AS "单位",
       state AS "处理",
       occurred_at AS "发生", coalesce(acknowledged_by, '—') AS "确认人", enterprise AS enterprise_code,
       (extract(epoch FROM occurred_at - interval '6 hours') * 1000)::bigint AS from_ms,
       (extract(epoch FROM coalesce(ended_at, now()) + interval '1 hour') * 1000)::bigint AS to_ms
FROM report.alerts
WHERE {condition} AND {scope}
ORDER BY array_position(ARRAY['critical', 'warning', 'notice'], severity), occurred_at DESC
LIMIT 200
"""
AT_THE_TIME: Final = (
    "/d/energy-enterprise?var-enterprise=${__data.fields.enterprise_code}"
    "&from=${__data.fields.from_ms}&to=${__data.fields.to_ms}"
)


def warnings_table(
    scope: str, *, title: str = "未决预警 Open warnings", condition: str = OPEN, are_open: bool = True
) -> Json:
    """Warnings, the worst first, each with a link to the enterprise at that time; only open ones are coloured."""
    level = {"mappings": [words.SEVERITY], "cell": COLOURED_CELL} if are_open else {"mappings": [words.PAST_SEVERITY]}
    return table(
        title,
        "点企业看当时的曲线；规则的处理办法见手册。The enterprise links to its curves at that time.",
        WARNINGS.format(condition=condition, scope=scope),
        [
            hidden("enterprise_code"),
            hidden("from_ms"),
            hidden("to_ms"),
            of("级别", **level, width=70),
            of("规则", mappings=[words.RULE], width=130),
            of("企业", width=150, links=[{"title": "当时的企业明细", "url": AT_THE_TIME, "targetBlank": False}]),
            of("场所", width=130),
            of("处理", mappings=[words.ALERT_STATE], cell=COLOURED_TEXT, width=80),
            of("值", decimals=2, width=90),
            of("限值", decimals=2, width=90),
            of("单位", width=70),
            of("发生", unit=SINCE, width=110),
            of("确认人", width=90),
        ],
    )
