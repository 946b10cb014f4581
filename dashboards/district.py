"""区域总览: the district on one page."""

from __future__ import annotations

from typing import Final

from dashboards import words
from dashboards.board import dashboard, enterprises, grain_variable, lay
from dashboards.fields import (
    BLUE,
    COLOURED_CELL,
    COLOURED_TEXT,
    COUNT,
    GREEN,
    KW,
    KWH,
    SHARE,
    SINCE,
    TCE,
    TCO2,
    TEXT,
    YELLOW,
    Json,
    hidden,
    link,
    of,
    steps,
    unknown,
)
from dashboards.panels import bars, series, stat, table
from dashboards.shared import (
    COAL,
    MINE,
    MINE_OR_DISTRICT,
    budget_table,
    co2_sum,
    coverage_today,
    energy_sum,
    open_count,
    pue_table,
    warnings_table,
)
from dashboards.sources import (
    BY_MONTH,
    DAY,
    DAY_AT,
    DAYS,
    HOUR,
    MONTH,
    MONTH_AT,
    MONTH_HOURS,
    MONTHS,
    OPEN,
    TODAY,
    ZONE,
    is_grain,
)

DASHED: Final = {"fill": "dash", "dash": [6, 4]}
Q, H = 26 * HOUR, 3 * DAY + HOUR
"""A thousand registers: a day of quarters, three of hours; longer ranges are daily."""

YEAR_AGO: Final = f"""
SELECT sum(amount) FILTER (WHERE day >= {MONTH})
       / nullif(sum(amount) FILTER (WHERE day < {MONTH}), 0) - 1 AS "同比"
FROM report.energy_enterprise_1d
WHERE {MINE} AND carrier = 'electricity'
  AND (day BETWEEN {MONTH} AND {TODAY} - 1
       OR day BETWEEN ({MONTH} - interval '1 year')::date AND ({TODAY} - 1 - interval '1 year')::date)
HAVING count(*) > 0
"""
SILENT: Final = f"""
SELECT enterprise_zh AS "企业", jsonb_array_length(coalesce(evidence->'meters', '[]')) AS "表计数",
       (SELECT string_agg(m->>'meter', '、') FROM jsonb_array_elements(evidence->'meters') AS m) AS "表计",
       occurred_at AS "静默始于", enterprise AS enterprise_code
FROM report.alerts
WHERE rule = 'MeterSilent' AND {OPEN} AND {MINE}
ORDER BY occurred_at
"""
RANKING: Final = f"""
WITH power AS MATERIALIZED (
    SELECT enterprise, sum(amount) FILTER (WHERE day = {TODAY}) AS today, sum(amount) AS month
    FROM report.energy_enterprise_1d
    WHERE {MINE} AND carrier = 'electricity' AND day BETWEEN {MONTH} AND {TODAY} GROUP BY enterprise
), coal AS MATERIALIZED (
    SELECT enterprise, CASE WHEN bool_and(state <> 'coefficient_missing') THEN sum(coal_tce) END AS tce
    FROM report.coal_1mo
    WHERE {MINE} AND basis = 'calorific' AND month = {MONTH} GROUP BY enterprise
), carbon AS MATERIALIZED (
    SELECT enterprise, CASE WHEN bool_and(state <> 'factor_missing') THEN sum(emissions_kgco2) * 0.001 END AS tco2,
           CASE WHEN bool_or(state = 'factor_missing') THEN 'factor_missing'
                WHEN bool_or(provisional) THEN 'provisional' ELSE 'known' END AS factor
    FROM report.emissions_enterprise_1mo
    WHERE {MINE} AND month = {MONTH} GROUP BY enterprise
), alert AS MATERIALIZED (
    SELECT enterprise, count(*) AS open FROM report.alerts WHERE {OPEN} AND severity <> 'notice' GROUP BY enterprise
)
SELECT e.enterprise_zh AS "企业", p.today AS "今日用电", p.month AS "本月用电", c.tce AS "本月综合能耗",
       o.tco2 AS "本月 CO₂", o.factor AS "因子", coalesce(a.open, 0) AS "未决预警", e.enterprise AS enterprise_code
FROM report.enterprises e
LEFT JOIN power p USING (enterprise)
LEFT JOIN coal c USING (enterprise)
LEFT JOIN carbon o USING (enterprise)
LEFT JOIN alert a USING (enterprise)
WHERE e.{MINE}
ORDER BY p.month DESC NULLS LAST, 1
"""
POWER: Final = f"""
WITH part AS (
    SELECT starts_at AS time, enterprise, amount, 0.25 AS hours FROM report.energy_enterprise_15m
    WHERE {is_grain("15m", Q, H)} AND {MINE} AND carrier = 'electricity' AND $__timeFilter(starts_at)
    UNION ALL
    SELECT date_trunc('hour', starts_at), enterprise, sum(amount), count(*) * 0.25 FROM report.energy_enterprise_15m
    WHERE {is_grain("1h", Q, H)} AND {MINE} AND carrier = 'electricity' AND $__timeFilter(starts_at) GROUP BY 1, 2
    UNION ALL
    SELECT {DAY_AT}, enterprise, amount, 24 FROM report.energy_enterprise_1d
    WHERE {is_grain("1d", Q, H)} AND NOT {BY_MONTH} AND {MINE} AND carrier = 'electricity' AND {DAYS} AND day < {TODAY}
    UNION ALL
    SELECT {MONTH_AT}, enterprise, amount, {MONTH_HOURS} FROM report.energy_enterprise_1mo
    WHERE {BY_MONTH} AND {MINE} AND carrier = 'electricity' AND {MONTHS}
), top AS (
    SELECT enterprise FROM part GROUP BY enterprise ORDER BY sum(amount) DESC NULLS LAST LIMIT 10
)
SELECT p.time,
       CASE WHEN t.enterprise IS NULL THEN '其他' ELSE e.enterprise_zh || ' (' || e.enterprise || ')' END AS metric,
       sum(p.amount / p.hours) AS power
FROM part p
JOIN report.enterprises e ON e.enterprise = p.enterprise
LEFT JOIN top t ON t.enterprise = p.enterprise
GROUP BY 1, 2
ORDER BY 1, 2
"""
DAILY: Final = f"""
SELECT (day + shift)::timestamp AT TIME ZONE '{ZONE}' AS time,
       sum(amount) FILTER (WHERE shift = 0) AS "本期",
       sum(amount) FILTER (WHERE shift = 30) AS "30 天前"
FROM report.energy_enterprise_1d
CROSS JOIN LATERAL (SELECT CASE WHEN day >= {TODAY} - 30 THEN 0 ELSE 30 END AS shift) AS s
WHERE {MINE} AND carrier = 'electricity' AND day BETWEEN {TODAY} - 60 AND {TODAY} - 1
GROUP BY 1
ORDER BY 1
"""
CARBON: Final = f"""
SELECT carrier_zh AS "品种",
       CASE WHEN bool_and(state <> 'factor_missing') THEN sum(emissions_kgco2) * 0.001 END AS "CO₂"
FROM report.emissions_enterprise_1mo
WHERE {MINE} AND month = {MONTH}
GROUP BY carrier_zh
ORDER BY 2 DESC NULLS LAST
"""
BUDGETS_OVER: Final = f"""
SELECT count(DISTINCT split_part(subject, '/', 1)) AS "超预算或将超"
FROM report.alerts
WHERE (rule IN ('BudgetForecastHigh', 'BudgetPaceHigh') OR rule = 'BudgetExceeded' AND severity = 'critical')
  AND {OPEN} AND {MINE_OR_DISTRICT}
"""
SILENT_COUNT: Final = f"""
SELECT coalesce(sum(jsonb_array_length(coalesce(evidence->'meters', '[]'))), 0) AS "静默表计"
FROM report.alerts
WHERE rule = 'MeterSilent' AND {OPEN} AND {MINE}
"""


def build() -> Json:
    """The home dashboard."""
    return dashboard(
        "energy-district",
        "01 区域总览 District overview",
        "今日与本月的能耗和碳排放，谁超预算，哪个数据中心 PUE 偏高，哪些表计静默，数据是否完整。"
        "Energy and CO₂ today and this month, budgets, PUE, silent meters and completeness.",
        lay(_figures(), _warnings(), _lists(), _ranking(), _curves(), [(warnings_table(MINE_OR_DISTRICT), 24, 9)]),
        variables=[enterprises(), grain_variable()],
    )


def _figures() -> list[tuple[Json, int, int]]:
    unknowns = {"mappings": [unknown()]}
    return [
        (stat("今日用电", f"今天零时（{ZONE}）起，只计 1 级表。Electricity since midnight; level 1 meters only.",
              energy_sum("今日用电", TODAY), unit=KWH, decimals=1, **unknowns), 4, 4),
        (stat("本月用电", "本自然月，不随时间范围改变。This calendar month, whatever the range.",
              energy_sum("本月用电", MONTH), unit=KWH, decimals=1, **unknowns), 4, 4),
        (stat("本月综合能耗（当量值）", "本自然月，吨标准煤，电按当量值。Standard coal this month, calorific basis.",
              COAL, unit=TCE, decimals=1, **unknowns), 4, 4),
        (stat("今日 CO₂", "缺任何一个因子即为未知，不当作零。Unknown as soon as one factor is missing, never zero.",
              co2_sum("今日 CO₂", TODAY), unit=TCO2, decimals=1, **unknowns), 4, 4),
        (stat("本月 CO₂", "本自然月；因子暂用情况见下表“因子”列。This month; see the factor column.",
              co2_sum("本月 CO₂", MONTH), unit=TCO2, decimals=1, **unknowns), 4, 4),
        (stat("本月用电同比", "本月至昨日 ÷ 去年同期 − 1；无去年数据即未知。Month to yesterday against a year ago.",
              YEAR_AGO, unit=SHARE, decimals=1, **unknowns), 4, 4),
    ]  # fmt: skip


def _warnings() -> list[tuple[Json, int, int]]:
    alerts = {"unit": COUNT, "thresholds": words.ALERTS}
    return [
        (stat("超预算或将超", "有未决预算预警的预算数。Budgets with an open warning.", BUDGETS_OVER, **alerts), 4, 3),
        (stat("PUE 高于限值", "有未决 PUE 预警的数据中心数。Data centres with an open PUE warning.",
              open_count("PUE 预警", "rule IN ('PueHigh', 'PueReportedHigh')"), **alerts), 4, 3),
        (stat("静默表计", "已断报的表计数，名单见下。Meters that stopped reporting; listed below.",
              SILENT_COUNT, **alerts), 4, 3),
        (stat("未决预警", "预警与严重级，不含提示。Open warnings and critical ones, without notices.",
              open_count("未决预警", "severity <> 'notice'"), **alerts), 4, 3),
        (stat("今日覆盖率", "今天零时至 15 分钟前，1 级表有账的时间 ÷ 应有时间，含完全断报的表。"
              "Booked time ÷ expected time today, silent meters included.",
              coverage_today(), unit=SHARE, decimals=1, thresholds=words.COMPLETE, mappings=[unknown()]), 4, 3),
        (stat("待裁定读数", "未决的读数待定预警数。Open warnings of held readings.",
              open_count("待裁定", "rule = 'ReadingHeld'"), unit=COUNT, thresholds=steps(GREEN, (1, YELLOW))), 4, 3),
    ]  # fmt: skip


def _lists() -> list[tuple[Json, int, int]]:
    silent = table(
        "静默表计 Silent meters",
        "每行一个场所，表计在其内。One row for each site with the meters inside.",
        SILENT,
        [
            hidden("enterprise_code"),
            of("企业", width=100, links=[link("企业明细", "energy-enterprise",
                                             "var-enterprise=${__data.fields.enterprise_code}")]),
            of("表计数", width=60),
            of("表计", width=100),
            of("静默始于", unit=SINCE, width=100),
        ],
    )  # fmt: skip
    return [(budget_table(short=True), 9, 8), (pue_table(), 9, 8), (silent, 6, 8)]


def _ranking() -> list[tuple[Json, int, int]]:
    ranking = table(
        "企业排行（本月）Enterprises this month",
        "按本月用电。“无数据”“未知”都不是零；点企业名看明细。By electricity; missing is never zero.",
        RANKING,
        [
            hidden("enterprise_code"),
            of("企业", width=170, links=[link("企业明细", "energy-enterprise",
                                             "var-enterprise=${__data.fields.enterprise_code}")]),
            of("今日用电", unit=KWH, decimals=1),
            of("本月用电", unit=KWH, decimals=1),
            of("本月综合能耗", unit=TCE, decimals=1, mappings=[unknown()]),
            of("本月 CO₂", unit=TCO2, decimals=1, mappings=[unknown()]),
            of("因子", mappings=[words.FACTOR], cell=COLOURED_TEXT),
            of("未决预警", unit=COUNT, thresholds=words.ALERTS, cell=COLOURED_CELL, width=90),
        ],
    )  # fmt: skip
    carbon = bars(
        "本月 CO₂ 按品种 CO₂ by carrier",
        "缺因子的品种显示为未知。A carrier without factor is unknown.",
        CARBON,
        unit=TCO2,
        decimals=1,
        min=0,
        mappings=[unknown()],
        thresholds=steps(BLUE),
    )
    return [(ranking, 16, 9), (carbon, 8, 9)]


def _curves() -> list[tuple[Json, int, int]]:
    power = series(
        "各企业用电功率 Power by enterprise",
        "账上电量 ÷ 时长，前 10 家与其他；缺口不补。Booked energy ÷ time, top 10 and others; gaps stay gaps.",
        POWER,
        unit=KW,
        stacked=True,
        fill=40,
    )
    daily = series(
        "近 30 天日用电 Daily electricity",
        "与再前 30 天逐日对照，不随时间范围改变。Each day beside the day 30 days before, whatever the range.",
        DAILY,
        last="31d",
        unit=KWH,
        draw="bars",
        fill=60,
        overrides=[
            of("30 天前", draw="line", fill=0, line=2, dash=DASHED, color={"mode": "fixed", "fixedColor": TEXT})
        ],
    )
    return [(power, 14, 9), (daily, 10, 9)]
